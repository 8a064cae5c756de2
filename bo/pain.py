"""Batches as the file a bank takes: a SEPA credit transfer, ISO 20022 pain.001."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from aggregates.core import require

if TYPE_CHECKING:
    from aggregates.batch import Batch


def written(batch: Batch, form: str, now: int) -> bytes:
    """The file, valid against the schema of its form. The same batch at the same time gives the same bytes.

    Names and texts are written in the letters that every bank of the SEPA area takes.
    """
    from sepaxml import SepaTransfer
    from sepaxml.validation import ValidationError, try_valid_xml

    config = {"name": batch.name, "IBAN": batch.iban, "batch": True, "currency": "EUR"}
    transfer = SepaTransfer(config, schema=form, clean=True)
    for place, each in enumerate(batch.lines, 1):
        transfer.add_payment(
            {
                "name": _latin(each.name) or _latin(each.vendor) or each.bill,
                "IBAN": each.iban,
                "amount": each.amount.minor,
                "execution_date": batch.on,
                "description": _latin(each.ref) or each.bill,
                "endtoend_id": f"{batch.number}-{place}",
            }
        )
    page = _named(transfer.export(validate=False), batch, form, now)
    try:
        try_valid_xml(page, form)
    except ValidationError as problem:
        require(False, f"{batch.number} cannot be written as {form}: {problem.__cause__ or problem}")
    return page


def _latin(text: str) -> str:
    """In plain letters; "" for what has none, such as signs of a script that nobody has spelled out."""
    from text_unidecode import unidecode

    return str(unidecode(text)).strip()


def _named(page: bytes, batch: Batch, form: str, now: int) -> bytes:
    """With our own ids and time in place of the library's, which are random and by its own clock."""
    space = f"{{urn:iso:std:iso:20022:tech:xsd:{form}}}"
    ElementTree.register_namespace("", space[1:-1])
    tree = ElementTree.fromstring(page)  # noqa: S314  # written by us a moment ago
    for name, said in (
        ("MsgId", batch.number),
        ("CreDtTm", datetime.fromtimestamp(now // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")),
        ("PmtInfId", batch.number),
    ):
        for node in tree.iter(f"{space}{name}"):
            node.text = said
    for agent in tree.iter(f"{space}DbtrAgt"):  # with an IBAN alone, banks expect to be told so
        other = ElementTree.SubElement(agent[0], f"{space}Othr")
        ElementTree.SubElement(other, f"{space}Id").text = "NOTPROVIDED"
    body: bytes = ElementTree.tostring(tree, "utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"

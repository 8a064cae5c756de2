"""Batches as the file a bank takes: a SEPA credit transfer, ISO 20022 pain.001."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from aggregates.core import require

if TYPE_CHECKING:
    from aggregates.batch import Batch


NAME, TEXT = 70, 140
"""So many letters a bank takes."""


def written(batch: Batch, form: str, now: int) -> bytes:
    """The file, valid against the schema of its form. The same batch at the same time gives the same bytes.

    Names and texts are written in the letters that every bank of the SEPA area takes. A reference of ISO 11649 goes
    as one, so that the creditor's program reads it; any other as a text.
    """
    from sepaxml import SepaTransfer
    from sepaxml.validation import ValidationError, try_valid_xml

    config = {"name": _latin(batch.name, NAME) or batch.bank, "IBAN": batch.iban, "batch": True, "currency": "EUR"}
    transfer = SepaTransfer(config, schema=form, clean=True)
    for place, each in enumerate(batch.lines, 1):
        transfer.add_payment(
            {
                "name": _latin(each.name, NAME) or _latin(each.vendor, NAME) or each.bill,
                "IBAN": each.iban,
                "amount": each.amount.minor,
                "execution_date": batch.on,
                "description": _latin(each.ref, TEXT) or each.bill,
                "endtoend_id": end_to_end(batch.number, place),
            }
        )
    page = _named(transfer.export(validate=False), batch, form, now)
    try:
        try_valid_xml(page, form)
    except ValidationError as problem:
        require(False, f"{batch.number} cannot be written as {form}: {problem.__cause__ or problem}")
    return page


def _latin(text: str, most: int) -> str:
    """In the letters and marks of SEPA; "" for what has none, such as signs of a script that nobody has spelled out."""
    from text_unidecode import unidecode

    plain = re.sub(r"[^A-Za-z0-9/?:().,'+ -]", " ", str(unidecode(text)).replace("&", "+"))
    return re.sub(r"/{2,}", "/", " ".join(plain.split())).strip("/ ")[:most].strip("/ ")


def end_to_end(batch: str, place: int) -> str:
    """What a payment is called on its way through the banks and back."""
    return f"{batch}-{place}"


def creditor_reference(text: str) -> str:
    """A reference of ISO 11649 as it goes to the bank, `RF18539007547034`; "" for any other text."""
    from stdnum import iso11649

    return str(iso11649.compact(text)).upper() if iso11649.is_valid(text) else ""


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
    for told, each in zip(tree.iter(f"{space}RmtInf"), batch.lines, strict=True):
        reference = creditor_reference(each.ref)
        if reference:
            _structured(told, space, reference)
    body: bytes = ElementTree.tostring(tree, "utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"


def _structured(told: ElementTree.Element, space: str, reference: str) -> None:
    """A creditor's reference in place of a text."""
    told.clear()
    info = ElementTree.SubElement(ElementTree.SubElement(told, f"{space}Strd"), f"{space}CdtrRefInf")
    type_ = ElementTree.SubElement(info, f"{space}Tp")
    ElementTree.SubElement(ElementTree.SubElement(type_, f"{space}CdOrPrtry"), f"{space}Cd").text = "SCOR"
    ElementTree.SubElement(type_, f"{space}Issr").text = "ISO"
    ElementTree.SubElement(info, f"{space}Ref").text = reference

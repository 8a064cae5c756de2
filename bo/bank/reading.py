"""A file of a bank, whatever its format: told by its content, never by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aggregates.core import require
from bo.bank.statement import LONGEST, Statement, anybodys

if TYPE_CHECKING:
    from pathlib import Path

    from bo.bank.statement import Ours
    from bo.findings import Findings
    from bo.mapping import Mapping

HEAD = 1 << 16
_XML = re.compile(rb"\s*<[?!A-Za-z]")
_MARK = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?")


def read(
    data: bytes,
    findings: Findings,
    mapping: Mapping | None = None,
    currency: str = "",
    folder: Path | None = None,
    ours: Ours = anybodys,
) -> list[Statement]:
    """Every statement of a file that is ours; a mapping says that it is a table. Raises Refused for what is none."""
    require(data.strip(), f"{findings.file} is empty")
    require(len(data) <= LONGEST, f"{findings.file} is longer than {LONGEST} bytes")
    head = _MARK.sub(b"", data[:HEAD])
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:64]
    if wide:
        head = head.replace(b"\0", b"")  # UTF-16 of what every format begins with
    if mapping is None:
        from bo.bank import mt940, ofx

        if ofx.LOOKS.search(head):
            return ofx.read(data, findings, ours)
        if _XML.match(head):
            from bo.bank import camt

            return camt.read(data, findings, ours)
        if mt940.LOOKS.search(head):
            return mt940.read(data, findings, ours)
    from bo.bank import csv

    return csv.read(data, findings, mapping, currency, folder, ours)

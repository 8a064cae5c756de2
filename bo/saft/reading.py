"""An audit file read part by part: never the whole of it in memory, no DTD, no entities of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.core import require
from bo.bank.xml import DEEPEST, Node, parser, understood

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

PARTS = {"Header", "Account", "Customer", "Supplier", "TaxTableEntry", "AnalysisTypeTableEntry", "Transaction"}
"""What is handed over one by one, and then forgotten."""
TOTALS = {"NumberOfEntries", "TotalDebit", "TotalCredit"}
"""Of the general ledger; sales and purchases have theirs too, which nothing is read of."""
MOST = 1_000_000
"""Elements in one part, at most."""
_CHUNK = 1 << 16


def parts(file: BinaryIO) -> Iterator[Node]:
    """Each part of the file in its order, by its name; totals are parts without children. Raises Refused."""
    reading = parser()
    done: list[Node] = []
    path: list[str] = []
    inside: list[Node] = []
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        name = name.rpartition("}")[2]
        require(path or name == "AuditFile", "this is no SAF-T file: it does not begin with AuditFile")
        require(len(path) <= DEEPEST, "the file is nested too deeply")
        count += 1
        require(count <= MOST, "the file has too many elements in one part")
        path.append(name)
        whole = name in PARTS and "SourceDocuments" not in path
        total = name in TOTALS and path[-2] == "GeneralLedgerEntries"
        if inside or whole or total:
            node = Node(name, attributes, reading.CurrentLineNumber)
            if inside:
                inside[-1].children.append(node)
            inside.append(node)

    def end(name: str) -> None:
        nonlocal count
        path.pop()
        if inside:
            node = inside.pop()
            if not inside:
                done.append(node)
                count = 0

    def text(data: str) -> None:
        if inside:
            inside[-1].pieces.append(data)

    reading.StartElementHandler, reading.EndElementHandler, reading.CharacterDataHandler = start, end, text
    with understood():
        while piece := file.read(_CHUNK):
            reading.Parse(piece, False)
            yield from done
            done.clear()
        reading.Parse(b"", True)
    yield from done

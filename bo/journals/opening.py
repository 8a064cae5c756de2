"""A journal from its file into the books."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bo.adopting import Adoption
from bo.journals.source import Source
from bo.journals.taking import Taking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bo.findings import Findings
    from bo.journals.written import Journal
    from store.ledger import Ledger


def take_over(
    ledger: Ledger, file: str, noun: str, read: Callable[[Iterable[str], Findings, Source], Journal]
) -> list[str]:
    """Read a journal, work out what it means, and record it, or refuse."""
    into = Adoption(ledger, Path(file).name, digest="")
    source = Source(into.findings)
    journal = read(source.opened(Path(file)), into.findings, source)
    into.digest = source.digest  # what else belongs to the file is known when it is read
    Taking(journal, into).run()
    return into.finish(noun)

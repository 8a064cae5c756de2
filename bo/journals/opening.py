"""A journal from its file into the books."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from aggregates.core import Refused
from bo import files
from bo.adopting import Adoption
from bo.journals.taking import Taking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bo.findings import Findings
    from bo.journals.taking import Journal
    from store.ledger import Ledger

LONGEST = 256 << 20


def take_over(ledger: Ledger, file: str, noun: str, read: Callable[[Iterable[str], Findings], Journal]) -> list[str]:
    """Read a journal, work out what it means, and record it, or refuse."""
    with files.open_input(file) as opened:
        data = opened.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise Refused(f"{file} is longer than {LONGEST >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{file} is not UTF-8 text: see byte {error.start}") from None
    into = Adoption(ledger, Path(file).name, sha256(data).hexdigest())
    Taking(read(text.splitlines(), into.findings), into).run()
    return into.finish(noun)

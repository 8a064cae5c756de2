"""What must be so before figures can be sealed at all: the days are over, and everything recorded can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregates.core import FINANCE
from bo.checks import MENDED, Asked, Open

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.core import Views


def find(views: Views, asked: Asked) -> Iterator[Open]:
    if asked.last >= asked.today:
        yield Open(MENDED, f"{asked.last}", "the period is not over", acceptable=False)
    unread = views.value("SELECT COUNT(*) FROM verdict WHERE verdict = 'unchecked' AND compartment = ?", FINANCE)
    if unread:
        what = "your device cannot read them: let somebody close who can"
        yield Open(MENDED, f"{unread} events", what, acceptable=False)

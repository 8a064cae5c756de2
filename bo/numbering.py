"""Proves from the log that a series is without gaps, doubles and steps back in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aggregates.core import FINANCE
from aggregates.series import Opened, Series, Taken
from bo.errors import RejectedExist
from projections.series import bearers
from store.history import past

if TYPE_CHECKING:
    from projections.core import Views
    from store.ledger import Ledger


class Checked(msgspec.Struct):
    series: str
    first: str
    last: str
    numbers: int
    result: str


def checked(ledger: Ledger, views: Views, name: str) -> Checked:
    """Every number of a series in turn. Raises RejectedExist at the first that is wrong."""
    state, first, count = Series(), "", 0
    for _, payload in past(ledger, FINANCE, f"series/{name}"):
        for event in payload.events:
            wrong = _fault(state, event, views) if isinstance(event, Taken) else ""
            if wrong:
                raise RejectedExist(f"{name} is not in order: {wrong}")
            if isinstance(event, Opened | Taken):
                state = state.evolve(event)
            count += isinstance(event, Taken)
            first = first or state.number
    return Checked(name, first, state.number, count, "in order")


def _fault(state: Series, event: Taken, views: Views) -> str:
    if event.last != state.last + 1:
        return f"{event.number} follows {state.number or 'nothing'}"
    if state.on and event.on < state.on:
        return f"{event.number} is dated {event.on}, before {state.number} of {state.on}"
    documents = bearers(views, event.number)
    return "" if documents == 1 else f"{event.number} stands on {documents} documents"

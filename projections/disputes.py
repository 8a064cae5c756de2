"""Which invoices and bills are in dispute, since when, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections.core import Projection, on

if TYPE_CHECKING:
    from aggregates.bill import Disputed as BillDisputed
    from aggregates.bill import Resolved as BillResolved
    from aggregates.dunning import Disputed, Resolved
    from projections.core import Views
    from store.recorded import Recorded

_ABOUT = {"dunned": "invoice", "bill": "bill"}
"""What the streams are about in which disputes are recorded."""


class Disputes(Projection):
    """A dispute lasts from `since` to `until`, NULL while it is open."""

    version = 1
    tables = """
        CREATE TABLE dispute(document TEXT, since TEXT, until TEXT, reason TEXT);
        CREATE INDEX dispute_document ON dispute(document);
    """

    @on("dunning.disputed", "bill.disputed")
    def disputed(self, event: Disputed | BillDisputed, recorded: Recorded, views: Views) -> None:
        views.add("dispute", _document(recorded), event.on.isoformat(), None, event.reason)

    @on("dunning.resolved", "bill.resolved")
    def resolved(self, event: Resolved | BillResolved, recorded: Recorded, views: Views) -> None:
        views.run(
            "UPDATE dispute SET until = ? WHERE document = ? AND until IS NULL",
            event.on.isoformat(), _document(recorded),
        )  # fmt: skip

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        views.run("DELETE FROM dispute WHERE document = ?", recorded.key)


def _document(recorded: Recorded) -> str:
    return f"{_ABOUT[recorded.kind]}/{recorded.key}"


def reason(document: str, day: str = "?1") -> str:
    """SQL: why a document was in dispute at the end of a day, or is where that is NULL; "" if it is not.

    `document` is SQL too, for the name of its stream.
    """
    return f"""coalesce((SELECT reason FROM dispute WHERE document = {document}
        AND (until IS NULL OR until > {day}) AND ({day} IS NULL OR since <= {day})), '')"""  # noqa: S608

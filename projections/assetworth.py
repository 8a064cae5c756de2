"""What fixed assets in other currencies are worth: parts of what their cost was worth when they were acquired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from projections.bookkeys import LINES_OF
from projections.givenback import Stood

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aggregates.fixedasset import Acquired, Voided
    from projections.core import Views
    from projections.gains import Gains, Place
    from projections.givenback import Line
    from store.recorded import Recorded

TABLES = """
    CREATE TABLE billed_asset(source TEXT PRIMARY KEY, bill TEXT, account TEXT, currency TEXT, acquired INTEGER,
        voided INTEGER, minor INTEGER, base INTEGER) WITHOUT ROWID;
    CREATE INDEX billed_asset_bill ON billed_asset(bill);
"""
"""Assets whose cost a bill posted to an account, the positions at which they came and were voided, and their part of
what that is worth: unknown until something needs it."""

ACQUIRED, DEPRECIATED, DISPOSED, VOIDED = (
    f"fixedasset.{event}" for event in ("acquired", "depreciated", "disposed", "voided")
)
AT_ACQUISITION = {DEPRECIATED, DISPOSED, VOIDED}
"""An asset is no money: what it loses, or leaves with, is valued as its cost was. Only what it brings has a rate."""
RESULT = "disposal-gain", "disposal-loss"


class AssetWorth:
    """Kept up by the books while the log is folded."""

    def __init__(self, role: Callable[[str, Views], str], own: Callable[[Views], str], gains: Gains) -> None:
        self._role, self._own, self._gains = role, own, gains

    def handlers(self) -> list[tuple[str, Callable[[Any, Recorded, Views], None]]]:
        return [(ACQUIRED, self.acquired), (VOIDED, self.voided)]

    def acquired(self, event: Acquired, recorded: Recorded, views: Views) -> None:
        if not event.against and event.cost.currency != self._own(views):
            account, cost = self._role("asset-cost", views), event.cost
            views.add(
                "billed_asset", recorded.stream, f"bill/{event.bill}", account, cost.currency, recorded.position,
                None, cost.minor, None,
            )  # fmt: skip

    def voided(self, event: Voided, recorded: Recorded, views: Views) -> None:
        views.run("UPDATE billed_asset SET voided = ? WHERE source = ?", recorded.position, recorded.stream)

    def cost(self, source: str, views: Views) -> Stood | None:
        """What an asset cost: nothing where that cannot be seen; None while its worth is unknown."""
        bill = views.value("SELECT bill FROM billed_asset WHERE source = ?", source)
        if not bill:
            return _posted("e.source = ?1 AND e.event = ?2 AND p.minor > 0", views, source, ACQUIRED)
        self._share(str(bill), views)
        [(minor, base)] = views.rows("SELECT minor, base FROM billed_asset WHERE source = ?", source)
        return None if base is None else Stood(minor, base)

    def _share(self, bill: str, views: Views) -> None:
        """Each asset of a bill gets its part of what earlier ones left of the bill's worth: the last all of it."""
        from aggregates.money import proportion

        unknown = views.rows(
            """SELECT source, account, currency, acquired, minor FROM billed_asset WHERE bill = ? AND base IS NULL
            ORDER BY acquired""",
            bill,
        )
        for source, account, currency, at, minor in list(unknown):
            billed = _posted(
                """e.source = ?1 AND e.event IN ('bill.added', 'bill.edited') AND p.account = ?2 AND p.currency = ?3
                AND e.position < ?4""",
                views, bill, account, currency, at,
            )  # fmt: skip
            if billed is None:
                return
            [(taken, worth)] = views.rows(
                """SELECT coalesce(SUM(minor), 0), coalesce(SUM(base), 0) FROM billed_asset
                WHERE bill = ?1 AND account = ?2 AND acquired < ?3 AND coalesce(voided > ?3, 1)""",
                bill, account, at,
            )  # fmt: skip
            left = billed.minor - taken
            base = proportion(minor, billed.base - worth, left) if left else 0
            views.run("UPDATE billed_asset SET base = ? WHERE source = ?", base, source)

    def values(
        self, tag: str, entry: int, lines: Sequence[Line], worth: Callable[[int], int] | None, views: Views
    ) -> list[int] | None:  # fmt: skip
        """What each line is worth of what takes from an asset; `worth` is by the day's rate, if there is one."""
        from aggregates.rate import values_of

        source, minors = _source(entry, views), [line.minor for line in lines]
        cost = self.cost(source, views)
        if cost is None:
            return None
        if cost.minor:
            return _at_cost(tag, minors, cost, _lost(source, entry, views), worth)
        return values_of(minors, worth) if worth else None

    def sold(
        self, place: Place, entry: int, lines: Sequence[Line], values: Sequence[int], worth: Callable[[int], int],
        views: Views,
    ) -> None:  # fmt: skip
        """What a sale brings at its day's rate is gain or loss, even where it is none in the asset's own currency."""
        disposal = _Disposal.of([line.minor for line in lines], _lost(_source(entry, views), entry, views))
        if disposal.brings and not disposal.result:
            line, more = lines[0], worth(lines[0].minor) - values[0]
            self._gains.gain(place, "disposal", line.currency, {(line.account, line.party): more}, RESULT, views)

    def erased(self, stream: str, views: Views) -> None:
        views.run("DELETE FROM billed_asset WHERE source = ?", stream)


class _Disposal(NamedTuple):
    """Which lines there are besides the cost: they stand before it, with what was lost, or after it."""

    brings: bool
    result: bool

    @classmethod
    def of(cls, minors: Sequence[int], lost: int) -> _Disposal:
        cost = next(number for number, minor in enumerate(minors) if minor < 0)
        return cls(cost > bool(lost), cost + 1 < len(minors))


def _at_cost(
    tag: str, minors: Sequence[int], cost: Stood, lost: int, worth: Callable[[int], int] | None
) -> list[int] | None:  # fmt: skip
    """Parts of what an asset's cost is worth, which come to the whole; None while a sale has no rate."""
    from aggregates.money import proportion

    if tag == DEPRECIATED:
        part = proportion(lost + max(minors), cost.base, cost.minor) - proportion(lost, cost.base, cost.minor)
        return [part if minor > 0 else -part for minor in minors]
    values = [proportion(minor, cost.base, cost.minor) for minor in minors]
    if tag == DISPOSED:
        disposal = _Disposal.of(minors, lost)
        if disposal.brings and worth is None:
            return None
        if disposal.brings and disposal.result and worth:
            values[0] = worth(minors[0])
        values[-1 if disposal.result else 0] -= sum(values)
    return values


def _source(entry: int, views: Views) -> str:
    return str(views.value("SELECT source FROM entry WHERE id = ?", entry))


def _lost(source: str, entry: int, views: Views) -> int:
    """What an asset had lost before an entry, in its own currency."""
    lost, *_ = _sums("e.source = ?1 AND e.event = ?2 AND e.id < ?3 AND p.minor > 0", views, source, DEPRECIATED, entry)
    return lost


def _posted(which: str, views: Views, *values: object) -> Stood | None:
    """What postings come to and are worth; None while that of one is unknown."""
    minor, base, known = _sums(which, views, *values)
    return Stood(minor, base) if known else None


def _sums(which: str, views: Views, *values: object) -> tuple[int, int, bool]:
    [(minor, base, known)] = views.rows(
        f"""SELECT coalesce(SUM(p.minor), 0), coalesce(SUM(coalesce(late.base, p.base)), 0), COUNT(*) = COUNT(p.base)
        FROM entry e JOIN posting p ON {LINES_OF} LEFT JOIN late ON posting = p.id WHERE {which}""",  # noqa: S608
        *values,
    )
    return minor, base, bool(known)

"""What fixed assets post: their cost, what they lose, and their end."""

from collections.abc import Iterator

from aggregates.fixedasset import Acquired, Depreciated, Disposed, Voided
from aggregates.posting import Facts, Posting, credit, debit, keeps, posts


@keeps("fixedasset.acquired")
def asset(event: Acquired) -> dict[str, str]:
    return {"name": event.name}


@posts("fixedasset.acquired", rules=1)
def acquired(event: Acquired, facts: Facts) -> Iterator[Posting]:
    """What an asset cost stands among the assets; nothing where its bill posted it there."""
    if event.against:
        yield debit("@asset-cost", event.cost, text=event.name)
        yield credit(event.against, event.cost, text=event.name)


@posts("fixedasset.depreciated", rules=1)
def depreciated(event: Depreciated, facts: Facts) -> Iterator[Posting]:
    """What an asset lost in a month is an expense, kept apart from its cost."""
    yield debit("@depreciation", event.amount, text=facts.earlier("name"))
    yield credit("@asset-depreciation", event.amount, text=facts.earlier("name"))


@posts("fixedasset.disposed", rules=1)
def disposed(event: Disposed, facts: Facts) -> Iterator[Posting]:
    """Cost and depreciation leave the books; what it brought more or less than its book value is gain or loss."""
    name = facts.earlier("name")
    yield debit(event.to, event.proceeds, text=name)
    yield debit("@asset-depreciation", event.depreciated, text=name)
    yield credit("@asset-cost", event.cost, text=name)
    gain = event.proceeds + event.depreciated - event.cost
    yield credit("@disposal-gain" if gain.minor > 0 else "@disposal-loss", gain, text=name)


@posts("fixedasset.voided", rules=1)
def voided(event: Voided, facts: Facts) -> Iterator[Posting]:
    """An asset that should not have been entered so: what it posted, with debit and credit exchanged."""
    name = facts.earlier("name")
    if event.against:
        yield debit(event.against, event.cost, text=name)
        yield credit("@asset-cost", event.cost, text=name)
    yield debit("@asset-depreciation", event.depreciated, text=name)
    yield credit("@depreciation", event.depreciated, text=name)

"""The package that a close seals: every figure of a stretch of the books, as canonical JSON."""

from datetime import date
from hashlib import sha256

import msgspec

FORM = "bo.close/1"


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account in one currency, in minor units: debit is positive, and closing = opening + debit - credit."""

    account: str
    currency: str
    opening: int
    debit: int
    credit: int
    closing: int


class Tie(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account says of a party at the end, and of what it consists: open items, and entries by hand."""

    account: str
    party: str
    currency: str
    balance: int
    items: int
    entries: int


class Worth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account's amounts in another currency turned over, in the ledger's own."""

    account: str
    currency: str
    debit: int
    credit: int


class Total(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    currency: str
    debit: int
    credit: int


class Accepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a check of the checklist found open, and the close accepted."""

    check: str
    open: int


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the days from `first` to `last`, after the event at `position` of the log whose head `note` signs."""

    form: str
    ledger: str
    first: date
    last: date
    position: int
    note: str
    rules: tuple[int, ...]
    """The rule sets by which its entries were made."""
    entries: int
    postings: int
    digest: str
    """SHA-256 of its postings, account by account, day by day."""
    accounts: tuple[Figure, ...]
    parties: tuple[Tie, ...]
    totals: tuple[Total, ...]
    worth: tuple[Worth, ...] | None = None
    """What had no rate is worth nothing here. None in older packages where a rate was lacking, and still could come."""
    accepted: tuple[Accepted, ...] = ()
    reason: str = ""
    replaces: tuple[str, ...] = ()
    """SHA-256 of the packages that do not count any more, for their days were reopened."""


def encode(package: Package) -> bytes:
    """One value, one sequence of bytes: sorted keys, no blanks."""
    return msgspec.json.encode(package, order="sorted") + b"\n"


def decode(data: bytes, digest: str) -> Package:
    """Raises ValueError where it is not the package of this SHA-256."""
    if sha256(data).hexdigest() != digest:
        raise ValueError("it is not the package that the close names")
    return msgspec.json.decode(data, type=Package)

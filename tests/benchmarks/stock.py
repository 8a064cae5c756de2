"""The same invoices in the `eventsourcing` library as it stands, written as its manual does: SQLite, AES cipher."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import JSONTranscoder, Transcoding

from aggregates.core import Event
from tests.benchmarks.sample import Sample

Plain = dict[str, Any]


class DayAsISO(Transcoding):
    """For a type that the library does not know."""

    type = date
    name = "date"

    def encode(self, obj: date) -> str:
        return obj.isoformat()

    def decode(self, data: str) -> date:
        return date.fromisoformat(data)


class Invoice(Aggregate):
    """Its events have the fields of ours. It checks nothing and keeps little."""

    @event("Drafted")
    def __init__(
        self,
        customer: str,
        currency: str,
        lines: list[Plain],
        net: Plain,
        tax: Plain,
        total: Plain,
        ref: str,
        terms: int,
    ) -> None:
        self.customer, self.currency, self.lines, self.ref, self.terms = customer, currency, lines, ref, terms
        self.credits: dict[str, tuple[int, date]] = {}

    @event("Issued")
    def issue(
        self, number: str, on: date, customer: str, buyer: Plain, seller: Plain, currency: str, lines: list[Plain],
        taxes: list[Plain], net: Plain, tax: Plain, total: Plain, rendering: int, due: date, ref: str,
        discount: Plain | None,
    ) -> None:  # fmt: skip
        self.number, self.on, self.buyer, self.seller, self.due = number, on, buyer, seller, due
        self.total = self.owing = total["minor"]
        self.rest = lines

    @event("Paid")
    def pay(self, payment: str, amount: Plain, on: date, ref: str) -> None:
        self.credits[payment] = (amount["minor"], on)

    @event("Allocated")
    def allocate(self, allocation: int, source: str, amount: Plain, on: date) -> None:
        self.owing -= amount["minor"]
        del self.credits[source]


class Series(Aggregate):
    """The numbers that were taken."""

    @event("Begun")
    def __init__(self) -> None:
        self.last, self.number = 0, ""

    @event("Taken")
    def take(self, last: int, number: str, on: date) -> None:
        self.last, self.number, self.on = last, number, on


class Invoices(Application[UUID]):
    """All of them in one SQLite file, each event encrypted by the cipher on top of the package `cryptography`."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            {
                "PERSISTENCE_MODULE": "eventsourcing.sqlite",
                "SQLITE_DBNAME": str(path),
                "CIPHER_TOPIC": "eventsourcing.cryptography:AESCipher",
                "CIPHER_KEY": base64.b64encode(os.urandom(32)).decode(),
            }
        )
        self.series = Series()
        self.save(self.series)

    def register_transcodings(self, transcoder: JSONTranscoder) -> None:
        super().register_transcodings(transcoder)
        transcoder.register(DayAsISO())

    def prepared(self, samples: Iterable[Sample], series: Series | None = None) -> list[Aggregate]:
        """Aggregates whose events are decided and wait for `save`; the numbers are taken from a series."""
        series = series or self.series
        made: list[Aggregate] = []
        for sample in samples:
            drafted, issued, paid, allocated = map(fields, sample.events)
            invoice = Invoice(**drafted)
            invoice.issue(**issued)
            invoice.pay(**paid)
            invoice.allocate(**allocated)
            series.take(**fields(sample.taken))
            made.append(invoice)
        return [*made, series]


def fields(of: Event) -> Plain:
    """The fields of an event without our structs: decimals and dates stay what they are."""
    found: Plain = msgspec.to_builtins(of, builtin_types=(Decimal, date))
    del found["type"]
    return found

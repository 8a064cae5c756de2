"""Templates of journal entries, as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections.core import Projection, on
from store.errors import NotFound

if TYPE_CHECKING:
    from aggregates.entrytemplate import Defined, Ended
    from projections.core import Views
    from store.recorded import Recorded


class EntryTemplates(Projection):
    version = 1
    tables = """
        CREATE TABLE entry_template(template TEXT PRIMARY KEY, text TEXT, variables TEXT) WITHOUT ROWID;
        CREATE TABLE entry_template_line(template TEXT, line INTEGER, account TEXT, debit TEXT, credit TEXT, text TEXT,
            party TEXT, tax TEXT, dimensions TEXT, PRIMARY KEY(template, line)) WITHOUT ROWID;
    """

    @on("entrytemplate.defined")
    def defined(self, event: Defined, recorded: Recorded, views: Views) -> None:
        _forget(recorded.key, views)
        named = dict.fromkeys(each.variable for each in event.parts if each.variable)
        views.add("entry_template", recorded.key, event.text, " ".join(named))
        for line, each in enumerate(event.parts, 1):
            sides = (each.amount, "") if each.side == "debit" else ("", each.amount)
            views.add(
                "entry_template_line", recorded.key, line, each.account, *sides, each.text, each.party, each.tax,
                " ".join(each.dimensions),
            )  # fmt: skip

    @on("entrytemplate.ended")
    def ended(self, event: Ended, recorded: Recorded, views: Views) -> None:
        _forget(recorded.key, views)

    @on("erasure.erased")
    def erased(self, event: object, recorded: Recorded, views: Views) -> None:
        kind, _, ref = recorded.key.partition("/")
        if kind == "entrytemplate":
            _forget(ref, views)
        views.run("UPDATE entry_template_line SET party = '[erased]' WHERE party = ?", recorded.key)


def _forget(template: str, views: Views) -> None:
    views.run("DELETE FROM entry_template WHERE template = ?", template)
    views.run("DELETE FROM entry_template_line WHERE template = ?", template)


class Listed(msgspec.Struct):
    template: str
    text: str
    variables: str
    """What has to be given when it is used."""


class Line(msgspec.Struct):
    account: str
    debit: str
    credit: str
    text: str
    party: str
    tax: str
    dimensions: str


class Template(Listed):
    lines: list[Line]


def listed(views: Views) -> list[Listed]:
    return views.all(Listed, "SELECT template, text, variables FROM entry_template ORDER BY template")


def shown(views: Views, template: str) -> Template:
    """One template with its lines."""
    found = views.one(Listed, "SELECT template, text, variables FROM entry_template WHERE template = ?", template)
    if found is None:
        raise NotFound(f"{template} was ended, or began before your access")
    lines = views.all(
        Line,
        """SELECT account, debit, credit, text, party, tax, dimensions FROM entry_template_line
            WHERE template = ? ORDER BY line""",
        template,
    )
    return Template(**msgspec.structs.asdict(found), lines=lines)

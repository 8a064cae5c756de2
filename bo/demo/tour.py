"""The tour: what to look at when the year is over, as commands and what they print."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from bo.demo.cast import ALICE, BOB, CAROL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bo.demo.stage import Stage

SIGHTS = (
    ("What this is, and how far it reaches.", "status"),
    ("What customers owe, the longest overdue first.", "invoice unpaid --limit 6"),
    ("The same by age.", "invoice aging"),
    ("The same as it was known half a year ago.", "invoice aging --known-at {then} --as-of {then}"),
    ("What is on file; what the papers say can be searched.", "doc list --columns reference,title,filed,links"),
    ("", "doc search borax --columns reference,title,found"),
    ("Who may do what. Bob has left; Carol sees the finances from the day she came.", "access list"),
    (
        "A correction keeps what was there before.",
        "record history C-2 --columns at,person,field,before,after,reason --sort -at --limit 1",
    ),
    ("What was tried in vain is kept as well.", "audit trail --actor carol --columns at,who,command,changes,mark"),
    ("The last things that happened.", "audit trail --limit 8 --columns position,at,who,device,command,what,subject"),
    ("Every leaf, signature, key row and document, verified from the beginning.", "audit verify --full"),
)


def walk(stage: Stage, now: datetime, year: int) -> Iterator[str]:
    """Paragraphs to print."""
    then = (now - timedelta(days=182)).date().isoformat()
    for remark, template in SIGHTS:
        words = template.format(then=then)
        told = f"# {remark}\n" if remark else ""
        yield f"{told}$ bo {words}\n{stage.say(ALICE, now, *words.split())}"
    yield f"# The same list, as each of them can read it: each has keys of his own.\n{_seen(stage, now)}"
    yield _next(stage, year)


def _seen(stage: Stage, now: datetime) -> str:
    counts = {}
    for actor in (ALICE, BOB, CAROL):
        listed = msgspec.json.decode(stage.say(actor, now, "invoice", "list", "--json"))
        counts[actor] = sum(row["status"] != "draft" for row in listed)
    return "\n".join(f"{actor} sees {count} invoices" for actor, count in counts.items())


def _next(stage: Stage, year: int) -> str:
    return f"""# Now it is yours. {stage.books} is the ledger; each person's keys and views stand beside it.
export BO_HOME={stage.home(ALICE)} BO_LEDGER={stage.books}
bo invoice list --status open
bo invoice show INV-{year}-0001
bo invoice draft C-1 --line "Paper lantern, large;4;29.00;19"
bo audit trail INV-{year}-0001
bo record erase C-4 --reason "asked to be forgotten" --dry-run
BO_HOME={stage.home(CAROL)} bo invoice list
strings {stage.books / "ledger.db"} | grep -i lantern      # nothing: all of it is encrypted"""

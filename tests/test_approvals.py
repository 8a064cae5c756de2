"""Approvals hold at replay: their author held the right, is another person, and saw what is approved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
import pytest

from aggregates.batch import Approved as BatchApproved
from aggregates.batch import Batch
from aggregates.bill import Approved, Bill
from aggregates.core import FINANCE, Event, Refused, replace
from aggregates.entry import Approved as EntryApproved
from aggregates.entry import Declined, Entry, Posted, Proposed, Withdrawn
from aggregates.entrylimit import Changed as LimitChanged
from aggregates.entrylimit import Limits
from aggregates.money import Money, eur
from aggregates.period import Periods
from aggregates.posting import credit, debit
from aggregates.series import Series
from aggregates.written import Limit, reached
from bo.session import Session
from projections.core import open_views
from store.payload import event_types
from store.transaction import Transaction
from tests.desks import Company, Desk
from tests.ledgers import DAY
from tests.test_review import plain, wrote

IBANS = "DE89370400440532013000", "FR1420041010050500013M02606"
BILL, BATCH = "BILL-2026-0001", "BATCH-2026-0001"
LATER = "2026-02-10T12:00:00Z"
LACKS = "takes the right to approve, which its author did not hold"
JANUARY = date(2026, 1, 1), date(2026, 1, 31), date(2026, 12, 31)


@dataclass
class Team:
    """Alice owns the ledger, bob keeps its books with her, and carol writes finance but approves nothing."""

    company: Company
    alice: Desk
    bob: Desk
    carol: Desk
    session: Session
    """Carol's, with which she may write what she likes."""


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    company = Company(tmp_path)
    alice = company.alice
    bob, carol = company.enrol("bob"), company.enrol("carol")
    company.grant("bob", "accountant", "--history", "all")
    company.grant("carol", "write", "--on", "finance", "--history", "all")
    alice("record", "add", "vendor", "V-1", "--set", "name=Paper", "--set", f"iban={IBANS[1]}")
    alice("bank", "add", "MAIN", "--name", "Main", "--iban", IBANS[0])
    alice("bill", "add", "V-1", "--ref", "1", "--on", "2026-01-02", "--line", "Paper;1;100;19")
    session = carol.session()
    session.pull()
    yield Team(company, alice, bob, carol, session)
    session.close()


def reasons(desk: Desk) -> list[str]:
    """Why the content of commits was rejected, as a machine has it."""
    session = desk.session()
    session.pull()
    rows = session.client.db.execute("SELECT reason FROM verdict WHERE verdict = 'rejected' ORDER BY first").fetchall()
    session.close()
    return [why for (why,) in rows]


def agreed(team: Team) -> list[str]:
    """The reasons everybody finds: who followed, who follows from the beginning, and who audits it all."""
    found = reasons(team.bob)
    assert reasons(team.carol) == reasons(team.alice) == found
    shutil.rmtree(team.bob.home / "views")
    assert reasons(team.bob) == found
    team.bob("view", "rebuild")
    assert reasons(team.bob) == found
    team.alice("audit", "verify", "--full", code=10 if found else 0)
    return found


def digest(team: Team, cls: type[Bill] | type[Batch], number: str) -> str:
    session = team.alice.session()
    found: str = session.load(cls, number).digest
    session.close()
    return found


def test_a_bill_approved_without_the_right_is_rejected_by_everybody(team: Team) -> None:
    me = team.session.person
    wrote(team.session, FINANCE, f"bill/{BILL}", plain(Approved(digest(team, Bill, BILL), DAY, me)))
    assert agreed(team) == [f"bill.approved {LACKS}"]
    team.alice("payment", "record", "V-1", "119", "--for", BILL, code=3)
    assert "is not approved" in team.alice.said
    team.bob("bill", "approve", BILL)
    assert team.alice.first("payment", "record", "V-1", "119", "--for", BILL) == "PAY-2026-0001"


def test_a_batch_approved_without_the_right_is_rejected_by_everybody(team: Team) -> None:
    team.bob("bill", "approve", BILL)
    team.alice("payment", "batch", "propose", "--bank", "MAIN", "--until", "2026-12-31")
    me = team.session.person
    wrote(team.session, FINANCE, f"batch/{BATCH}", plain(BatchApproved(digest(team, Batch, BATCH), me)))
    assert agreed(team) == [f"batch.approved {LACKS}"]
    team.alice("payment", "batch", "export", BATCH, "-o", str(team.company.folder / "x"), code=3)


def test_neither_proposes_nor_agrees_to_a_reopening_who_may_not_approve(team: Team) -> None:
    alice, me = team.alice, team.session.person
    alice("period", "close", "2026-01", "--accept", "bills", "--reason", "x", BO_NOW=LATER)
    closed = team.session.load(Periods, "books")
    asked = closed.reopen(*JANUARY, "late", me, DAY)
    wrote(team.session, FINANCE, "period/books", plain(asked))
    alice("period", "reopen", "2026-01", "--until", "2026-12-31", "--reason", "late", BO_NOW=LATER)
    agrees = team.session.load(Periods, "books").reopen(*JANUARY, "", me, DAY)
    wrote(team.session, FINANCE, "period/books", plain(agrees))
    wrote(team.session, FINANCE, "period/books", plain(replace(agrees, what="locked")))
    lacks = f"period.changed {LACKS}"
    assert agreed(team) == [lacks, lacks, "a reopening is called something else"]
    alice("journal", "add", "--on", "2026-01-02", "--line", "6200;1;;x", "--line", "@bank;;1", code=3, BO_NOW=LATER)
    assert "lies in a closed period" in alice.said


def test_the_rights_are_those_before_the_commit(team: Team) -> None:
    """What was approved while the right was held stays so, for those who come later too."""
    team.bob("bill", "approve", BILL)
    team.alice("access", "revoke", "bob", "accountant", "--reason", "elsewhere now")
    team.company.grant("bob", "write", "--on", "finance", "--history", "all")
    team.alice("bill", "add", "V-1", "--ref", "2", "--on", "2026-01-03", "--line", "Paper;1;100;19")
    session = team.bob.session()
    session.pull()
    said = plain(Approved(digest(team, Bill, "BILL-2026-0002"), DAY, session.person))
    wrote(session, FINANCE, "bill/BILL-2026-0002", said)
    session.close()
    assert agreed(team) == [f"bill.approved {LACKS}"]
    assert [row["approved"] for row in team.alice.json("bill", "list")] == ["", "bob"]


def test_who_is_given_the_keys_later_reaches_the_same_verdicts(team: Team) -> None:
    dora = team.company.enrol("dora")
    team.bob("bill", "approve", BILL)
    team.alice("bill", "edit", BILL, "--text", "changed")
    me = team.session.person
    wrote(team.session, FINANCE, f"bill/{BILL}", plain(Approved(digest(team, Bill, BILL), DAY, me)))
    assert reasons(dora) == []
    team.alice("access", "revoke", "bob", "accountant", "--reason", "elsewhere now")
    team.company.grant("dora", "read", "--on", "finance", "--history", "all")
    assert reasons(dora) == [f"bill.approved {LACKS}"]
    trail = [row["what"] for row in dora.json("bill", "history", BILL)]
    assert trail == ["bill.added", "bill.approved", "bill.edited"], "what bob approved while he might"


def test_the_writer_asks_by_the_same_code(team: Team) -> None:
    def work(tx: Transaction) -> None:
        tx.append(Bill, BILL, Approved(tx.state(Bill, BILL).digest, DAY, tx.person))

    with pytest.raises(Refused, match=f"bill.approved {LACKS}"):
        team.session.commit(work)


def test_nothing_is_approved_before_it_is_there(team: Team) -> None:
    """Else an approval of nothing would hold for whatever is entered there later."""
    for cls, stream, event in (
        (Bill, "bill/BILL-2026-0002", Approved(Bill().digest, DAY, "")),
        (Batch, f"batch/{BATCH}", BatchApproved(Batch().digest, "")),
    ):
        session = team.bob.session()
        session.pull()
        wrote(session, FINANCE, stream, plain(replace(event, by=session.person)))
        session.close()
        assert cls().contradiction(event, ())
    assert agreed(team) == [
        "a bill was approved before it was entered", "a batch was approved before it was proposed",
    ]  # fmt: skip


def test_every_event_that_is_an_approval_takes_the_right() -> None:
    named = {tag for tag in event_types() if tag.rpartition(".")[2] == "approved"}
    takes = {tag for tag, kind in event_types().items() if kind.right is not Event.right}
    assert named <= takes
    assert takes - named == {"entry.declined", "entrylimit.changed", "period.changed"}


def test_a_reading_of_content_knows_the_people_before_it(team: Team) -> None:
    """The check is the reader's own: a program that asks nobody shows the forged approval."""
    me = team.session.person
    wrote(team.session, FINANCE, f"bill/{BILL}", plain(Approved(digest(team, Bill, BILL), DAY, me)))
    careless = team.bob.session()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("store.contents.overreach", lambda *rest: "")
        careless.pull()
    assert open_views(careless).value("SELECT approved_by FROM bill") == me
    careless.close()


# Entries over the limit

LARGE = ("journal", "add", "--on", "2026-01-05", "--line", "6200;900;;Rent", "--line", "@bank;;900")
JE = "JE-2026-0001"
LINES = debit("6200", eur(900)), credit("1200", eur(900))
LIMIT = (eur(500),)


@pytest.fixture
def limited(team: Team) -> Team:
    """Entries from 500 EUR on need an approval, and alice has proposed one of 900."""
    team.alice("journal", "limit", "set", "500", "--reason", "four eyes")
    assert team.alice.first(*LARGE) == JE
    team.session.pull()
    return team


def balance(desk: Desk) -> list[str]:
    return [row["debit"] for row in desk.json("report", "trial-balance") if row["account"] == "6200"]


def entered(team: Team, **changes: object) -> None:
    """An entry of 900 EUR with the next number, as a changed program of carol's says that it stands."""
    session = team.session
    number = "JE-2026-0002"
    said = plain(replace(Posted(number, DAY, "Rent", LINES, limit=LIMIT), **changes))
    session.pull()
    taken = session.load(Series, "JE-2026").take("JE", 2026, DAY)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Transaction, "check", lambda tx: None)
        patched.setattr("store.writing.keep_up", lambda *rest: False)  # it is followed as others follow it
        session.commit(
            lambda tx: (
                tx.append(Series, "JE-2026", taken),
                tx.append(Entry, number, msgspec.convert(said, Posted, strict=False)),
            )
        )


def test_an_entry_over_the_limit_posts_when_another_person_approves_it(limited: Team) -> None:
    alice, bob = limited.alice, limited.bob
    assert balance(alice) == []
    bob("journal", "approve", JE, "--seen", alice.json("journal", "show", JE)["digest"])
    assert balance(alice) == balance(bob) == ["900.00"]
    bob("view", "rebuild")
    assert balance(bob) == ["900.00"]
    shown = bob.json("journal", "show", JE)
    assert (shown["state"], shown["proposed_by"], shown["decided_by"]) == ("posted", "alice", "bob")
    assert agreed(limited) == []


def test_a_reversal_that_waited_is_not_approved_once_a_statement_shows_the_entry(limited: Team, tmp_path: Path) -> None:
    alice, bob = limited.alice, limited.bob
    bob("journal", "approve", JE)
    reversal = alice.first("journal", "reverse", JE, "--on", "2026-01-06", "--reason", "never paid")
    statement = tmp_path / "statement.csv"
    statement.write_text("Date,Amount,Text,Reference\n2026-01-05,-900.00,Rent,R1\n")
    alice("bank", "import", "MAIN", str(statement))
    [line] = alice.json("bank", "lines")
    alice("bank", "confirm", line["line"], JE)
    bob("journal", "approve", reversal, code=3)
    assert f"{JE} is on a bank statement as {line['line']}" in bob.said
    alice("bank", "undo", line["line"], "--reason", "another rent")
    bob("journal", "approve", reversal)
    assert balance(alice) == ["0.00"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "JE-2026-0002 reaches its limit, and no other person approved it"),
        ({"limit": ()}, "JE-2026-0002 names another limit than the one in force"),
        ({"limit": (eur(5000),)}, "JE-2026-0002 names another limit than the one in force"),
        ({"approved_by": "b" * 32}, "JE-2026-0002 reaches its limit, and no other person approved it"),
        ({"kind": "closing"}, "JE-2026-0002 reaches its limit, and no other person approved it"),
    ],
)
def test_what_is_over_the_limit_and_was_not_approved_is_rejected(
    limited: Team, changes: dict[str, object], why: str
) -> None:
    entered(limited, **changes)
    assert agreed(limited) == [why]
    assert balance(limited.alice) == []
    assert limited.alice.first(*LARGE) == "JE-2026-0002", "the ledger goes on"


def test_nobody_posts_what_is_proposed_without_its_approval(limited: Team) -> None:
    """Neither alone, nor with an approval by who may not approve, nor otherwise than it was approved."""
    session, me, stream = limited.session, limited.session.person, f"entry/{JE}"
    asked = session.load(Entry, JE).proposed
    assert asked is not None
    wrote(session, FINANCE, stream, plain(asked.posted("")))
    wrote(session, FINANCE, stream, plain(EntryApproved(asked.digest, me)), plain(asked.posted(me)))
    wrote(session, FINANCE, stream, plain(Declined("no", me)))
    wrote(session, FINANCE, stream, plain(Withdrawn("no", me)))
    other = limited.bob.session()
    other.pull()
    bob = other.person
    changed = replace(asked.posted(bob), text="Something else")
    wrote(other, FINANCE, stream, plain(EntryApproved(asked.digest, bob)), plain(changed))
    wrote(other, FINANCE, stream, plain(EntryApproved("0" * 64, bob)), plain(asked.posted(bob)))
    other.close()
    mine = limited.alice.session()
    mine.pull()
    wrote(mine, FINANCE, stream, plain(EntryApproved(asked.digest, mine.person)), plain(asked.posted(mine.person)))
    mine.close()
    other_than = f"{JE} is not what was approved"
    assert agreed(limited) == [
        other_than, f"entry.approved {LACKS}", f"entry.declined {LACKS}", f"{JE} was withdrawn by another person",
        f"{JE} was approved and not posted with that", other_than, f"{JE} was decided on by who proposed it",
    ]  # fmt: skip
    assert balance(limited.alice) == []
    limited.bob("journal", "approve", JE)
    assert balance(limited.alice) == ["900.00"]


def test_one_person_alone_loosens_no_limit(limited: Team) -> None:
    mine = limited.alice.session()
    mine.pull()
    for amounts in ((), (eur(5000),)):
        wrote(mine, FINANCE, "entrylimit/journal", plain(LimitChanged(amounts, None, mine.person)))
    wrote(mine, FINANCE, "entrylimit/journal", plain(LimitChanged(LIMIT, (), mine.person)))
    wrote(mine, FINANCE, "entrylimit/journal", plain(LimitChanged((), None, mine.person)))
    mine.close()
    wrote(limited.session, FINANCE, "entrylimit/journal", plain(LimitChanged((), None, limited.session.person)))
    alone = "a limit was loosened without another person's proposal"
    assert agreed(limited) == [alone, alone, alone, f"entrylimit.changed {LACKS}"]
    limited.bob("journal", "limit", "lift", "--reason", "agreed")
    assert limited.alice.json("journal", "limit", "list") == []
    limited.alice(*LARGE)
    assert balance(limited.alice) == ["900.00"]


def test_an_approval_counts_for_the_day_of_the_entry(limited: Team) -> None:
    """An accrual touches two days, and both have to be open when it is approved."""
    alice, bob = limited.alice, limited.bob
    alice("journal", "add", "--on", "2025-12-31", *LARGE[4:], "--reverse-on", "2026-02-01", BO_NOW=LATER)
    closed = ("period", "close", "2025", "--accept", "entries", "--reason", "later")
    alice(*closed, BO_NOW=LATER)
    bob("journal", "approve", "JE-2025-0001", code=3, BO_NOW=LATER)
    assert "2025-12-31 lies in a closed period: the first open date is 2026-01-01" in bob.said
    bob("journal", "approve", JE, BO_NOW=LATER)
    assert balance(alice) == ["900.00"]


def test_a_year_end_over_the_limit_is_proposed_once(limited: Team) -> None:
    after = "2027-01-10T12:00:00Z"
    limited.bob("journal", "approve", JE)
    assert limited.alice.first("period", "year-end", "2026", BO_NOW=after) == "JE-2026-0002"
    limited.alice("period", "year-end", "2026", code=3, BO_NOW=after)
    assert "JE-2026-0002 carries it over and waits" in limited.alice.said
    limited.bob("journal", "approve", "JE-2026-0002", BO_NOW=after)
    assert limited.alice.first("period", "year-end", "2026", BO_NOW=after) == "JE-2026-0002"


def test_what_recurs_and_what_is_imported_waits_as_well(limited: Team) -> None:
    alice, folder = limited.alice, limited.company.folder
    alice("recurring", "add", "RENT", "--journal", "--every", "month", "--start", "2026-01-31", "--text", "Rent",
          "--line", "6200;700;", "--line", "@bank;;700")  # fmt: skip
    alice("recurring", "run")
    (folder / "balances.csv").write_text("account,debit,credit\n1200,800,\n")
    alice("import", "balances", str(folder / "balances.csv"), "--on", "2026-01-01")
    (folder / "old.journal").write_text("2026-01-02 Rent\n  expenses:rent  600 EUR\n  assets:bank\n")
    said = alice("import", "hledger", str(folder / "old.journal"))
    assert "1 reach the limit and wait" in said
    assert {row["state"] for row in alice.json("journal", "list")} == {"proposed"}
    assert len(alice.json("journal", "list")) == 4
    posted = {row["account"] for row in alice.json("report", "trial-balance")}
    assert not posted & {"1200", "6200", "3800"}


def test_a_limit_names_the_currencies_it_lets_pass() -> None:
    dollars = tuple(replace(each, amount=Money(each.amount.minor, "USD")) for each in LINES)
    assert reached(LINES, (eur(900),))
    assert not reached(LINES, (Money(90001, "EUR"),))
    assert reached(dollars, (eur(900),))
    assert not reached(dollars, (eur(900), Money(90001, "USD")))
    assert not reached(LINES, ())


def test_a_limit_is_tightened_by_one_and_loosened_by_two() -> None:
    state, a, b = Limits(), "a" * 32, "b" * 32
    for amounts in ((eur(900),), (eur(500),)):
        [changed] = state.change(amounts, a)
        assert (changed.amounts, changed.proposed) == (amounts, None)
        state = state.evolve(changed)
    looser: tuple[Limit, ...] = ((eur(501),), (eur(500), Money(1, "USD")), ())
    for wanted in looser:
        [asked] = state.change(wanted, a)
        assert (asked.amounts, asked.proposed) == (LIMIT, wanted)
        with pytest.raises(Refused, match="another person has to agree"):
            state.evolve(asked).change(wanted, a)
        [done] = state.evolve(asked).change(wanted, b)
        assert (done.amounts, state.evolve(asked).contradiction(done, ())) == (wanted, "")
    assert state.change(LIMIT, a) == ()


def test_an_old_entry_knows_of_no_limit() -> None:
    """What was recorded before there were limits is read as it was."""
    old = plain(Posted(JE, DAY, "Rent", LINES))
    del old["limit"], old["approved_by"]
    read = msgspec.convert(old, Posted, strict=False)
    assert Entry().contradiction(read, None) == ""
    assert Limits().refusal(read, 0) == ""
    assert Proposed.__struct_fields__[: len(Posted.__struct_fields__) - 1] == Posted.__struct_fields__[:-1]


def test_an_agreement_is_bound_to_the_proposal_that_was_seen(team: Team) -> None:
    """Who proposed may propose again, for other days and then for the same: what was seen is what counts."""
    alice, bob = team.alice, team.bob
    for month in ("2026-01", "2026-02"):
        alice("period", "close", month, "--accept", "bills", "--reason", "x", BO_NOW="2026-03-02T12:00:00Z")
    asked = ("period", "reopen", "2026-01", "--reason", "late", "--until")
    now = "2026-03-02T12:00:00Z"
    alice(*asked, "2026-03-10", BO_NOW=now)
    seen = bob.json("period", "reopening", BO_NOW=now)
    alice("period", "reopen", "2026-02", "--reason", "late", "--until", "2026-03-10", BO_NOW=now)
    alice(*asked, "2099-12-31", BO_NOW=now)
    bob("period", "reopen", "2026-01", "--seen", seen["digest"], code=3, BO_NOW=now)
    assert "the proposal is not what you saw" in bob.said
    again = bob.json("period", "reopening", BO_NOW=now)
    assert (seen["until"], again["until"], again["state"]) == ("2026-03-10", "2099-12-31", "proposed")
    bob("period", "reopen", "2026-01", "--seen", again["digest"][:8], BO_NOW=now)
    assert alice.json("period", "reopening", BO_NOW=now)["agreed_by"] == "bob"

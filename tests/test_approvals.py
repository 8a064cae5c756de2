"""Approvals hold at replay: their author held the right, is another person, and saw what is approved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from aggregates.batch import Approved as BatchApproved
from aggregates.batch import Batch
from aggregates.bill import Approved, Bill
from aggregates.core import FINANCE, Event, Refused, replace
from aggregates.period import Changed, Periods
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
    assert agreed(team) == [f"a bill.approved {LACKS}"]
    team.alice("payment", "record", "V-1", "119", "--for", BILL, code=3)
    assert "is not approved" in team.alice.said
    team.bob("bill", "approve", BILL)
    assert team.alice.first("payment", "record", "V-1", "119", "--for", BILL) == "PAY-2026-0001"


def test_a_batch_approved_without_the_right_is_rejected_by_everybody(team: Team) -> None:
    team.bob("bill", "approve", BILL)
    team.alice("payment", "batch", "propose", "--bank", "MAIN", "--until", "2026-12-31")
    me = team.session.person
    wrote(team.session, FINANCE, f"batch/{BATCH}", plain(BatchApproved(digest(team, Batch, BATCH), me)))
    assert agreed(team) == [f"a batch.approved {LACKS}"]
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
    lacks = f"a period.changed {LACKS}"
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
    assert agreed(team) == [f"a bill.approved {LACKS}"]
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
    assert reasons(dora) == [f"a bill.approved {LACKS}"]
    trail = [row["what"] for row in dora.json("bill", "history", BILL)]
    assert trail == ["bill.added", "bill.approved", "bill.edited"], "what bob approved while he might"


def test_the_writer_asks_by_the_same_code(team: Team) -> None:
    def work(tx: Transaction) -> None:
        tx.append(Bill, BILL, Approved(tx.state(Bill, BILL).digest, DAY, tx.person))

    with pytest.raises(Refused, match=f"a bill.approved {LACKS}"):
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
    assert takes - named == {Changed.__struct_config__.tag}


def test_a_reading_of_content_knows_the_people_before_it(team: Team) -> None:
    """The check is the reader's own: a program that asks nobody shows the forged approval."""
    me = team.session.person
    wrote(team.session, FINANCE, f"bill/{BILL}", plain(Approved(digest(team, Bill, BILL), DAY, me)))
    careless = team.bob.session()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("store.follow.overreach", lambda *rest: "")
        careless.pull()
    assert open_views(careless).value("SELECT approved_by FROM bill") == me
    careless.close()

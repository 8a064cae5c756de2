"""Lines of bank statements: each once, whatever files they came in, and what somebody found them to be."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.bank import PER_EVENT, Bank, Booked, Line, Month, Part, identified
from aggregates.core import Refused, replace
from aggregates.match import Confirmed, Link, Linked, Match, Rules, Target
from aggregates.match_rules import BUILT_IN, Rule, fits
from aggregates.money import Money, eur
from aggregates.posting import Facts, Posting, accounting_dates, entries
from bo.bank import accounts, counting, importing
from bo.bank.reading import read
from bo.errors import PartlyDone
from bo.findings import Findings
from projections import banklists
from projections.core import open_views
from store.errors import StoreError
from tests.ledgers import Office, change
from tests.transcripts import SHARED

START = date(2026, 1, 28)
LINE = Line("L-1", date(2026, 1, 31), eur(119), text="INV-2026-0001")
BANK = Bank("Main", "DE89370400440532013000", "", "EUR", "1200")


def stored(*files: list[Line]) -> list[Line]:
    """What a ledger has after importing these files, in this order."""
    months: dict[str, Month] = defaultdict(Month)
    for file in files:
        found: dict[str, list[tuple[Line, tuple[Part, ...]]]] = defaultdict(list)
        for line in identified("MAIN", file):
            found[f"{line.on:%Y-%m}"].append((line, ()))
        for month, some in found.items():
            for event in months[month].book("MAIN/1", some):
                months[month] = months[month].evolve(event)
    return [line for month in months.values() for line in month.lines.values()]


def content(lines: list[Line]) -> list[tuple[object, ...]]:
    return sorted((line.on, line.amount.minor, line.text, line.reference) for line in lines)


@st.composite
def bookings(draw: st.DrawFn, reference: bool) -> list[Line]:
    """A few days of lines, in the order of their days; small amounts and few texts, so that many are alike."""
    lines = draw(
        st.lists(
            st.builds(
                lambda day, minor, text: Line("", START + timedelta(day), Money(minor, "EUR"), text=text),
                st.integers(0, 6), st.sampled_from((-500, 500, 700)), st.sampled_from(("rent", "fee", "")),
            ),
            max_size=25,
        )
    )  # fmt: skip
    lines.sort(key=lambda line: line.on)
    return [replace(line, reference=f"R{at}") for at, line in enumerate(lines)] if reference else lines


@settings(max_examples=200, deadline=None)
@given(bookings(reference=True), st.data())
def test_lines_with_references_come_once_however_files_are_cut(lines: list[Line], data: st.DataObject) -> None:
    cuts = st.tuples(st.integers(0, len(lines)), st.integers(0, len(lines)))
    pieces = [sorted(cut) for cut in data.draw(st.lists(cuts, max_size=6))]
    files = [data.draw(st.permutations(lines[first:last])) for first, last in pieces]
    files = data.draw(st.permutations([*files, lines, *files]))
    assert content(stored(*map(list, files))) == content(lines)


@settings(max_examples=200, deadline=None)
@given(bookings(reference=False), st.data())
def test_lines_without_references_come_once_when_files_are_cut_between_days(
    lines: list[Line], data: st.DataObject
) -> None:
    """Two alike on one day are two where one file has both: that day is then whole in it."""
    cuts = st.tuples(st.integers(0, 7), st.integers(0, 7))
    spans = [
        (START + timedelta(min(cut)), START + timedelta(max(cut))) for cut in data.draw(st.lists(cuts, max_size=6))
    ]
    files = [[line for line in lines if first <= line.on <= last] for first, last in spans]
    files = data.draw(st.permutations([*files, lines, *files]))
    shuffled = [list(data.draw(st.permutations(file))) for file in files]
    assert content(stored(*shuffled)) == content(lines)


@settings(max_examples=50, deadline=None)
@given(bookings(reference=True))
def test_a_statement_as_camt_and_as_mt940_gives_the_same_lines(lines: list[Line]) -> None:
    ids = []
    for text in (as_camt(lines), as_mt940(lines)):
        [statement] = read(text.encode(), Findings("x"))
        ids.append([line.id for line in identified("MAIN", map(counting._line, statement.lines))])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(lines)


def as_camt(lines: list[Line]) -> str:
    entries = "".join(
        f'<Ntry><Amt Ccy="EUR">{abs(line.amount).amount}</Amt><CdtDbtInd>{"CRDT" if line.amount.minor > 0 else "DBIT"}'
        f"</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{line.on}</Dt></BookgDt><AcctSvcrRef>{line.reference}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><RmtInf><Ustrd>{line.text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        for line in lines
    )
    return f"<Document><BkToCstmrStmt><Stmt><Acct><Ccy>EUR</Ccy></Acct>{entries}</Stmt></BkToCstmrStmt></Document>"


def as_mt940(lines: list[Line]) -> str:
    entries = "".join(
        f":61:{line.on:%y%m%d%m%d}{'C' if line.amount.minor > 0 else 'D'}"
        f"{str(abs(line.amount).amount).replace('.', ',')}NTRFNONREF//{line.reference}\n"
        f":86:another wording of {line.text}\n"
        for line in lines
    )
    return f":20:X\n:25:0532013000\n:28C:1\n:60F:C260101EUR0,\n{entries}:62F:C260201EUR0,\n"


def test_two_alike_on_one_day_are_two() -> None:
    first, second = identified("MAIN", [LINE, LINE])
    assert first.id != second.id
    assert [line.id for line in identified("MAIN", [LINE])] == [first.id]


def test_the_same_line_of_another_account_is_another() -> None:
    assert next(identified("MAIN", [LINE])).id != next(identified("OTHER", [LINE])).id


def test_many_lines_stand_in_events_that_fit_a_leaf() -> None:
    lines = [(replace(LINE, id=f"L-{n}", text="x" * 1000), ()) for n in range(200)]
    events = Month().book("MAIN/1", lines)
    assert len(events) > 6
    assert all(isinstance(event, Booked) and len(event.lines) * 1100 < 2 * PER_EVENT for event in events)


def test_what_a_sound_statement_says_too_is_held_no_longer() -> None:
    month = Month.after(*Month().book("MAIN/1", [(LINE, ())], adds_up=False))
    assert month.held == {"L-1"}
    [released] = month.book("MAIN/2", [(LINE, ())], adds_up=True)
    assert month.evolve(released).held == set()
    assert month.book("MAIN/2", [(LINE, ())], adds_up=False) == ()
    assert month.book("MAIN/2", [(LINE, ())]) == ()


def test_what_is_within_a_line_may_come_later() -> None:
    month = Month.after(*Month().book("MAIN/1", [(LINE, ())]))
    [told] = month.book("MAIN/2", [(LINE, (Part(eur(100)), Part(eur(19))))])
    assert month.evolve(told).book("MAIN/3", [(LINE, (Part(eur(100)),))]) == ()


# Matches

TO_PAYMENT = (Target("payment/PAY-2026-0001", eur(119), made=True),)


def test_a_line_is_matched_whole() -> None:
    with pytest.raises(Refused, match=r"L-1 is 119.00 EUR, its targets come to 100.00 EUR: say where the rest goes"):
        Match().confirm("MAIN", LINE, "1200", (Target("payment/PAY-2026-0001", eur(100)),))


def test_a_line_is_one_thing_at_a_time() -> None:
    matched = Match.after(Match().confirm("MAIN", LINE, "1200", TO_PAYMENT))
    with pytest.raises(Refused, match="L-1 is matched already"):
        matched.confirm("MAIN", LINE, "1200", TO_PAYMENT)
    undone = matched.undo("L-1", None, "wrong")
    again = matched.evolve(undone).confirm("MAIN", LINE, "1200", TO_PAYMENT)
    assert again.match == 2


def test_undoing_needs_a_match_and_a_reason_and_goes_forward() -> None:
    with pytest.raises(Refused, match="L-1 is not matched: there is nothing to undo"):
        Match().undo("L-1", None, "x")
    matched = Match.after(Match().confirm("MAIN", LINE, "1200", TO_PAYMENT))
    with pytest.raises(Refused, match="undoing a match needs a reason"):
        matched.undo("L-1", None, " ")
    with pytest.raises(Refused, match="matched on 2026-01-31: that cannot be undone on 2026-01-30"):
        matched.undo("L-1", date(2026, 1, 30), "x")


def facts() -> Facts:
    return Facts("L-1", "EUR", {}, tuple)


def test_what_goes_to_accounts_is_posted_against_the_bank_and_taken_back_by_undoing() -> None:
    fee = replace(LINE, amount=-eur("7.50"))
    target = Target("account/6500", fee.amount)
    made = Match().confirm("MAIN", fee, "1200", (target,), [Posting("6500", eur("7.50"))])
    undone = Match.after(made).undo("L-1", None, "wrong")
    [entry], [back] = entries(made, facts()), entries(undone, facts())
    assert [(each.account, each.amount) for each in entry.postings] == [("1200", -eur("7.50")), ("6500", eur("7.50"))]
    assert [(each.account, -each.amount) for each in back.postings] == [
        (each.account, each.amount) for each in entry.postings
    ]
    assert back.on == entry.on == fee.on


def test_a_match_of_payments_alone_leaves_the_books_as_they_are() -> None:
    assert accounting_dates(Match().confirm("MAIN", LINE, "1200", TO_PAYMENT)) == ()


def test_a_payment_is_on_statements_once() -> None:
    linked = Link.after(Link().link("PAY-2026-0001", eur(119), "L-1", eur(100)))
    with pytest.raises(
        Refused, match=r"19.00 EUR of PAY-2026-0001 is not on a statement yet, and the line says 20.00 EUR"
    ):
        linked.link("PAY-2026-0001", eur(119), "L-2", eur(20))
    with pytest.raises(Refused, match=r"the line says -19.00 EUR"):
        linked.link("PAY-2026-0001", eur(119), "L-2", -eur(19))
    assert linked.evolve(linked.link("PAY-2026-0001", eur(119), "L-2", eur(19))).linked == eur(119)


def test_a_replay_rejects_what_no_verb_makes() -> None:
    made = Match().confirm("MAIN", LINE, "1200", TO_PAYMENT)
    assert Match().contradiction(made, None) == ""
    assert Match.after(made).contradiction(made, None) == "a bank line was matched twice"
    assert Match().contradiction(replace(made, amount=eur(1)), None) == "a bank line was matched in part"
    unbalanced = replace(made, postings=(Posting("6500", eur(1)),))
    assert isinstance(unbalanced, Confirmed)
    assert Match().contradiction(unbalanced, None) == "a bank line was matched in part"
    link = Linked("L-1", eur(100), eur(119))
    assert Link().contradiction(link, None) == ""
    twice = "a payment was found on bank statements twice"
    assert Link.after(link).contradiction(link, None) == twice
    assert Link.after(link).contradiction(Linked("L-2", eur(20), eur(119)), None) == twice


def test_rules_keep_their_order_and_count_their_versions() -> None:
    fees = Rule("fees", "text", text="fee*", account="6500")
    rules = Rules.after(Rules().add(fees, 1))
    assert [each.name for each in rules.rules] == ["fees", *(each.name for each in BUILT_IN)]
    dropped = rules.drop("amount")
    assert (dropped.version, dropped.rules[-1].name) == (2, "party")
    for rule, place, told in (
        (fees, 0, "there is a rule “fees” already"),
        (replace(fees, name="x", account=""), 0, "such a rule has a text and an account"),
        (replace(fees, name="x"), 99, "place 99 is none of theirs"),
    ):
        with pytest.raises(Refused, match=told):
            rules.add(rule, place)
    with pytest.raises(Refused, match="there is no rule “fee”: there are fees, recorded"):
        rules.drop("fee")


def test_only_a_star_means_more_than_itself_in_a_pattern() -> None:
    assert fits(Rule("x", "text", text="account fee*2026"), "ACCOUNT FEE 01/2026")
    assert not fits(Rule("x", "text", text="fe?"), "fee")
    assert fits(Rule("x", "text", text="[a]"), "x [A] y")
    assert not fits(Rule("x", "text", text="[a]"), "a")


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("DE89370400440532013000", True),
        ("37040044/0532013000", True),
        ("37040044/532013000", True),
        ("50050000/0532013000", False),
        ("0532013000", True),
        ("DE75512108001245126199", False),
        ("3000", True),
        ("300", False),
    ],
)
def test_banks_write_one_account_in_several_ways(text: str, ours: bool) -> None:
    assert importing.same_account(BANK, text) is ours


def test_a_number_may_have_its_currency_behind_it_and_no_other() -> None:
    plain = replace(BANK, iban="", number="1291.99.348")
    assert importing.same_account(plain, "1291.99.348EUR")
    assert not importing.same_account(plain, "1291.99.348USD")


def test_an_account_is_not_one_that_ends_alike_at_the_same_bank() -> None:
    longer = replace(BANK, iban="DE32740618130100033626")
    assert importing.same_account(longer, "74061813/100033626")
    assert importing.same_account(longer, "74061813/000100033626")
    assert not importing.same_account(longer, "74061813/0000033626")
    spanish = replace(BANK, iban="ES9121000418450200051332")
    assert importing.same_account(spanish, "21000418/0200051332")


# In a ledger


def imported(office: Office, text: str, name: str = "x.sta", accept: bool = False) -> str:
    path = office.folder / name
    path.write_text(text)
    return importing.import_file(office.ledger, "MAIN", str(path), None, "", accept)[0]


@pytest.fixture
def banked(office: Office, tmp_path: Path) -> Office:
    accounts.add(office.ledger, "MAIN", "", "", "", "EUR", "")
    return office


def test_a_file_is_kept_and_its_lines_are_read_once(banked: Office) -> None:
    lines = [replace(LINE, reference=f"R{n}", amount=eur(n)) for n in range(1, 40)]
    text = as_mt940(lines)
    assert imported(banked, text) == "39 lines imported"
    assert imported(banked, text) == "0 lines imported"
    assert imported(banked, as_camt(lines[:20]), "x.xml") == "0 lines imported"
    views = open_views(banked.ledger)
    [statement] = banklists.statements(views)
    document = views.value("SELECT blob FROM document_version v JOIN document d ON d.id = v.document")
    raw = b"".join(banked.ledger.document(4, f"document/{statement.document}", bytes.fromhex(document)))
    assert raw == text.encode()
    assert {row.status for row in banklists.lines(views)} == {"held"}  # it does not add up
    sound = as_mt940(lines).replace(":62F:C260201EUR0,", f":62F:C260201EUR{sum(range(40))},")
    assert imported(banked, sound) == "0 lines imported"
    assert {row.status for row in banklists.lines(open_views(banked.ledger))} == {"open"}


def test_a_rebuild_gives_the_same_views(banked: Office) -> None:
    from projections.contents import digests

    imported(banked, as_camt([replace(LINE, reference=str(n)) for n in range(5)]), "x.xml")
    here = {(row.table, row.digest) for row in digests(open_views(banked.ledger)) if row.projection == "Banks"}
    there = {(row.table, row.digest) for row in digests(open_views(banked.fresh())) if row.projection == "Banks"}
    assert here == there
    assert len(here) == 7


def test_nothing_is_recorded_of_a_file_with_a_wrong_row_unless_that_is_said(banked: Office) -> None:
    text = "Date,Amount,Currency\n2026-01-31,5.00,EUR\n2026-01-31,6.00,USD\n2026-01-32,7.00,EUR\n"
    with pytest.raises(Refused, match=r"2 errors in x.csv: nothing was imported"):
        imported(banked, text, "x.csv")
    with pytest.raises(PartlyDone, match=r"1 line imported; 2 errors in x.csv: those rows were left out"):
        imported(banked, text, "x.csv", accept=True)
    assert [row.amount for row in banklists.lines(open_views(banked.ledger))] == [500]


def test_a_file_of_several_accounts_needs_to_be_told_apart(banked: Office) -> None:
    text = as_mt940([LINE])
    with pytest.raises(Refused, match=r"x.sta is of 2 accounts: MAIN needs an --iban or --number"):
        imported(banked, text + text.replace("0532013000", "0532013001"))


@pytest.mark.skipif(not (SHARED / "bank").exists(), reason="the public data sets are not here: BO_SHARED names them")
def test_every_published_file_is_imported_account_by_account_or_refused(office: Office) -> None:
    lines = dict.fromkeys(("camt", "mt940"), 0)
    refused = []
    for path in sorted((SHARED / "bank").glob("*/*.*[al]")):
        try:
            statements = read(path.read_bytes(), Findings(path.name))
        except Refused as no:
            refused.append(f"{path.name}: {no}")
            continue
        for number, currency in sorted({(each.account, each.currency or "EUR") for each in statements}):
            ref = f"{path.stem[:40]}-{number.rpartition('/')[2]}-{currency}"
            change(office.ledger, Bank, ref, Bank.open, ref, ref, "", number, currency, "1200")
            try:
                importing.import_file(office.ledger, ref, str(path), None, "", False)
            except Refused as no:
                refused.append(f"{path.name}: {no}")
            lines[path.parent.name] += len(banklists.lines(open_views(office.ledger), ref))
    assert lines == {"camt": 9, "mt940": 141}  # all but one that is pending, and what is refused
    assert len(refused) == 5  # two files without an account, and three accounts in Deutschmark


def test_a_line_that_does_not_exist_is_not_found(banked: Office) -> None:
    with pytest.raises(StoreError, match="there is no bank line L-9"):
        banklists.find(open_views(banked.ledger), "L-9")


def test_months_are_streams_of_their_own(banked: Office) -> None:
    lines = [replace(LINE, on=date(2026, month, 15), reference=str(month)) for month in range(1, 6)]
    imported(banked, as_mt940(lines))
    views = open_views(banked.ledger)
    months = sorted(banklists.find(views, row.line).month for row in banklists.lines(views))
    assert months == [f"2026-{month:02}" for month in range(1, 6)]
    assert all(before < after for before, after in pairwise(months))

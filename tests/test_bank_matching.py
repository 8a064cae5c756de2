"""What rules suggest for lines of statements, and what confirming does to payments, documents and books."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from aggregates.core import SALES, Refused
from aggregates.erasure import Erasure
from aggregates.invoice import Invoice
from aggregates.kind import built_in
from aggregates.legal import Party
from aggregates.lines import line as sold
from aggregates.money import Money, eur
from aggregates.payment import Payment
from aggregates.period import Periods
from aggregates.record import Record
from aggregates.relief import offered
from aggregates.series import Series
from bo import paying, purchasing
from bo.bank import accounts, confirming, importing, matching, suggesting, undoing
from projections import banklists, contents, receivables, reconciliation
from projections.accounts import balances
from projections.bankitems import Suggestion
from projections.core import Views, open_views
from store.shredding import Target, shred
from store.transaction import Transaction
from tests.ledgers import DAY, Office, change, issue

IBAN = "DE75512108001245126199"
HEAD = "Date,Name,IBAN,Purpose,Reference,Amount\n"


class Desk:
    """An office with a bank account, a customer C-1 and a vendor V-1."""

    def __init__(self, office: Office) -> None:
        self.office, self.ledger, self.files = office, office.ledger, 0
        accounts.add(self.ledger, "MAIN", "", "", "", "EUR", "")
        for kind, ref, fields in (
            ("customer", "C-1", {"name": "Ada Ltd"}),
            ("vendor", "V-1", {"name": "Paper Mill GmbH", "iban": IBAN}),
        ):
            of = built_in()[kind]
            change(self.ledger, Record, f"{kind}/{ref}", Record.add, of, ref, fields, compartment=SALES)

    def invoice(self) -> str:
        """Of 95.20 EUR, dated 31 January."""
        return self.ledger.commit(issue)

    def bill(self, ref: str, price: str = "100.00", discount: str = "") -> str:
        lines, offer = [sold(f"Paper;1;{price};19")], offered(discount, DAY) if discount else None
        return self.ledger.commit(
            lambda tx: purchasing.add(self.ledger, tx, "V-1", ref, DAY, lines, "EUR", "EUR", discount=offer)
        )[0]

    def booked(self, *rows: str) -> list[str]:
        """Import rows `day,name,iban,purpose,reference,amount`; the new lines, the oldest first."""
        self.files += 1
        before = {row.line for row in banklists.lines(self.views)}
        path = self.office.folder / f"{self.files}.csv"
        path.write_text(HEAD + "".join(f"2026-02-{row}\n" for row in rows))
        importing.import_file(self.ledger, "MAIN", str(path), None, "", False)
        return [row.line for row in banklists.lines(self.views)[::-1] if row.line not in before]

    def suggested(self) -> list[Suggestion]:
        return suggesting.suggest(self.ledger, "", "", False, None)

    def confirm(self, line: str, *targets: str, rest: str = "", booked: date | None = None) -> list[str]:
        return self.ledger.commit(confirming.confirming(self.ledger, line, targets, rest, booked))

    def undo(self, line: str, on: date | None = None) -> list[str]:
        self.ledger.reason = "a slip"
        return self.ledger.commit(undoing.undoing(self.ledger, line, on))

    @property
    def views(self) -> Views:
        return open_views(self.ledger)

    def stands(self, account: str) -> Money:
        return next((Money(row.balance, row.currency) for row in balances(self.views, account)), eur(0))

    def owing(self, number: str) -> Money:
        rows = receivables.unpaid(self.views, DAY)
        return next((Money(row.owing, row.currency) for row in rows if row.number == number), eur(0))


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


def test_a_number_in_the_text_is_found_however_the_bank_breaks_it(desk: Desk) -> None:
    number = desk.invoice()
    desk.booked("01,x,,RG INV-20 26-00 01 from January,,95.20")
    [found] = desk.suggested()
    assert (found.rule, found.targets, found.sure) == ("reference", number, True)


@pytest.mark.parametrize("text", ["XINV-2026-0001", "INV-2026-00012", "INV-2026-000", "2026"])
def test_a_part_of_a_longer_number_is_no_number(desk: Desk, text: str) -> None:
    desk.invoice()
    desk.booked(f"01,x,,{text},,1.00")
    assert desk.suggested() == []


def test_several_numbers_are_suggested_together(desk: Desk) -> None:
    first, second = desk.invoice(), desk.invoice()
    [line] = desk.booked(f"01,x,,{first} and {second},,190.40")
    assert desk.suggested()[0].targets == f"{first} {second}"
    desk.confirm(line)
    assert (desk.owing(first), desk.owing(second), desk.stands("1200")) == (eur(0), eur(0), eur("190.40"))


def test_money_in_pays_no_bill(desk: Desk) -> None:
    desk.bill("RE-77001")
    desk.booked("01,x,,RE-77001,,119.00")
    assert desk.suggested() == []


def test_an_iban_or_a_name_and_the_amount_tell_the_party(desk: Desk) -> None:
    bill, invoice = desk.bill("RE-1"), desk.invoice()
    desk.booked(f"01,Somebody,{IBAN},thanks,,-119.00", "02,ADA LIMITED,,thanks,,95.20")
    paid, came = desk.suggested()
    assert (paid.rule, paid.targets, paid.sure, paid.why) == ("party", bill, True, "same amount and IBAN")
    assert (came.rule, came.targets, came.sure, came.why) == ("party", invoice, True, "same amount and name")
    desk.booked("03,Ms Ada,,thanks,,95.20")
    assert [each.why for each in desk.suggested()[1:]] == ["same amount and name; another line claims it too"] * 2
    desk.booked("04,Ada Lovelace,,thanks,,95.20")
    assert (desk.suggested()[-1].rule, desk.suggested()[-1].sure) == ("amount", False)  # a first name is nobody


def test_of_several_documents_the_oldest_is_suggested_and_is_not_sure(desk: Desk) -> None:
    first = desk.invoice()
    desk.invoice()
    desk.booked("01,Ada,,thanks,,95.20")
    [found] = desk.suggested()
    assert (found.targets, found.sure, found.why) == (first, False, "same amount and name, the oldest of 2")


def test_payments_recorded_by_hand_come_first_and_are_linked_once(desk: Desk) -> None:
    number = desk.invoice()
    made = desk.ledger.commit(lambda tx: tx.change(Invoice, key_of(desk, number), Invoice.pay, eur("95.20"), DAY))
    [line, other] = desk.booked("01,Ada,,thanks,,95.20", "03,Ada,,thanks,,95.20")
    [first, second] = desk.suggested()
    assert (first.rule, first.targets) == ("recorded", made[0].payment)
    assert [first.sure, second.sure] == [False, False]
    desk.confirm(line, made[0].payment)
    assert desk.stands("1200") == eur("95.20")
    assert desk.suggested() == []
    with pytest.raises(Refused, match="is on a statement already"):
        desk.confirm(other, made[0].payment)
    desk.undo(line)
    assert desk.owing(number) == eur(0)  # the payment was made by hand, and stays
    assert len(desk.suggested()) == 2


def key_of(desk: Desk, number: str) -> str:
    return str(desk.views.value("SELECT key FROM invoice WHERE number = ?", number))


def test_a_rule_of_ones_own_sends_lines_to_an_account(desk: Desk) -> None:
    work = suggesting.adding(desk.ledger, "fees", "text", 0, "fee*", "@bank-charges", "out", "MAIN", True, 1)
    desk.ledger.commit(work)
    desk.booked("01,Bank,,Fee January,,-7.50", "01,Bank,,fee taken back,,7.50")
    [found] = desk.suggested()
    assert (found.targets, found.sure) == ("6500", True)
    assert [row.targets for row in suggesting.suggest(desk.ledger, "", "", True, None)] == ["6500"]
    assert desk.stands("6500") == eur("7.50")
    row = desk.views.one(Version, "SELECT rule, version FROM bank_match")
    assert row is not None
    assert (row.rule, row.version) == ("fees", 1)


class Version(msgspec.Struct):
    rule: str
    version: int


def test_several_lines_pay_one_invoice_in_parts(desk: Desk) -> None:
    number = desk.invoice()
    first, second = desk.booked("01,Ada,,part,,50.00", "02,Ada,,rest,,45.20")
    desk.confirm(first, number)
    assert desk.owing(number) == eur("45.20")
    desk.confirm(second, number)
    assert (desk.owing(number), desk.stands("1300")) == (eur(0), eur(0))


def test_one_line_pays_documents_of_several_parties(desk: Desk) -> None:
    invoice, bill = desk.invoice(), desk.bill("RE-1", "50.00")
    [line] = desk.booked("01,Ada,,set off,,35.70")
    with pytest.raises(Refused):  # what comes in does not pay a bill: set-off is entered as payments
        desk.confirm(line, invoice, bill)
    desk.confirm(line, invoice)
    assert desk.owing(invoice) == eur("59.50")


def test_less_money_than_was_owing_can_be_a_discount(desk: Desk) -> None:
    number = desk.invoice()
    [line] = desk.booked("01,Ada,,less 2 %,,93.30")
    desk.confirm(line, number, rest="@discount")
    assert (desk.owing(number), desk.stands("6600"), desk.stands("1200")) == (eur(0), eur("1.90"), eur("93.30"))
    desk.undo(line)
    assert (desk.owing(number), desk.stands("6600"), desk.stands("1200")) == (eur("95.20"), eur(0), eur(0))


@pytest.mark.parametrize(
    ("day", "texts", "why"),
    [
        ("10", "Paper,,RE 2026 1", "RE-2026-1 in the text, and the amount less the discount"),
        ("10", f"Paper,{IBAN},thanks", "same amount less the discount and IBAN"),
        ("10", "Paper Mill,,thanks", "same amount less the discount and name"),
        ("10", "x,,thanks", "the only open document of this amount less the discount at that time"),
        ("11", "Paper,,RE 2026 1", "RE-2026-1 in the text, but 2.38 EUR less than is owing"),
        ("11", f"Paper,{IBAN},thanks", ""),
        ("11", "x,,thanks", ""),
    ],
)
def test_what_was_paid_early_is_found_by_what_it_asks_for_then(desk: Desk, day: str, texts: str, why: str) -> None:
    number = desk.bill("RE-2026-1", discount="2/10")
    [line] = desk.booked(f"{day},{texts},,-116.62")
    found = desk.suggested()
    assert [(row.targets, row.why) for row in found] == ([(number, why)] if why else [])
    assert all(row.sure == (day == "10" and texts[0] != "x") for row in found)
    if day == "10":
        said = desk.confirm(line)
        assert "2.38 EUR is discounted: 2 % until 2026-02-10" in said
        assert (desk.stands("2100"), desk.stands("5180")) == (eur(0), eur(-2))


def test_one_line_pays_several_bills_each_less_its_discount(desk: Desk) -> None:
    first, second = desk.bill("RE-2026-1", discount="2/10"), desk.bill("RE-2026-2", "50.00", discount="3/14")
    [line] = desk.booked("05,Paper,,RE-2026-1 and RE-2026-2,,-174.33")  # 116.62 and 57.71
    [found] = desk.suggested()
    assert (found.targets, found.sure) == (f"{first} {second}", True)
    desk.confirm(line)
    assert (desk.stands("2100"), desk.stands("5180"), desk.stands("1400")) == (eur(0), eur("-3.50"), eur("27.83"))


def test_a_payment_that_is_undone_or_comes_back_takes_its_discount_along(desk: Desk) -> None:
    number = desk.bill("RE-2026-1", discount="2/10")
    [line] = desk.booked("05,Paper,,RE-2026-1,,-116.62")
    desk.confirm(line, number)
    desk.undo(line)
    assert (desk.stands("2100"), desk.stands("5180"), desk.stands("1400")) == (eur(-119), eur(0), eur(19))
    desk.confirm(line, number)
    [back] = desk.booked("09,Paper,,account closed,,116.62")
    desk.confirm(back, "PAY-2026-0002")
    assert (desk.stands("2100"), desk.stands("5180"), desk.stands("1200")) == (eur(-119), eur(0), eur(0))
    desk.undo(back)
    assert (desk.stands("2100"), desk.stands("5180"), desk.stands("1200")) == (eur(0), eur(-2), eur("-116.62"))


def test_credit_is_paid_back_by_money_out(desk: Desk) -> None:
    number = desk.invoice()
    desk.ledger.commit(lambda tx: tx.change(Invoice, key_of(desk, number), Invoice.pay, eur("100.00"), DAY))
    [line] = desk.booked("01,Ada,,too much,,-4.80")
    desk.confirm(line, number)
    assert (desk.stands("1300"), desk.stands("1200")) == (eur(0), eur("95.20"))


def test_an_invoice_in_another_currency_is_paid_with_what_the_bank_moved(desk: Desk) -> None:
    def dollars(tx: Transaction) -> str:
        tx.change(Invoice, "D-USD", Invoice.draft, "C-1", [sold("Consulting;1;100.00;0")], "USD")
        taken = tx.change(Series, f"INV-{DAY.year}", Series.take, "INV", DAY.year, DAY)
        tx.change(Invoice, "D-USD", Invoice.issue, taken.number, DAY, Party("Ada"), Party("Acme"))
        return taken.number

    number = desk.ledger.commit(dollars)
    [line] = desk.booked("01,Ada,,dollars,,92.50")
    desk.confirm(line, number)
    assert (desk.owing(number), desk.stands("1200")) == (eur(0), eur("92.50"))
    [made] = desk.views.rows("SELECT number FROM payment")
    assert desk.ledger.load(Payment, made[0]).amount == Money(10000, "USD")


def test_a_batch_is_matched_by_what_stands_in_its_parts(desk: Desk) -> None:
    numbers = [desk.invoice(), desk.invoice()]
    parts = "".join(
        f'<TxDtls><Amt Ccy="EUR">95.20</Amt><RmtInf><Ustrd>{number}</Ustrd></RmtInf></TxDtls>' for number in numbers
    )
    path = desk.office.folder / "x.xml"
    path.write_text(
        "<Document><BkToCstmrStmt><Stmt><Ntry><Amt Ccy='EUR'>190.40</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>"
        f"<BookgDt><Dt>2026-02-01</Dt></BookgDt><NtryDtls>{parts}</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"
    )
    importing.import_file(desk.ledger, "MAIN", str(path), None, "", False)
    [found] = desk.suggested()
    assert (found.targets, found.sure) == (" ".join(numbers), True)


def test_what_a_bank_says_of_the_payments_of_a_batch_is_shown_and_found_by_rules(desk: Desk) -> None:
    texts = ["", "Rent May", "Rent May", "Rent June", "", *(f"Rent of flat {number}" for number in range(1, 6))]
    parts = "".join(
        f"<TxDtls><Refs><EndToEndId>E{at}</EndToEndId></Refs><RltdPties><Dbtr><Nm>{'Ada' if at else ''}</Nm></Dbtr>"
        f"</RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
        for at, text in enumerate(texts)
    )
    path = desk.office.folder / "batch.xml"
    path.write_text(
        "<Document><BkToCstmrStmt><Stmt><Ntry><Amt Ccy='EUR'>190.40</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>"
        f"<BookgDt><Dt>2026-02-01</Dt></BookgDt><NtryDtls>{parts}</NtryDtls><AddtlNtryInf>Collected</AddtlNtryInf>"
        "</Ntry></Stmt></BkToCstmrStmt></Document>"
    )
    importing.import_file(desk.ledger, "MAIN", str(path), None, "", False)
    [all_of_it], [few] = banklists.lines(desk.views), banklists.lines(desk.views, few=True)
    said = "Collected / E0 / Ada: Rent May / Ada: Rent June / Ada: E4 / Ada: Rent of flat 1"
    assert few.text == f"{said} / 4 more"
    assert all_of_it.text == said + "".join(f" / Ada: Rent of flat {number}" for number in range(2, 6))
    [row] = [
        row for row in reconciliation.reconciled(desk.views, date(2026, 2, 28)) if row.what == "line not in the books"
    ]
    assert row.text == few.text
    work = suggesting.adding(desk.ledger, "flats", "text", 0, "rent of flat 5", "4100", "in", "MAIN", True, 1)
    desk.ledger.commit(work)
    assert [(row.rule, row.targets) for row in desk.suggested()] == [("flats", "4100")]


def test_an_invoice_is_paid_whole_though_charges_were_kept_back(desk: Desk) -> None:
    number = desk.invoice()
    path = desk.office.folder / "net.csv"
    head = "Date,Name,Gross,Fee,Net,Transaction ID,Invoice Number\n"
    path.write_text(f"{head}2026-02-01,Ada Ltd,95.20,-2.20,93.00,T1,{number}\n")
    importing.import_file(desk.ledger, "MAIN", str(path), None, "", False)
    assert [row.text for row in banklists.lines(desk.views)] == [f"{number} / 95.20 EUR / -2.20 EUR"]
    [found] = desk.suggested()
    assert (found.targets, found.sure) == (f"{number} 6500", True)
    assert found.why == f"{number} in the text, and the amount before charges of 2.20 EUR"
    desk.confirm(found.line)
    assert (desk.owing(number), desk.stands("6500"), desk.stands("1200")) == (eur(0), eur("2.20"), eur(93))


def test_what_a_line_made_is_not_voided_under_it(desk: Desk) -> None:
    [line] = desk.booked("01,Ada,,advance,,10.00")
    desk.confirm(line, "C-1")
    with pytest.raises(Refused, match=f"PAY-2026-0001 is on a bank statement as {line}"):
        desk.ledger.commit(lambda tx: paying.void(tx, "PAY-2026-0001", DAY, "x"))
    desk.undo(line)
    assert desk.ledger.load(Payment, "PAY-2026-0001").voided


def test_bank_and_books_agree_when_every_line_is_matched(desk: Desk) -> None:
    desk.invoice()
    lines = desk.booked("01,Ada,,INV-2026-0001,,95.20", "02,Bank,,fee,,-5.20", "03,V,,advance,,-40.00")
    for line, target in zip(lines, ("INV-2026-0001", "@bank-charges", "V-1"), strict=True):
        desk.confirm(line, target)
    assert desk.stands("1200") == eur(50)
    assert banklists.standing(desk.views)[0].open == 0
    here = {(row.table, row.digest) for row in digests(desk.views)}
    assert here == {(row.table, row.digest) for row in digests(open_views(desk.office.fresh()))}


def digests(views: Views) -> list[contents.Table]:
    return [row for row in contents.digests(views) if row.projection in ("Banks", "Books", "Payments", "Invoices")]


def test_a_line_of_a_closed_period_is_booked_in_the_next(desk: Desk) -> None:
    number = desk.invoice()
    pays, costs, known = desk.booked("01,Ada,,thanks,,95.20", "02,Bank,,fee,,-3.00", "03,Ada,,known,,10.00")
    made = desk.ledger.commit(lambda tx: paying.record(tx, "customer/C-1", "in", eur(10), date(2026, 2, 2)))
    desk.ledger.commit(lambda tx: tx.change(Periods, "books", Periods.close, date(2026, 2, 28), tx.person))
    for line, target in ((pays, number), (costs, "@bank-charges")):
        with pytest.raises(Refused, match="closed period: the first open date is 2026-03-01"):
            desk.confirm(line, target)
        desk.confirm(line, target, booked=date(2026, 3, 1))
    assert (desk.owing(number), desk.stands("6500")) == (eur(0), eur(3))
    desk.confirm(known, made.number)  # no entry: what was booked in time is found on the statement


def test_what_a_bank_wrote_of_an_erased_customer_is_shown_no_more(desk: Desk) -> None:
    [line] = desk.booked("01,Ada Ltd,DE02120300000000202051,from Ada,,10.00")
    desk.confirm(line, "C-1")

    def erase(tx: Transaction) -> None:
        target = Target(SALES, "customer/C-1")
        shred(tx, desk.ledger, [target])
        tx.change(Erasure, target.name, Erasure.erase, target.name, compartment=SALES)

    desk.ledger.commit(erase)
    for views in (desk.views, open_views(desk.office.fresh())):
        assert "Ada" not in str([*views.rows("SELECT * FROM bank_line"), *views.rows("SELECT * FROM bank_part")])


def test_a_matcher_of_nothing_suggests_nothing(desk: Desk) -> None:
    assert matching.Matcher(desk.views).suggestions([]) == []

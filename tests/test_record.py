import msgspec
import pytest

from aggregates.core import Refused
from aggregates.fields import Value, definition
from aggregates.kind import Kind, built_in
from aggregates.money import eur
from aggregates.record import (
    Added,
    Archived,
    Changed,
    Events,
    Merged,
    Record,
    Restored,
    Unmerged,
    check,
    checked,
    references,
)

CUSTOMER = built_in()["customer"]
EMPLOYEE = built_in()["employee"]
ADDED = Added("customer", "C-1", {"name": "Acme", "city": "Paris"})
OTHER = Record.after(Added("customer", "C-2", {"name": "Acme Ltd"}))


def values(kind: Kind, new: bool = True, **raw: str) -> dict[str, Value | None]:
    kept, problems = check(kind, raw, new=new)
    assert checked(problems) == []
    return kept


def test_a_record_is_added_with_checked_values() -> None:
    added = Record().add(CUSTOMER, " C-1 ", values(CUSTOMER, name="Acme", country="Germany", email=""))
    assert added == Added("customer", "C-1", {"name": "Acme", "country": "DE"})


def test_a_required_field_is_required() -> None:
    with pytest.raises(Refused, match="a customer needs name"):
        Record().add(CUSTOMER, "C-1", {"city": "Paris"})
    with pytest.raises(Refused, match="name cannot be empty"):
        Record.after(ADDED).set(CUSTOMER, {"name": None})
    for new in (True, False):
        with pytest.raises(Refused, match="name"):
            checked(check(CUSTOMER, {"name": " "}, new=new)[1])


def test_a_record_is_added_once() -> None:
    with pytest.raises(Refused, match="C-1 exists already"):
        Record.after(ADDED).add(CUSTOMER, "C-1", {"name": "Acme"})


def test_a_change_holds_only_what_differs() -> None:
    record = Record.after(ADDED)
    (event,) = record.set(CUSTOMER, values(CUSTOMER, new=False, name="Acme", city="Lyon", street="Rue 1"))
    assert event == Changed({"city": "Lyon", "street": "Rue 1"})
    assert record.before(event) == {"city": "Paris", "street": None}
    assert record.evolve(event).fields == {"name": "Acme", "city": "Lyon", "street": "Rue 1"}


def test_nothing_new_is_no_event() -> None:
    assert Record.after(ADDED).set(CUSTOMER, values(CUSTOMER, new=False, city="Paris", email="")) == ()


def test_an_empty_text_empties_the_field() -> None:
    record = Record.after(ADDED)
    (event,) = record.set(CUSTOMER, values(CUSTOMER, new=False, city=""))
    assert event == Changed({"city": None})
    assert record.evolve(event).fields == {"name": "Acme"}


def test_an_unknown_field_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused, match="a customer has no field “colour”; it has name, email, phone"):
        checked(check(CUSTOMER, {"name": "Acme", "colour": "red"})[1])
    with pytest.raises(Refused, match="has no field"):
        Record().add(CUSTOMER, "C-1", {"name": "Acme", "colour": "red"})


def test_every_problem_is_told_at_once() -> None:
    _, problems = check(CUSTOMER, {"iban": "XX", "terms": "soon"})
    assert [(each.field, each.level) for each in problems] == [("iban", "error"), ("terms", "error"), ("name", "error")]
    with pytest.raises(Refused, match=r"iban: .*; terms: .*; a customer needs name"):
        checked(problems)


def test_a_phone_number_is_kept_as_written_and_in_international_form() -> None:
    kept, problems = check(CUSTOMER, {"name": "A", "phone": "030 123456", "country": "Germany"}, region="US")
    assert (kept["phone"], kept["phone_e164"], problems) == ("030 123456", "+4930123456", [])
    kept, problems = check(CUSTOMER, {"name": "A", "phone": "ask"}, region="DE")
    assert kept == {"name": "A", "phone": "ask"}
    assert [each.level for each in checked(problems)] == ["warning"]


def test_a_new_phone_number_never_stands_beside_an_old_international_form() -> None:
    record = Record.after(Added("customer", "C-1", {"name": "A", "phone": "030 123456", "phone_e164": "+4930123456"}))
    for text in ("", "ask"):
        (event,) = record.set(CUSTOMER, check(CUSTOMER, {"phone": text}, new=False)[0])
        assert event.fields["phone_e164"] is None
        assert "phone_e164" not in record.evolve(event).fields


def test_several_phone_numbers_keep_their_places() -> None:
    kind = Kind(name="desk", fields=(definition("phones:list(phone)"),))
    kept, _ = check(kind, {"phones": "ask;030 123456"}, region="DE")
    assert kept == {"phones": ("ask", "030 123456"), "phones_e164": ("", "+4930123456")}


def test_amounts_are_in_the_currency_given() -> None:
    kept, problems = check(built_in()["product"], {"name": "Tea", "price": "18"}, currency="EUR")
    assert (kept, problems) == ({"name": "Tea", "price": eur(18)}, [])


def test_archived_is_archived_until_it_is_restored() -> None:
    record = Record.after(ADDED, Archived())
    for act in (lambda: record.set(CUSTOMER, {"city": "Lyon"}), lambda: record.merge(OTHER)):
        with pytest.raises(Refused, match="C-1 is archived: restore it first"):
            act()
    assert record.archive() == ()
    back = Record.after(ADDED, Archived(), *record.restore())
    assert back == Record.after(ADDED, Archived(), Restored()) == Record.after(ADDED)
    assert back.restore() == ()


def test_a_merge_can_be_taken_back() -> None:
    record = Record.after(ADDED)
    merged = record.evolve(record.merge(OTHER))
    assert merged.into == "customer/C-2"
    with pytest.raises(Refused, match="C-1 is merged into customer/C-2"):
        merged.set(CUSTOMER, {"city": "Lyon"})
    with pytest.raises(Refused, match="C-1 is merged"):
        OTHER.merge(merged)
    assert merged.before(merged.unmerge()) == {"into": "customer/C-2"}
    assert merged.evolve(Unmerged()) == record
    with pytest.raises(Refused, match="C-1 is not merged"):
        record.unmerge()


def test_only_alike_records_merge() -> None:
    record = Record.after(ADDED)
    with pytest.raises(Refused, match="into itself"):
        record.merge(record)
    with pytest.raises(Refused, match="no such record to merge into"):
        record.merge(Record())
    with pytest.raises(Refused, match="C-1 is a customer and V-1 a vendor"):
        record.merge(Record.after(Added("vendor", "V-1", {"name": "Acme"})))


def test_what_does_not_exist_cannot_be_changed() -> None:
    for act in (Record().archive, Record().restore, Record().unmerge, lambda: Record().set(CUSTOMER, {"city": "L"})):
        with pytest.raises(Refused, match="there is no such record"):
            act()


def test_references_name_the_streams_that_must_exist() -> None:
    kept = values(EMPLOYEE, name="Ann", manager="2")
    assert list(references(EMPLOYEE, kept)) == [("manager", "employee/2")]


def test_events_read_back_from_bytes() -> None:
    kept: dict[str, Value] = {"a": "x", "b": 1, "c": True, "d": eur(1), "e": ("x", 2, False, eur(2))}
    for event in (Added("k", "r", kept), Changed({"a": None, **kept}), Archived(), Merged("k/r"), Unmerged()):
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=Events)
        assert again == event
        assert repr(again) == repr(event)

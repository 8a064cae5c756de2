import msgspec
import pytest

from aggregates.core import FINANCE, PEOPLE, SALES, Refused
from aggregates.fields import definition
from aggregates.kind import Defined, Kind, built_in, known


def defined(*texts: str, name: str = "machine") -> Kind:
    return Kind.after(*Kind().define(name, tuple(map(definition, texts))))


def spelled(kind: Kind) -> list[str]:
    return [str(field) for field in kind.open]


def test_the_built_in_kinds_are_there_before_anything_is_defined() -> None:
    homes = {name: kind.home for name, kind in built_in().items()}
    assert homes == {"customer": SALES, "vendor": SALES, "product": SALES, "employee": PEOPLE, "asset": FINANCE}
    required = {name: [field.name for field in kind.open if field.required] for name, kind in built_in().items()}
    assert required == {name: ["name"] for name in homes}
    assert " ".join(field.name for field in built_in()["customer"].open) == (
        "name email phone street city postcode country vat_id iban currency terms"
    )


def test_an_unknown_kind_says_how_to_make_one() -> None:
    with pytest.raises(Refused, match="there is no kind “boat”: bo record define boat --field name:text!"):
        known("boat", Kind())


def test_a_definition_holds_every_field_and_reads_back() -> None:
    (event,) = Kind().define("machine", (definition("name:text!"), definition("colour:choice(red|green)")), FINANCE)
    assert event.compartment == FINANCE
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=Defined) == event


def test_a_built_in_kind_can_grow() -> None:
    (event,) = Kind().define("customer", (definition("since:date"),))
    grown = known("customer", Kind.after(event))
    assert spelled(grown)[0] == "name:text!"
    assert spelled(grown)[-1] == "since:date"
    assert grown.home == SALES


def test_defining_the_same_again_changes_nothing() -> None:
    assert defined("name:text!").define("machine", (definition("name:text!"),)) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x:text!", "x:text"),
        ("x:choice(a|b)", "x:choice(b|a|c)"),
        ("x:choice(a|b)", "x:text"),
        ("x:email", "x:text"),
        ("x:list(choice(a))", "x:list(text)"),
        ("x:reference(employee)", "x:reference"),
    ],
)
def test_a_field_can_be_widened(old: str, new: str) -> None:
    (event,) = defined(old).define("machine", (definition(new),))
    assert list(map(str, event.fields)) == [new]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("x:text", "x:integer", "kept values would not fit"),
        ("x:integer", "x:text", "kept values would not fit"),
        ("x:text", "x:list(text)", "records hold the other form"),
        ("x:choice(a|b)", "x:choice(a)", "lacks b"),
        ("x:text", "x:text!", "cannot be required"),
        ("x:reference(employee)", "x:reference(customer)", "kept references lead elsewhere"),
    ],
)
def test_a_field_cannot_be_changed_under_what_is_kept(old: str, new: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        defined(old).define("machine", (definition(new),))


def test_a_field_taken_away_is_hidden_and_can_come_back() -> None:
    machine = defined("name:text!", "serial:text")
    (hidden,) = machine.define("machine", (), without=("serial",))
    without = Kind.after(hidden)
    assert spelled(without) == ["name:text!"]
    assert without.field("serial") is not None
    (again,) = without.define("machine", (definition("serial:text"),))
    assert spelled(Kind.after(again)) == ["name:text!", "serial:text"]
    with pytest.raises(Refused, match="has no field “colour”"):
        machine.define("machine", (), without=("colour",))


@pytest.mark.parametrize("name", ["invoice", "doc", "series", "once", "kind", "Boat", "a/b", ""])
def test_a_kind_cannot_take_another_things_name(name: str) -> None:
    with pytest.raises(Refused):
        Kind().define(name, (definition("name:text!"),))


def test_a_kind_never_moves() -> None:
    with pytest.raises(Refused, match="never moves"):
        Kind().define("employee", (definition("badge:text"),), SALES)


def test_a_kind_needs_a_field() -> None:
    with pytest.raises(Refused, match="boat needs a field"):
        Kind().define("boat", ())
    with pytest.raises(Refused, match="a field is given twice"):
        Kind().define("boat", (definition("a:text"), definition("a:date")))


def test_the_old_definition_is_what_was_before() -> None:
    (event,) = defined("name:text!").define("machine", (definition("serial:text"),))
    assert [str(field) for field in defined("name:text!").before(event)["fields"]] == ["name:text!"]

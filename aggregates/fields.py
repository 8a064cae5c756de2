"""Fields of records: how a type is spelled, and how what a user writes becomes the value that is kept."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Literal

import msgspec

from aggregates import countries
from aggregates.core import Refused, require
from aggregates.money import MOST, Money, digits_of, exact
from aggregates.text import clean, line, reference, shown

Scalar = str | int | bool | Money
Value = str | int | bool | Money | tuple[Scalar, ...]
"""What is kept. Decimals, dates and codes are canonical strings: the field tells what they mean."""

RESERVED = ("ref", "kind", "status", "archived", "merged", "links")
E164 = "_e164"
"""Beside a phone number as it was written, the field of this ending holds it in international form."""

MANY = 1000
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DEFINITION = re.compile(r"([^:]*):(?:(list)\()?\s*([a-z]+)(?:\(([^()]*)\))?\s*(\))?(!?)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"[^\s@\"(),:;<>\[\]\\.]+(?:\.[^\s@\"(),:;<>\[\]\\.]+)*@{_LABEL}(?:\.{_LABEL})*")
_BOOLEANS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    type: str = "text"
    required: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()
    kind: str = ""  # what a reference leads to, "" for any
    hidden: bool = False  # no longer filled in; old values stay readable

    def __str__(self) -> str:
        """As `--field` takes it."""
        detail = "|".join(self.choices) or self.kind
        word = f"{self.type}({detail})" if detail else self.type
        return f"{self.name}:{f'list({word})' if self.many else word}{'!' * self.required}"


class Problem(msgspec.Struct, frozen=True):
    """Something about one value: an error keeps it out, a warning does not."""

    field: str
    value: str
    rule: str
    level: Literal["error", "warning"] = "error"


def definition(text: str) -> Field:
    """Read `NAME:TYPE[!]`: `name:text!`, `colour:choice(red|green)`, `owner:reference(employee)`, `tags:list(text)`."""
    match = _DEFINITION.fullmatch(clean(text))
    if not match or bool(match[2]) != bool(match[5]):
        raise Refused(f"{shown(text)} is not NAME:TYPE, such as name:text! or colour:choice(red|green)")
    name, many, word, detail, required = match[1].strip(), bool(match[2]), match[3], match[4], bool(match[6])
    require(NAME.fullmatch(name), f"{shown(name)} is not a field name: small letters, digits and _, a letter first")
    require(name not in RESERVED, f"{name} means something else: name the field otherwise")
    require(not name.endswith(E164), f"names ending in {E164} are kept for phone numbers in international form")
    require(word in TYPES, f"{shown(word)} is not a type; there are {', '.join(TYPES)}, and list(TYPE)")
    require(detail is None or word in ("choice", "reference"), f"{word} takes nothing in brackets")
    if word == "choice":
        choices = tuple(line(choice, 64) for choice in (detail or "").split("|"))
        require(all(choices), f"{name} needs its choices: {name}:choice(red|green)")
        require(not any(";" in choice for choice in choices), "a choice holds no semicolon: it separates values")
        plain = {choice.casefold() for choice in choices}
        require(len(plain) == len(choices), f"{name} has the same choice twice")
        return Field(name, word, required, many, choices)
    kind = (detail or "").strip()
    require(not kind or NAME.fullmatch(kind), f"{shown(kind)} is not a kind of record")
    return Field(name, word, required, many, kind=kind)


def parse(field: Field, text: str | Sequence[str], region: str = "", currency: str = "") -> Value:
    """The value to keep. `region` is the country a number without one is read in, `currency` an amount's."""
    read = TYPES[field.type]
    if not field.many:
        require(isinstance(text, str), f"{field.name} takes one value")
        return read(field, str(text), region, currency)
    parts = re.split(r"[;\n]", text) if isinstance(text, str) else list(text)
    filled = [part for part in parts if part.strip()]
    require(len(filled) <= MANY, f"{field.name} takes at most {MANY} values")
    return tuple(read(field, part, region, currency) for part in filled)


def doubt(field: Field, value: Value, region: str = "") -> str:
    """What is odd about a value that is kept all the same, "" when nothing is."""
    if isinstance(value, tuple):
        return next((found for part in value if (found := doubt(field, part, region))), "")
    if field.type == "phone":
        from phonenumbers import is_valid_number_for_region, region_code_for_number

        parsed = _number(str(value), region)
        if parsed is None:
            return f"{shown(str(value))} cannot be read as a phone number: it is kept as written"
        if not is_valid_number_for_region(parsed, region_code_for_number(parsed) or "ZZ"):
            return f"{shown(str(value))} is not a number in use, as far as is known: it is kept as written"
    if field.type == "vat" and _checker(str(value), region) is None:
        return f"{shown(str(value))} has check digits nobody here knows, or names no country: it is kept unchecked"
    return ""


def e164(text: str, region: str = "") -> str:
    """A phone number in international form, "" when it cannot be read."""
    from phonenumbers import PhoneNumberFormat, format_number

    number = _number(text, region)
    return str(format_number(number, PhoneNumberFormat.E164)) if number else ""


@lru_cache(maxsize=64)  # one value is asked about more than once
def _number(text: str, region: str) -> Any:
    import phonenumbers

    try:
        return phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None


def _text(field: Field, text: str, region: str, currency: str) -> str:
    return clean(text)


def _integer(field: Field, text: str, region: str, currency: str) -> int:
    plain = text.strip()
    require(_INTEGER.fullmatch(plain), f"{shown(text)} is not a whole number")
    number = int(plain)
    require(abs(number) <= MOST, f"a whole number is at most {MOST}")
    return number


def _decimal(field: Field, text: str, region: str, currency: str) -> str:
    plain = f"{exact(text):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _money(field: Field, text: str, region: str, currency: str) -> Money:
    return Money.parse(text, currency)


def _date(field: Field, text: str, region: str, currency: str) -> str:
    return day(text).isoformat()


def day(text: str) -> date:
    """A day written as 2026-01-31, in years that business dates have."""
    plain = text.strip()
    try:
        found = date.fromisoformat(plain) if _DATE.fullmatch(plain) else None
    except ValueError:
        found = None
    if found is None:
        raise Refused(f"{shown(text)} is not a day: write it as 2026-01-31")
    require(1500 <= found.year < 3000, f"{shown(text)} is not in the years 1500 to 2999")
    return found


def _boolean(field: Field, text: str, region: str, currency: str) -> bool:
    word = text.strip().casefold()
    require(word in _BOOLEANS, f"{shown(text)} is neither yes nor no")
    return _BOOLEANS[word]


def _choice(field: Field, text: str, region: str, currency: str) -> str:
    plain = clean(text)
    found = next((choice for choice in field.choices if choice.casefold() == plain.casefold()), "")
    require(found, f"{shown(text)} is not one of {', '.join(field.choices)}")
    return found


def _email(field: Field, text: str, region: str, currency: str) -> str:
    plain = line(text)
    require(len(plain) <= 254 and _EMAIL.fullmatch(plain), f"{shown(text)} is not an e-mail address")
    return plain


def _phone(field: Field, text: str, region: str, currency: str) -> str:
    return line(text, 64)


def _country(field: Field, text: str, region: str, currency: str) -> str:
    found = countries.code(line(text))
    require(found, f"{shown(text)} is not a country: write its English name, or a code of ISO 3166 such as DE")
    return found


def _currency(field: Field, text: str, region: str, currency: str) -> str:
    code = text.strip().upper()
    digits_of(code)
    return code


def _iban(field: Field, text: str, region: str, currency: str) -> str:
    from stdnum import exceptions, iban

    plain = re.sub(r"[\s-]", "", text).upper()
    require(re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}", plain), f"{shown(text)} is not an IBAN")
    try:
        iban.validate(plain)
    except exceptions.InvalidChecksum:
        raise Refused(f"{shown(text)} is not an IBAN: its check digits do not fit") from None
    except exceptions.ValidationError:
        raise Refused(f"{shown(text)} is not an IBAN of its country") from None
    return plain


def _vat(field: Field, text: str, region: str, currency: str) -> str:
    from stdnum.exceptions import ValidationError

    plain = re.sub(r"[\s./-]", "", text).upper()
    require(re.fullmatch(r"[A-Z0-9+*]{4,20}", plain), f"{shown(text)} is not a VAT number")
    checker = _checker(plain, region)
    if checker is None:
        return plain
    prefix, validate = checker
    try:
        validate(plain)
    except ValidationError:
        raise Refused(f"{shown(text)} is not a VAT number of {prefix}") from None
    return plain if plain.startswith(prefix) else prefix + plain


def _checker(number: str, region: str) -> tuple[str, Callable[[str], str]] | None:
    """The prefix of a VAT number, and what checks it: of `region` when it fits there, else of its first letters."""
    from stdnum.util import get_cc_module

    for country in (region, countries.code(number[:2]) if number[:2].isalpha() else ""):
        module = get_cc_module(country.lower(), "vat") if country else None
        prefix = "EL" if country == "GR" else country
        if module and (country != region or number.startswith(prefix) or module.is_valid(number)):
            return prefix, module.validate
    if region and not number[:2].isalpha() and (module := get_cc_module(region.lower(), "vat")):
        return "EL" if region == "GR" else region, module.validate
    return None


def _reference(field: Field, text: str, region: str, currency: str) -> str:
    """Kept with its kind, `customer/C-1`, so that it reads alone."""
    kind, slash, rest = line(text).rpartition("/")
    if not slash:
        require(field.kind, f"{shown(text)} names no kind: write it as customer/C-1")
        return f"{field.kind}/{reference(rest)}"
    require(NAME.fullmatch(kind), f"{shown(kind)} is not a kind of record")
    require(kind == (field.kind or kind), f"{field.name} is a reference to {field.kind}, not to {kind}")
    return f"{kind}/{reference(rest)}"


TYPES: dict[str, Callable[[Field, str, str, str], Scalar]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "money": _money,
    "date": _date,
    "boolean": _boolean,
    "choice": _choice,
    "email": _email,
    "phone": _phone,
    "country": _country,
    "currency": _currency,
    "iban": _iban,
    "vat": _vat,
    "reference": _reference,
}

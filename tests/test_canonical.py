import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store import canonical
from store.errors import Malformed


class Grant(msgspec.Struct, frozen=True, tag="grant", forbid_unknown_fields=True):
    person: str
    until: int
    all: bool = False


class Role(msgspec.Struct, frozen=True, tag="role"):
    rights: tuple[str, ...]


Act = Grant | Role
GRANT = b'{"all":false,"person":"00ff","type":"grant","until":9007199254740991}'

PLAIN = st.recursive(
    st.booleans() | st.integers(0, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner),
    max_leaves=12,
)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_a_struct_is_written_with_sorted_keys_and_no_blanks() -> None:
    assert canonical.encode(Grant("00ff", 2**53 - 1)) == GRANT
    assert canonical.decode(GRANT, Act) == Grant("00ff", 2**53 - 1)
    assert canonical.decode(b'{"rights":["read"],"type":"role"}', Role) == Role(("read",))


def test_strings_are_written_as_in_rfc_8785() -> None:
    assert canonical.encode('\x00\x1f\b\t\n\f\r"\\/\x7fé\u2028😀') == (
        rb'"\u0000\u001f\b\t\n\f\r\"\\/' + "\x7fé\u2028😀".encode() + b'"'
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" " + GRANT,
        GRANT + b"\n",
        GRANT.replace(b":", b": ", 1),
        b'{"person":"00ff","all":false,"type":"grant","until":1}',
        b'{"all":false,"all":false,"person":"00ff","type":"grant","until":1}',
        b'{"person":"00ff","type":"grant","until":1}',
        b'{"all":false,"more":1,"person":"00ff","type":"grant","until":1}',
        b'{"more":1,"rights":[],"type":"role"}',
        b'{"all":false,"person":"\\u0030","type":"grant","until":1}',
        b'{"all":false,"person":"00ff","type":"grant","until":9007199254740992}',
        b'{"all":false,"person":"00ff","type":"grant","until":-1}',
        b'{"all":false,"person":"00ff","type":"grant","until":-0}',
        b'{"all":false,"person":"00ff","type":"grant","until":01}',
        b'{"all":false,"person":"00ff","type":"grant","until":1.0}',
        b'{"all":false,"person":"00ff","type":"grant","until":1e2}',
        b'{"all":false,"person":"00ff","type":"grant","until":1e400}',
        b'{"all":false,"person":"00ff","type":"grant","until":"1"}',
        b'{"all":null,"person":"00ff","type":"grant","until":1}',
        b'{"all":false,"person":"\xff","type":"grant","until":1}',
        b'{"rights":[],"type":"revolt"}',
        b"[]",
    ],
)
def test_every_other_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        canonical.decode(data, Act)


@pytest.mark.parametrize(
    "data", [b"1.0", b"null", b"NaN", b"9007199254740992", b'{"\xc3\xa9":1}', b"1" * 5000, b'"\\ud800"', nested(17)]
)
def test_what_has_no_place_in_a_body_is_refused_in_any_type(data: bytes) -> None:
    with pytest.raises(Malformed):
        canonical.decode(data, Any)


@pytest.mark.parametrize("value", [1.5, -1, 2**53, None, "\ud800", {"é": 1}, {1: 2}, object(), {"a": [float("nan")]}])
def test_what_could_not_be_read_back_is_not_written(value: object) -> None:
    with pytest.raises(Malformed):
        canonical.encode(value)


def test_depth_and_size_have_an_end() -> None:
    for deepest in (nested(16), b'{"a":' * 16 + b"0" + b"}" * 16):
        assert canonical.encode(canonical.decode(deepest, Any)) == deepest
    with pytest.raises(Malformed, match="deeper than 16"):
        canonical.decode(nested(10_000), Any)
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(Malformed, match="deeper than 16"):
        canonical.encode(endless)
    longest = b'"' + b"x" * (canonical.LARGEST - 2) + b'"'
    assert canonical.encode(canonical.decode(longest, str)) == longest
    with pytest.raises(Malformed, match="at most 65536 bytes, not 65537"):
        canonical.decode(b"x" * 65_537, Any)
    with pytest.raises(Malformed, match="at most 65536 bytes"):
        canonical.encode("x" * 65_535)


@given(PLAIN)
def test_values_come_back_and_other_writers_agree(value: object) -> None:
    data = canonical.encode(value)
    assert canonical.decode(data, Any) == value
    assert json.loads(data) == value
    assert json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == data


@given(st.binary(max_size=60) | PLAIN.map(lambda value: json.dumps(value).encode()))
@example(nested(5000))
def test_only_one_spelling_is_accepted_and_only_our_error_comes_out(data: bytes) -> None:
    try:
        value = canonical.decode(data, Any)
    except Malformed:
        return
    assert canonical.encode(value) == data


@given(st.integers(0, len(GRANT) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_another_act(at: int, change: int) -> None:
    data = bytearray(GRANT)
    data[at] ^= change
    try:
        act = canonical.decode(bytes(data), Act)
    except Malformed:
        return
    assert act != Grant("00ff", 2**53 - 1)
    assert canonical.encode(act) == data

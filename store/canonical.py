"""Canonical JSON for CONTROL bodies: one value, one sequence of bytes (RFC 8785, for fewer kinds of values)."""

from typing import Any, TypeVar, overload

import msgspec

from store.errors import Malformed

T = TypeVar("T")

LARGEST = 64 * 1024
DEEPEST = 16
LIMIT = 2**53


def encode(value: object) -> bytes:
    """A struct or a dict of strings, integers from 0 on, booleans, lists and objects: sorted keys, no blanks."""
    try:
        plain = msgspec.to_builtins(value, order="sorted")
        _check(plain, 1)
        data = msgspec.json.encode(plain, order="sorted")
    except (TypeError, ValueError, RecursionError) as error:
        raise _malformed(error) from None
    _check_size(data)
    return data


@overload
def decode(data: bytes, kind: type[T]) -> T: ...
@overload
def decode(data: bytes, kind: Any) -> Any: ...
def decode(data: bytes, kind: Any) -> Any:
    """The value of `kind` that encodes to exactly these bytes; a union of tagged structs is a kind as well."""
    _check_size(data)
    try:
        plain = msgspec.json.decode(data)
        _check(plain, 1)
        value = msgspec.convert(plain, kind)
    except (TypeError, ValueError, RecursionError) as error:
        raise _malformed(error) from None
    if encode(plain) != data or encode(value) != data:  # the second sees unknown and missing fields
        raise Malformed("the JSON is not canonical")
    return value


def _check(value: object, depth: int) -> None:
    match value:
        case bool():
            return
        case str():
            value.encode()  # a lone surrogate has no bytes
        case int():
            if not 0 <= value < LIMIT:
                raise Malformed("an integer is from 0 to 2^53 - 1")
        case list() | tuple() | dict() if depth > DEEPEST:
            raise Malformed(f"the JSON is nested deeper than {DEEPEST}")
        case list() | tuple():
            for each in value:
                _check(each, depth + 1)
        case dict():
            for key, each in value.items():
                if not isinstance(key, str) or not key.isascii():  # in ASCII all orders are one
                    raise Malformed("a key is a string of ASCII characters")
                _check(each, depth + 1)
        case _:
            raise Malformed(f"{type(value).__name__} has no place in canonical JSON")


def _check_size(data: bytes) -> None:
    if len(data) > LARGEST:
        raise Malformed(f"canonical JSON has at most {LARGEST} bytes, not {len(data)}")


def _malformed(error: Exception) -> Malformed:
    """The same when it is one; else the reader's own words."""
    if isinstance(error, Malformed):
        return error
    if isinstance(error, RecursionError):
        return Malformed(f"the JSON is nested deeper than {DEEPEST}")
    return Malformed(f"not a body in canonical JSON: {error}")

"""Files and pipes that commands read and write; `-` is stdin or stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

from bo.errors import BadInput

_LIMIT = 16 << 20
_DEEPEST = 200


class Source(NamedTuple):
    """What `--from` names, or `data` that was written in an editor."""

    name: str
    data: bytes | None = None

    def __repr__(self) -> str:  # by this a request under a --key is known again: it never changes
        return f"Source(name={self.name!r})"

    @property
    def told(self) -> str:
        return "standard input" if self.name == "-" else self.name

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        if self.data is not None:
            yield BytesIO(self.data)
        elif self.name == "-":
            yield sys.stdin.buffer
        else:
            with Path(self.name).open("rb") as file:
                yield file

    def bytes(self, limit: int = _LIMIT) -> bytes:
        with self.open() as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise BadInput(f"{self.told} is larger than {limit >> 20} MiB")
        return data

    def text(self) -> str:
        try:
            return self.bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.told} is not UTF-8 text: see byte {error.start}") from None

    def json(self) -> Any:
        """Dicts, lists, strings, ints, Decimals; a name given twice is refused, as is NaN."""
        try:
            found = json.loads(
                self.text(), object_pairs_hook=self._once, parse_float=Decimal, parse_constant=self._no_number
            )
        except json.JSONDecodeError as error:
            raise BadInput(f"{self.told} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
        except RecursionError:
            raise BadInput(f"{self.told} is nested too deeply") from None
        except ValueError as error:  # an integer of thousands of digits
            raise BadInput(f"{self.told} is not JSON we can use: {error}") from None
        if _too_deep(found, _DEEPEST):
            raise BadInput(f"{self.told} is nested more than {_DEEPEST} levels deep")
        return found

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise BadInput(f"{self.told} gives {name} twice")
            found[name] = value
        return found

    def _no_number(self, word: str) -> NoReturn:
        raise BadInput(f"{self.told} holds {word}, which is no number")


@contextmanager
def writing(output: str) -> Iterator[BinaryIO]:
    """A file that appears whole or not at all, readable by its owner only; `-` is stdout.

    What stood there is replaced; a symlink is replaced too, never followed.
    """
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as device:  # a pipe or /dev/null is written to, not replaced
            yield device
        return
    if path.is_dir():
        raise BadInput(f"{output} is a folder: name a file in it")
    beside = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise


def _too_deep(value: object, left: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and (left == 0 or any(_too_deep(item, left - 1) for item in value))

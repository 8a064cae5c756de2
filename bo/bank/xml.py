"""A small tree of an XML file that nobody can trust: no DTD, no entities of its own, bounded depth and size."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.parsers import expat

from aggregates.core import Refused, require

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 64
MOST = 5_000_000
"""So many elements at most."""


class Node:
    """An element by its local name: which version of a schema it belongs to says nothing of its meaning."""

    __slots__ = ("attributes", "children", "line", "name", "pieces")

    def __init__(self, name: str, attributes: dict[str, str], line: int) -> None:
        self.name, self.attributes, self.line = name, attributes, line
        self.children: list[Node] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()

    def all(self, path: str) -> Iterator[Node]:
        """Every element at a path such as `Acct/Id/IBAN`."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def find(self, *paths: str) -> Node | None:
        """The first element at the first path that leads anywhere."""
        return next((found for path in paths for found in self.all(path)), None)

    def said(self, *paths: str) -> str:
        """The text of `find`, "" without one."""
        return next((found.text for path in paths for found in self.all(path) if found.text), "")


def parser() -> expat.XMLParserType:
    """One that refuses a DTD."""

    def doctype(*_: object) -> None:
        raise Refused("the file has a DTD, which may hide anything, and is not read")

    made = expat.ParserCreate(namespace_separator="}")
    made.buffer_text = True
    made.StartDoctypeDeclHandler = doctype
    return made


@contextmanager
def understood() -> Iterator[None]:
    """Refuse what is not XML in a sentence."""
    try:
        yield
    except expat.ExpatError as error:
        raise Refused(f"line {error.lineno} is not XML: {expat.errors.messages[error.code]}") from None
    except (LookupError, ValueError) as error:  # an encoding that is none, or not one letter a byte
        raise Refused(f"the encoding of the file is unknown: {error}") from None


def tree(data: bytes) -> Node:
    """Raises Refused for what is no such file."""
    reading = parser()
    root = Node("", {}, 0)
    open_: list[Node] = [root]
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        require(len(open_) <= DEEPEST, "the file is nested too deeply")
        require(count <= MOST, "the file has too many elements")
        node = Node(name.rpartition("}")[2], attributes, reading.CurrentLineNumber)
        open_[-1].children.append(node)
        open_.append(node)

    reading.StartElementHandler = start
    reading.EndElementHandler = lambda name: open_.pop()
    reading.CharacterDataHandler = lambda text: open_[-1].pieces.append(text)
    with understood():
        reading.Parse(data, True)
    return root.children[0]

"""The text between the tags of HTML and XML."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import IO
from xml.etree.ElementTree import XMLParser

CHUNK = 65_536
SILENT = {"script", "style", "template"}
INLINE = {
    *("a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "em", "font", "i", "kbd", "mark", "q", "s", "samp"),
    *("small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"),
}


class Unreadable(Exception):
    """A file that is not read any further, and why."""


class Page(HTMLParser):
    """Gathers what a reader of the page would see."""

    skipping = ""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT and not self.skipping:
            self.skipping = tag
        elif tag in ("td", "th"):
            self.pieces.append("\t")
        elif tag not in INLINE:
            self.pieces.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in INLINE:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.skipping:
            self.skipping = ""
        elif tag not in INLINE and tag not in ("td", "th"):
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.pieces.append(re.sub(r"\s+", " ", data))


def text_of_html(source: str) -> str:
    page = Page()
    page.feed(source)
    page.close()
    return "".join(page.pieces)


class Elements:
    """What the XML parser reports to: gathers text, keeps no tree, and stops at a DTD."""

    def __init__(self, only: frozenset[str], breaks: dict[str, str]) -> None:
        self.only, self.breaks = only, breaks
        self.inside = 0
        self.pieces: list[str] = []

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise Unreadable("the file has a DTD, which may hide anything, and is not read")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.inside += tag.rpartition("}")[2] in self.only

    def end(self, tag: str) -> None:
        name = tag.rpartition("}")[2]
        self.inside -= name in self.only
        self.pieces.append(self.breaks.get(name, "") if self.breaks else "\n")

    def data(self, text: str) -> None:
        if self.inside or not self.only:
            self.pieces.append(text)

    def close(self) -> None:
        return None


def text_of_xml(file: IO[bytes], only: frozenset[str], breaks: dict[str, str]) -> Iterator[str]:
    elements = Elements(only, breaks)
    parser = XMLParser(target=elements)  # noqa: S314 a DTD ends the reading, so no entity is ever expanded
    while data := file.read(CHUNK):
        parser.feed(data)
        yield "".join(elements.pieces)
        elements.pieces.clear()
    parser.close()
    yield "".join(elements.pieces)

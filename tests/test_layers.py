"""Each layer imports only what it stands on: aggregates, store, projections, bo, from left to right."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.test_startup import loaded
from tests.transcripts import ROOT

LAYERS = ("aggregates", "store", "projections", "bo")
FILES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
CHECK_DIGITS = {"stdnum", "phonenumbers"}
"""Pure libraries that an aggregate may call inside a function."""
IMPURE = {"asyncio", "io", "os", "pathlib", "random", "secrets", "shutil", "socket", "sqlite3", "subprocess", "sys"}
IMPURE |= {"tempfile", "threading", "time", "uuid"}


class Import(NamedTuple):
    name: str
    typing: bool
    inside: bool


def imports(source: str) -> list[Import]:
    """Every module a source names, `from a import b` as `a.b`; whether for types only, whether in a function."""
    found: list[Import] = []

    def look(nodes: list[ast.stmt], typing: bool, inside: bool) -> None:
        for node in nodes:
            if isinstance(node, ast.Import):
                found.extend(Import(alias.name, typing, inside) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                found.extend(
                    Import("." * node.level + f"{node.module or ''}.{alias.name}", typing, inside)
                    for alias in node.names
                )
            elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                look(node.body, True, inside)
                look(node.orelse, typing, inside)
            else:
                within = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                for block in ("body", "orelse", "finalbody"):
                    look(getattr(node, block, []), typing, within)
                for handler in getattr(node, "handlers", []):
                    look(handler.body, typing, within)
                for case in getattr(node, "cases", []):
                    look(case.body, typing, within)

    look(ast.parse(source).body, False, False)
    return found


def wrong(layer: str, stem: str, source: str) -> list[str]:
    """What a file of a layer must not import."""
    right_of = set(LAYERS[LAYERS.index(layer) + 1 :])
    said = []
    for found in imports(source):
        top = found.name.split(".")[0]
        if found.name.startswith(".") or top in right_of or top == "tests":
            said.append(found.name)
        elif layer == "store" and top == "aggregates" and not found.name.startswith("aggregates.core"):
            if (stem, found.name) != ("payload", "aggregates"):  # it lists the folder, and takes no name from it
                said.append(found.name)
        elif layer == "projections" and top == "aggregates" and not (found.typing or found.inside):
            said.append(found.name)
        elif layer == "aggregates" and top not in LAYERS and not found.typing:
            pure = top in sys.stdlib_module_names - IMPURE or top == "msgspec" or (found.inside and top in CHECK_DIGITS)
            if not pure:
                said.append(found.name)
    return said


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_layer_stands_on(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    assert wrong(layer, path.stem, path.read_text(encoding="utf-8")) == []


def test_what_is_forbidden_is_noticed() -> None:
    assert wrong("aggregates", "x", "import store.leaf") == ["store.leaf"]
    assert wrong("aggregates", "x", "def f():\n    from bo import clock") == ["bo.clock"]
    assert wrong("aggregates", "x", "import time\nimport click") == ["time", "click"]
    assert wrong("aggregates", "x", "def f():\n    import stdnum.iban\nfrom datetime import date") == []
    assert wrong("aggregates", "x", "import stdnum.iban") == ["stdnum.iban"]
    assert wrong("store", "x", "from aggregates.core import Event\nfrom store import leaf") == []
    assert wrong("store", "x", "from aggregates.invoice import Issued") == ["aggregates.invoice.Issued"]
    assert wrong("store", "x", "import aggregates") == ["aggregates"]
    assert wrong("store", "payload", "import aggregates") == []
    assert wrong("projections", "x", "from aggregates.invoice import Issued") == ["aggregates.invoice.Issued"]
    assert wrong("projections", "x", "if TYPE_CHECKING:\n    from aggregates.invoice import Issued") == []
    assert wrong("projections", "x", "try:\n    import bo\nexcept ImportError:\n    pass") == ["bo"]
    assert wrong("bo", "x", "from . import cli") == ["..cli"]
    assert wrong("bo", "x", "from store import ledger\nfrom projections import core\nimport aggregates.core") == []


def test_loading_every_projection_loads_no_rules_and_no_cryptography() -> None:
    found = loaded("import bo; from projections.core import projections; print(len(projections()))")
    assert "projections.directory" in found
    assert {name for name in found if name.startswith("aggregates.")} <= {"aggregates.core"}
    assert not found & {"cryptography", "eventsourcing", "tabulate"}

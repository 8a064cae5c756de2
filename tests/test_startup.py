"""What each way of starting imports; a budget on `sys.modules`, never on a clock."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.transcripts import ROOT

_PRINT = "; import sys; print('\\n' + ' '.join(sys.modules))"
_RUN = "import sys; sys.argv[1:] = {words}\nfrom bo.__main__ import _run\n_run(sys.argv[1:])"


def loaded(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-S", "-c", code + _PRINT],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), *(path for path in sys.path if "site-packages" in path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.rsplit("\n", 2)[-2].split())


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["--version"]])
def test_help_and_version_import_next_to_nothing(words: list[str]) -> None:
    heavy = {"click", "msgspec", "re", "typing", "pathlib", "enum", "inspect", "datetime", "decimal"}
    found = loaded(_RUN.format(words=words))
    assert "bo.help" in found
    assert not found & heavy
    assert not {name for name in found if name.startswith(("bo.commands", "store", "projections", "aggregates"))}


def test_a_command_imports_its_own_module_and_no_other() -> None:
    found = loaded(_RUN.format(words=["completion", "bash"]))
    assert {name for name in found if name.startswith("bo.commands.") and name.count(".") == 3} == {
        "bo.commands.ledger.completion"
    }
    assert not found & {"tabulate", "cryptography", "eventsourcing", "sqlcipher3"}


def test_rows_as_json_need_no_tables_and_no_rules() -> None:
    found = loaded(
        "import msgspec; from bo import options, render\n"
        "class Row(msgspec.Struct): name: str\n"
        "render.rows([Row('a')], render.How('json', sort=('-name',)))"
    )
    assert "bo.render" in found
    assert not found & {"tabulate", "wcwidth", "csv", "shutil", "cryptography", "aggregates.core", "store"}


def test_a_drawn_table_does_need_tabulate() -> None:
    code = "import msgspec; from bo import render\nclass Row(msgspec.Struct): name: str\n"
    code += "render.rows([Row('a')], render.How())"
    assert "tabulate" in loaded(code)


def test_every_exit_code_is_for_a_class_that_exists() -> None:
    from importlib import import_module

    from bo.errors import CODES

    for name in CODES:
        module, _, cls = name.rpartition(".")
        assert issubclass(getattr(import_module(module), cls), BaseException), name


def test_every_class_of_the_store_has_an_exit_code() -> None:
    from bo.errors import code_of
    from store import errors

    told = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.StoreError)]
    assert len(told) > 5
    assert [cls for cls in told if cls is not errors.StoreError and code_of(cls("x")) == 1] == []


def test_every_command_says_what_it_is_and_has_a_name_of_its_own() -> None:
    from bo import help

    listed = [(name, path) for names in help.commands().values() for name, path in names.items()]
    assert len({name for name, _ in listed}) == len(listed)
    for name, path in listed:
        docstring = ast.get_docstring(ast.parse(Path(path).read_text(encoding="utf-8"))) or ""
        assert docstring, name
        assert help.summary(path) == docstring.splitlines()[0]

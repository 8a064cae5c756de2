"""A standby to read from: the same verdicts and reports, no writes, and one that is behind is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from store import writing
from tests.ledgers import Office
from tests.servers import Pair
from tests.test_proofs_cli import command

pytest.importorskip("psycopg")
CUSTOMER = ("--set", "name=Ada")
ADD = ("record", "add", "customer", "C-1", *CUSTOMER)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    made = Pair()
    made.primary.configure(synchronous_standby_names="")  # so that the standby may be behind
    yield made
    made.close()


@pytest.fixture
def office(tmp_path: Path, pair: Pair) -> Iterator[Office]:
    with pair.primary.schema() as url:
        made = Office(tmp_path, pair.url(schema=url.rpartition("schema=")[2]))
        made.issue_invoices(2)
        made.close()
        yield made


def urls(pair: Pair, office: Office) -> dict[str, str]:
    url = (office.folder / "url").read_text()
    schema = url.rpartition("schema=")[2]
    return {
        "primary": url,
        "the standby alone": pair.standby.url(schema=schema),
        "rather a standby": pair.url(schema=schema, target_session_attrs="prefer-standby"),
        "what is read only": pair.url(schema=schema, target_session_attrs="read-only"),
    }


def test_it_says_what_the_primary_says(pair: Pair, office: Office) -> None:
    asked = [
        ("report", "trial-balance", "--json"),
        ("invoice", "list", "--json"),
        ("audit", "verify", "--full"),
        ("audit", "head"),
    ]
    primary, *standbys = urls(pair, office).values()
    wanted = [command(office, "-L", primary, *words)[:2] for words in asked]
    assert [code for code, _ in wanted] == [0] * len(asked)
    for url in standbys:
        assert [command(office, "-L", url, *words)[:2] for words in asked] == wanted


def test_what_it_cannot_record_is_told(pair: Pair, office: Office) -> None:
    file = office.folder / "a.txt"
    file.write_text("first")
    for url, words in product(list(urls(pair, office).values())[1:], (ADD, ("doc", "file", str(file)))):
        code, _, err = command(office, "-L", url, *words)
        assert code == 6
        assert err.endswith(
            "cannot be written here: it is a standby, or is set to be read only; name the primary; "
            "nothing was recorded\n"
        )


def test_one_that_is_behind_is_waited_for_and_then_doubted(
    pair: Pair, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = urls(pair, office)
    pair.standby.sql("SELECT pg_wal_replay_pause()")
    try:
        assert command(office, "-L", places["primary"], "record", "add", "customer", "C-2", *CUSTOMER)[0] == 0
        with monkeypatch.context() as short:
            short.setattr(writing, "LAG", 0.5)
            code, _, err = command(office, "-L", places["the standby alone"], "record", "list", "customer")
        assert code == 21  # who says that he is a standby may lie
        assert "was rolled back" in err
        assert "or this standby is that far behind: ask the primary" in err
        resume = threading.Timer(1.0, pair.standby.sql, ["SELECT pg_wal_replay_resume()"])
        resume.start()
        code, out, err = command(office, "-L", places["the standby alone"], "record", "list", "customer", "--json")
        resume.join()
        assert (code, '"C-2"' in out) == (0, True), err
    finally:
        pair.standby.sql("SELECT pg_wal_replay_resume()")

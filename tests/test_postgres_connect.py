"""A server that cannot be reached: waited for while it restarts or is full, and not when it says no."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from bo.errors import code_of
from store import place as places
from store.errors import NoLedger, Unavailable
from store.place import open_store, place_of
from tests.cuts import Wire
from tests.servers import Server

pytest.importorskip("psycopg")


@contextmanager
def later(seconds: float, *work: Callable[[], object]) -> Iterator[None]:
    """Calls functions on another thread after a while."""

    def run() -> None:
        time.sleep(seconds)
        for each in work:
            each()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def tried(url: str) -> tuple[str, float]:
    """What opening a ledger ends with, and after how long."""
    began = time.monotonic()
    with pytest.raises(Unavailable) as told:
        open_store(place_of(url))
    assert code_of(told.value) == 6
    return str(told.value), time.monotonic() - began


@pytest.mark.parametrize("way", ["socket", "wire"])
def test_a_server_that_restarts_is_waited_for(breakable_server: Server, way: str) -> None:
    with Wire(breakable_server) as wire:
        url = breakable_server.url() if way == "socket" else wire.url(breakable_server.url())
        breakable_server.stop()
        with later(1.0, breakable_server.start), pytest.raises(NoLedger):
            open_store(place_of(url))


def test_a_server_in_recovery_is_waited_for_whatever_its_language(
    breakable_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby that may not be read answers as one that is starting up."""
    server = breakable_server
    server.stop()
    server.run("touch", str(server.data / "standby.signal"))
    server.settings |= {"hot_standby": "off"}
    monkeypatch.setattr("tests.servers.PATIENCE", 1.0)
    with pytest.raises(RuntimeError):
        server.start()
    said, took = tried(server.url(connect_timeout="2"))
    assert said.endswith("; tried for 2 s")
    assert took >= 2
    monkeypatch.setattr("store.postgres_connect.SOON", ("nothing of this",))
    assert tried(server.url(connect_timeout="2"))[0].endswith("; tried for 2 s")


def test_a_full_server_is_waited_for(breakable_server: Server) -> None:
    server = breakable_server
    server.sql("CREATE ROLE clerk LOGIN")
    server.sql("ALTER ROLE clerk CONNECTION LIMIT 1")
    url = server.url(user="clerk", connect_timeout="2")
    import psycopg

    with ExitStack() as held:
        held.enter_context(psycopg.connect(url))
        assert tried(url)[0].endswith('too many connections for role "clerk"; tried for 2 s')
        with later(0.5, held.close), pytest.raises(NoLedger):
            open_store(place_of(url))


def test_who_is_away_for_long_is_told_how_long_was_tried(breakable_server: Server) -> None:
    breakable_server.stop()
    said, took = tried(breakable_server.url(connect_timeout="1"))
    assert said.endswith("No such file or directory; tried for 1 s")
    assert 1 <= took < 5


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"user": "nobody-of-ours"}, 'role "nobody-of-ours" does not exist'),
        ({"sslmode": "require", "host": "127.0.0.1", "port": "1"}, "Connection refused; tried for 1 s"),
        ({"host": "/nowhere"}, "No such file or directory"),
        ({"host": "no-such-host.invalid"}, "could not|not known|failure|address"),
    ],
)
def test_what_waiting_does_not_mend_is_told_at_once(postgres_server: Server, change: dict[str, str], why: str) -> None:
    said, took = tried(postgres_server.url(**{"connect_timeout": "1"} | change))
    assert re.search(why, said), said
    assert ("tried" in said) == ("tried" in why)
    assert took < 5


def test_a_pool_before_the_server_that_drops_settings_is_refused(
    postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pgBouncer does with ignore_startup_parameters = options: nobody would be told who holds a lock for ever."""
    monkeypatch.setitem(places._FIXED, "options", "")
    assert tried(postgres_server.url())[0].endswith("drops settings that bo needs: connect past it")


def test_a_wrong_password_is_tried_once(breakable_server: Server) -> None:
    server = breakable_server
    server.sql("CREATE ROLE clerk LOGIN PASSWORD 'right'")
    hba = server.data / "pg_hba.conf"
    server.run("sh", "-c", f"echo 'local all clerk scram-sha-256' | cat - {hba} > {hba}.new && mv {hba}.new {hba}")
    server.configure(log_connections="on")
    assert tried(server.url(user="clerk", passfile="/nowhere"))[0].endswith(
        "no password supplied: it belongs into ~/.pgpass"
    )
    said, took = tried(server.url(user="clerk", password="wrong", connect_timeout="5"))
    assert said.endswith('password authentication failed for user "clerk"')
    assert took < 5
    assert server.log.read_text().count("password authentication failed") == 1

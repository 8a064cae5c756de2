"""Places: folders, and URLs of servers as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import Unavailable
from store.place import Server, key_of, place_of


def server(url: str) -> Server:
    place = place_of(url)
    assert isinstance(place, Server)
    return place


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_what_is_no_url_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of("~/books") == tmp_path / "books"
    assert key_of(place_of("books")) == str(tmp_path / "books")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://alice@db.example.org/books?schema=acme", "postgresql://alice@db.example.org/books?schema=acme"),
        ("postgres://db/books", "postgresql://db/books?schema=bo"),
        ("POSTGRESQL://al%40ice:se%3Acret@h:5433/b%2Fx", "postgresql://al%40ice@h:5433/b%2Fx?schema=bo"),
        ("postgresql://a:1,b:2/books", "postgresql://a:1,b:2/books?schema=bo"),
        ("postgresql://[::1]:5433/books", "postgresql://[::1]:5433/books?schema=bo"),
        ("postgresql:///books?host=/run/pg&port=5433", "postgresql:///books?host=/run/pg&port=5433&schema=bo"),
        ("postgresql://%2Frun%2Fpg/books", "postgresql:///books?host=/run/pg&schema=bo"),
        (
            "postgresql:///b?password=secret&sslpassword=secret&sslmode=require",
            "postgresql:///b?sslmode=require&schema=bo",
        ),
        ("postgresql://?service=acme", "postgresql:///?service=acme&schema=bo"),
    ],
)
def test_a_url_is_shown_without_its_password_and_means_the_same(url: str, shown: str) -> None:
    place = server(url)
    assert str(place) == shown
    again = server(shown)
    assert str(again) == shown
    assert again.key == place.key
    kept = [each for each in place.parameters if each[0] not in ("password", "sslpassword")]
    assert again.parameters == tuple(kept)


def test_a_password_reaches_the_server_and_nothing_else() -> None:
    place = server("postgresql://alice:se%3Acret@db/books")
    assert place.connection["password"] == "se:cret"
    assert "se" + "%3A" not in str(place) + place.key
    assert "se:cret" not in str(place) + place.key


def test_who_connects_and_how_does_not_make_another_place() -> None:
    one = server("postgresql://alice:x@db/books?schema=acme&sslmode=require")
    assert one.key == server("postgresql://bob@db/books?schema=acme").key
    assert one.key != server("postgresql://alice@db/books?schema=other").key
    assert one.key != server("postgresql://alice@db:5433/books?schema=acme").key


def test_a_plus_is_a_plus_as_it_is_to_libpq() -> None:
    place = server("postgresql://a+b@db/books?password=c+d&sslrootcert=/etc/e+f%20g.crt")
    said = place.connection
    assert (said["user"], said["password"], said["sslrootcert"]) == ("a+b", "c+d", "/etc/e+f g.crt")
    assert server(str(place)).connection["sslrootcert"] == "/etc/e+f g.crt"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db.example.org/b",
        "postgresql://127.0.0.1,db/b",
        "postgresql://?service=x",
        "postgresql://localhost/b?hostaddr=10.1.0.11",
        "postgresql://db/b?hostaddr=127.0.0.1",
        "postgresql:///b?host=/run/pg,db",
    ],
)
def test_a_far_host_must_prove_who_it_is(url: str) -> None:
    said = server(url).connection
    assert (said["sslmode"], said["sslrootcert"]) == ("verify-full", "system")


@pytest.mark.parametrize(
    ("name", "value"), [("PGHOST", "db.example.org"), ("PGHOSTADDR", "10.1.0.11"), ("PGSERVICE", "acme")]
)
def test_so_must_one_that_the_environment_names(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert server("postgresql:///b").connection["sslmode"] == "verify-full"


def test_only_the_url_asks_for_less(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGSSLMODE", "disable")
    assert server("postgresql://db/b").connection["sslmode"] == "verify-full"
    assert server("postgresql://db/b?sslmode=disable").connection["sslmode"] == "disable"
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").touch()
    assert "sslrootcert" not in server("postgresql://db/b").connection


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpg", ""])
def test_a_near_one_need_not(host: str) -> None:
    assert "sslmode" not in server(f"postgresql://{host}/b").connection


def test_of_several_hosts_the_one_that_takes_writes_is_meant() -> None:
    assert server("postgresql://a,b/books").connection["target_session_attrs"] == "read-write"
    assert "target_session_attrs" not in server("postgresql://a/books").connection
    assert server("postgresql://a,b/books?target_session_attrs=any").connection["target_session_attrs"] == "any"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgres:/books", "begins with postgresql://"),
        ("posgresql://alice:secret@db/books", "begins with postgresql://"),
        (" postgresql://db/books", "begins with postgresql://"),
        ("s3://bucket/books", "begins with postgresql://"),
        ("postgresql:///b?schema=Acme", "cannot be in the schema Acme"),
        ("postgresql:///b?schema=pg_acme", "cannot be in the schema pg_acme"),
        ("postgresql:///b?schema=public", "cannot be in the schema public"),
        ("postgresql:///b?schema=a%22b", "cannot be in the schema"),
        ("postgresql:///b?schema=", "cannot be in the schema"),
        (f"postgresql:///b?schema={'a' * 64}", "at most 63 small letters"),
        ("postgresql:///b?options=-csearch_path=x", "cannot set options"),
    ],
)
def test_what_cannot_be_meant_is_told(url: str, told: str) -> None:
    with pytest.raises(Unavailable, match=told):
        place_of(url)

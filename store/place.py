"""Where a ledger is kept: in a directory, or in a schema of a PostgreSQL database that a URL names.

Light: every command imports it, and what a server needs is imported when one is meant.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from store.errors import Unavailable

if TYPE_CHECKING:
    from store.backend import Backend
    from store.postgres import PostgresStore

SCHEMA = "bo"
"""The schema of a ledger whose URL names none."""
_URL = re.compile(r"\s*[a-z][a-z0-9+.-]*://|postgres(?:ql)?:/", re.IGNORECASE)
"""Any: a folder called after a mistyped one would be made without a word."""
_SCHEMA = re.compile(r"(?!pg_|information_schema$|public$)[a-z_][a-z0-9_]{0,62}")
_LOOPBACK = re.compile(r"localhost|127(?:\.\d+){3}|::1")
_SECRET = ("password", "sslpassword")


class Server(NamedTuple):
    """A schema on a server. `parameters` are libpq's own, as the URL gave them."""

    parameters: tuple[tuple[str, str], ...]
    schema: str
    documents: str = ""
    """Where its documents lie, when not in its tables: `s3://BUCKET/PREFIX` or a folder."""

    def __str__(self) -> str:
        """The URL, without a password that stood in it: this may be shown and kept."""
        said = dict(self.parameters)
        user, hosts, ports = said.pop("user", ""), said.pop("host", ""), said.pop("port", "")
        database = said.pop("dbname", "")
        more = [(name, value) for name, value in said.items() if name not in _SECRET]
        if "/" in hosts:  # a socket's directory
            more.insert(0, ("host", hosts))
            more += [("port", ports)] if ports else []
            hosts = ports = ""
        at = f"{quote(user, safe='')}@" if user else ""
        more += [("schema", self.schema), *([("documents", self.documents)] if self.documents else [])]
        query = "&".join(f"{name}={quote(value, safe='/,:')}" for name, value in more)
        return f"postgresql://{at}{_joined(hosts, ports)}/{quote(database, safe='')}?{query}"

    @property
    def key(self) -> str:
        """What tells this place from others, whoever connects to it and how."""
        said = dict(self.parameters)
        where = [said.get(name) or os.environ.get(variable, "") for name, variable in _WHERE]
        return "/".join(("postgresql:", *(quote(part, safe="") or "-" for part in where), self.schema))

    @property
    def connection(self) -> dict[str, str]:
        """All that libpq is to be told. What the URL leaves open is safe: TLS that knows the server, by default."""
        said = dict(self.parameters)
        known = {name: said.get(name) or os.environ.get(variable, "") for name, variable in _LEADING}
        hosts = known["host"] or known["hostaddr"]
        far = [host for host in f"{hosts},{known['hostaddr']}".split(",") if host and not _near(host)]
        if "sslmode" not in said and (far or known["service"]):
            said["sslmode"] = "verify-full"
        if said.get("sslmode") == "verify-full" and not _knows_roots(said):
            said["sslrootcert"] = "system"
        if "," in hosts:  # of several the one that takes writes: after a fail-over that is another
            said.setdefault("target_session_attrs", "read-write")
        return {**_HABITS, **said, **_FIXED}


_WHERE = (("service", "PGSERVICE"), ("host", "PGHOST"), ("port", "PGPORT"), ("dbname", "PGDATABASE"))
_LEADING = (("host", "PGHOST"), ("hostaddr", "PGHOSTADDR"), ("service", "PGSERVICE"))
"""What decides which machine is connected to; where the URL does not say it, libpq takes it from the environment."""
_HABITS = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""A host that is gone without a word is noticed in half a minute. The URL may say otherwise."""
_FIXED = {
    "application_name": "bo",
    "client_encoding": "UTF8",
    "options": (
        "-c search_path=pg_catalog -c TimeZone=UTC -c default_transaction_isolation=read\\ committed"
        " -c row_security=off -c lock_timeout=30s -c statement_timeout=0"
        " -c jit=off -c enable_sort=off -c enable_hashjoin=off -c enable_bitmapscan=off -c IntervalStyle=iso_8601"
    ),
}
"""The session's settings travel with the connection: a role's or a database's own ones decide nothing.

IntervalStyle is of no use but that servers report it: by it one sees whether the others were taken.
All that is read in an order has an index in that order: nothing is gathered and sorted before the first row comes.
"""

Place = Path | Server


def place_of(text: str) -> Place:
    """A place as the user writes it. Raises Unavailable for a URL that cannot be one."""
    return _server(text) if _URL.match(text) else Path(text).expanduser()


def is_url(text: str) -> bool:
    return _URL.match(text) is not None


def _server(url: str) -> Server:
    if not re.match(r"postgres(?:ql)?://", url, re.IGNORECASE):
        raise Unavailable("a ledger's URL begins with postgresql:// and names its database: postgresql://HOST/DATABASE")
    address, _, query = url.partition("://")[2].partition("?")
    address, _, database = address.partition("/")
    login, _, hosts = address.rpartition("@")
    user, _, password = login.partition(":")
    listed = [_host(each) for each in hosts.split(",")] if hosts else []
    said = {
        "user": unquote(user),
        "password": unquote(password),
        "host": ",".join(unquote(host) for host, _ in listed),
        "port": ",".join(port for _, port in listed) if any(port for _, port in listed) else "",
        "dbname": unquote(database),
    }
    pairs = (each.partition("=") for each in query.split("&") if each)
    more = {unquote(name): unquote(value) for name, _, value in pairs}  # a + is itself, as it is to libpq
    schema, documents = more.pop("schema", SCHEMA), more.pop("documents", "")
    for name in _FIXED.keys() & more.keys():
        raise Unavailable(f"a ledger's URL cannot set {name}")
    if not _SCHEMA.fullmatch(schema):
        raise Unavailable(
            f"a ledger cannot be in the schema {schema}: its name is at most 63 small letters, digits and _, and none "
            "of PostgreSQL's own"
        )
    return Server(tuple((name, value) for name, value in {**said, **more}.items() if value), schema, documents)


def _host(text: str) -> tuple[str, str]:
    """Host and port; an IPv6 address stands in brackets."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = text.partition(":")
    return host, port


def _joined(hosts: str, ports: str) -> str:
    listed = hosts.split(",")
    numbers = ports.split(",") if "," in ports else [ports] * len(listed)
    pairs = [
        (f"[{host}]" if ":" in host else quote(host, safe=""), port)
        for host, port in zip(listed, numbers, strict=False)
    ]
    return ",".join(f"{host}:{port}" if port else host for host, port in pairs)


def _near(host: str) -> bool:
    """Whether it is this machine: a socket, or its loopback."""
    return host.startswith(("/", "@")) or _LOOPBACK.fullmatch(host) is not None


def _knows_roots(said: dict[str, str]) -> bool:
    own = Path.home() / ".postgresql" / "root.crt"
    return "sslrootcert" in said or bool(os.environ.get("PGSSLROOTCERT")) or own.is_file()


def key_of(place: Place) -> str:
    """What a home knows a place by: its real path, or where the URL leads."""
    return place.key if isinstance(place, Server) else str(place.resolve())


def settled(place: Place) -> Place:
    """The same place, whatever the working directory."""
    return place if isinstance(place, Server) else place.resolve()


def open_store(place: Place, *, read_only: bool = False) -> Backend:
    """Raises Unavailable when there is no ledger, Tampered when the schema is not exactly ours."""
    if isinstance(place, Server):
        return _postgres().open(place, read_only=read_only)
    from store.sqlite import SQLiteStore

    return SQLiteStore.open(place, read_only=read_only)


def create_store(place: Place) -> Backend:
    """The empty tables. Directory and schema may exist. Raises FileExistsError for a ledger in them."""
    if isinstance(place, Server):
        return _postgres().create(place)
    from store.sqlite import SQLiteStore

    return SQLiteStore.create(place)


def remove_store(place: Place) -> None:
    """Take away what `create_store` made, where no ledger was founded."""
    if isinstance(place, Server):
        return _postgres().remove(place)
    from store.sqlite import SQLiteStore

    return SQLiteStore.remove(place)


def _postgres() -> type[PostgresStore]:
    try:
        from store.postgres import PostgresStore
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "psycopg":
            raise
        raise Unavailable("ledgers on PostgreSQL need psycopg: install bo-ledger[postgres]") from None
    return PostgresStore

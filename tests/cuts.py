"""A go-between on the way to a PostgreSQL server, which cuts connections where a test wants it."""

from __future__ import annotations

import random
import re
import socket
import tempfile
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.servers import PORT, Server

BEFORE, AFTER = "before COMMIT is sent", "after COMMIT was sent"


class Wire:
    """Clients that use its URL reach the server through it.

    `at` is BEFORE or AFTER to cut the next connection that says COMMIT there, once. `cut` ends all at once. `met`
    counts connections, `said` what came from clients, in pieces as they were sent.
    """

    def __init__(self, server: Server) -> None:
        self.server, self.at, self.cuts, self.met, self.said = server, "", 0, 0, 0
        self._folder = tempfile.TemporaryDirectory(prefix="bo-wire.")
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._deaf: set[tuple[socket.socket, socket.socket]] = set()
        """Those whose client is to hear nothing more."""
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._folder.name}/.s.PGSQL.{PORT}")
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, url: str) -> str:
        """The server's URL, on the way through here."""
        return url.replace(str(self.server.socket), self._folder.name)

    def cut(self, chance: float = 1.0) -> None:
        """End every connection, or each with some chance."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            if random.random() < chance:
                self._end(pair)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(f"{self.server.socket}/.s.PGSQL.{PORT}")
            except OSError:  # it is down: the client hears the same
                client.close()
                continue
            pair = client, server
            with self._lock:
                self._pairs.add(pair)
                self.met += 1
            for source, target in (pair, pair[::-1]):
                threading.Thread(target=self._pass_on, args=(pair, source, target), daemon=True).start()

    def _pass_on(self, pair: tuple[socket.socket, socket.socket], source: socket.socket, target: socket.socket) -> None:
        commit = re.compile(rb"(?:Q....|P....([^\0]*)\0)COMMIT\0", re.DOTALL)
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self.said += source is pair[0]
                says = commit.search(data)
                if says and says.re.groups and says[1]:  # it is prepared, and from now on run by its name
                    commit = re.compile(rb"B....\0" + re.escape(says[1]) + rb"\0", re.DOTALL)
                due = self._due() if source is pair[0] and says else ""
                if due == AFTER:
                    self._deaf.add(pair)
                if source is pair[1] and pair in self._deaf:  # the answer was quicker than the thread that cuts
                    break
                target.sendall(data[: says.start()] if says and due == BEFORE else data)
                if due:
                    break
        self._end(pair)

    def _due(self) -> str:
        with self._lock:
            due, self.at = self.at, ""
        return due

    def _end(self, pair: tuple[socket.socket, socket.socket]) -> None:
        """The server still reads what had been sent to it; the client hears nothing more."""
        with self._lock:
            if pair not in self._pairs:
                return
            self._pairs.discard(pair)
            self.cuts += 1
        for end in pair:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, at: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._folder.cleanup()

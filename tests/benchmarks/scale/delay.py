"""A network in between: a PostgreSQL server's socket, reached through one that holds all bytes back for a while.

`python -m tests.benchmarks.scale.delay FOLDER TARGET SECONDS` listens in FOLDER and connects to the socket in TARGET;
each direction takes SECONDS. It ends with its input, and tells how many bytes went to the clients.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from tests.servers import PORT
from tests.transcripts import ROOT

NAME = f".s.PGSQL.{PORT}"
PIECE = 1 << 18


class Delay:
    """The process of such a network; `host` is what a URL names instead of the server's folder."""

    def __init__(self, folder: Path, target: Path, round_trip: float) -> None:
        folder.mkdir(mode=0o700)
        self.host, self.bytes = folder, 0
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(folder), str(target), str(round_trip / 2)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the delaying socket did not come up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        out, _ = self._process.communicate()
        self.bytes = int(out)


class Direction:
    """Bytes of one connection in one direction: read by one thread, written later by another."""

    def __init__(self, source: socket.socket, target: socket.socket, seconds: float) -> None:
        self.passed = 0
        self._source, self._target, self._seconds = source, target, seconds
        self._waiting: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self) -> None:
        data = b"?"
        while data:
            try:
                data = self._source.recv(PIECE)
            except OSError:
                data = b""
            self._waiting.put((time.monotonic() + self._seconds, data))

    def _write(self) -> None:
        while True:
            due, data = self._waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    return self._target.shutdown(socket.SHUT_WR)
                self._target.sendall(data)
                self.passed += len(data)
            except OSError:  # that end is gone: the other is told
                return self._source.close()


def main(folder: str, target: str, seconds: str) -> None:
    downstream: list[Direction] = []

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(Path(target) / NAME))
            Direction(client, server, float(seconds))
            downstream.append(Direction(server, client, float(seconds)))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(Path(folder) / NAME))
        listener.listen(64)
        threading.Thread(target=accept, daemon=True).start()
        print("ready", flush=True)
        sys.stdin.read()
        print(sum(each.passed for each in downstream), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""`bo` from a process that has imported it already, for transcripts: they have thousands of short commands, and half of
what each takes is an interpreter that starts and imports.

A forked command is a process of its own with the caller's words, folder, environment and three streams. What else a
process may be given, as limits, further descriptors or signals, it is not: see `is_plain`.
"""

import os
import sys

TYPE_CHECKING = False  # who calls a command pays for every import here
if TYPE_CHECKING:
    import socket
    from types import TracebackType

    from tests.transcripts import Step


def is_plain(steps: "list[Step]") -> bool:
    """Whether a forked command can do all that these steps ask."""
    import re

    special = re.compile(r"\b(ulimit|umask|timeout|kill|trap|exec)\b|\s\d<|[<>]&-|PYTHON|LC_ALL|BO_DEBUG|BO_FAILPOINT")
    return not any(special.search(step.words) for step in steps)


class Forks:
    """The process that forks; it ends with the one that made it."""

    def __init__(self) -> None:
        import subprocess
        import tempfile

        from tests.transcripts import ROOT

        self._folder = tempfile.TemporaryDirectory(prefix="bo-forks.")
        self.address = f"{self._folder.name}/socket"
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.forking", self.address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self._folder.name,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert self._server.stdout is not None
        if self._server.stdout.readline() != b"ready\n":
            raise RuntimeError("the process that forks did not come up")

    def __enter__(self) -> "Forks":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: "TracebackType | None"
    ) -> None:
        self._server.communicate()
        self._folder.cleanup()


def call(address: str, words: list[str]) -> int:
    """Have a command run in this process's place; its exit code, 128 + N where signal N ended it."""
    import _socket

    link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    link.connect(address)
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
    environment = [name + b"=" + value for name, value in os.environb.items()]
    folder = os.getcwdb()  # noqa: PTH109  # see above
    parts = [folder, b"%d" % len(words), *map(os.fsencode, words), *environment]
    link.sendmsg([b"!"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    message = memoryview(b"\0".join(parts))
    while message:
        message = message[link.send(message) :]
    link.shutdown(_socket.SHUT_WR)
    return link.recv(1)[0]


def serve(address: str) -> None:
    """Fork a command for each that calls, until standard input ends."""
    import gc
    import selectors
    import signal
    import socket

    _import_all()
    gc.freeze()
    callers: dict[int, socket.socket] = {}
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    with socket.socket(socket.AF_UNIX) as door, selectors.DefaultSelector() as selector:
        door.bind(address)
        door.listen(64)
        for source in (door, woken, 0):
            selector.register(source, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is door:
                    caller, _ = door.accept()
                    callers[_fork(caller)] = caller
                elif key.fileobj is woken:
                    woken.recv(4096)
                    _answer(callers)
                else:
                    return


def _import_all() -> None:
    from importlib import import_module
    from pkgutil import walk_packages

    for package in map(import_module, ("aggregates", "bo", "projections", "store")):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    import_module("tabulate")


def _fork(caller: "socket.socket") -> int:
    """Begin the command that a caller asks for; its process."""
    import signal
    import socket
    import time

    _, streams, _, _ = socket.recv_fds(caller, 1, 3)
    with caller.makefile("rb") as file:
        folder, count, *rest = file.read().split(b"\0")
    process = os.fork()
    if process:
        for stream in streams:
            os.close(stream)
        return process
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    for number, name in enumerate(("stdin", "stdout", "stderr")):  # they know what can be done with each descriptor
        old, buffering = getattr(sys, name), 1 if name == "stderr" else -1
        setattr(sys, name, open(number, old.mode, buffering, "utf-8", old.errors, closefd=False))  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environb.update((name, value) for name, _, value in (pair.partition(b"=") for pair in rest[int(count) :]))
    time.tzset()
    sys.argv = ["bo", *map(os.fsdecode, rest[: int(count)])]
    if "BO_SERVER" in os.environ:
        from tests.onserver import main
    else:
        from bo.__main__ import main
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(int(end.code or 0))
    finally:
        os._exit(70)  # it ends the process itself


def _answer(callers: "dict[int, socket.socket]") -> None:
    """Tell the callers of processes that ended how they did."""
    while callers:
        process, status = os.waitpid(-1, os.WNOHANG)
        if not process:
            return
        code = os.waitstatus_to_exitcode(status)
        with callers.pop(process) as caller:
            caller.send(bytes([code if code >= 0 else 128 - code]))


if __name__ == "__main__":
    _, address, *words = sys.argv
    if __spec__ is None:  # as a file, which costs less than as a module
        sys.exit(call(address, words))
    serve(address)

"""Commits a second against the number of writers, on a folder and on servers near and far."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, NamedTuple, cast

from store.place import Server as ServerPlace
from store.place import place_of
from store.postgres_session import Session as Connection
from tests.benchmarks.measure import tell
from tests.benchmarks.scale.delay import Delay
from tests.benchmarks.scale.writers import BATCH, Crew, Taken, Watched, machine
from tests.ledgers import Office, issue, session
from tests.servers import Pair, Server

if TYPE_CHECKING:
    from bo.session import Session

WRITERS = (1, 2, 4, 8, 16)
DELAYS = (1, 5, 20)
"""Milliseconds that are added to each round trip."""
BEHIND = 40
"""Commits of others that a writer finds when it is measured what these cost him."""
LEDGERS = 8
PROGRAMS = 8
"""How many are started for one commit each."""
BATCHES = 3
"""Commits of many invoices, of which the median counts."""


class Point(NamedTuple):
    """What so many writers did together; times are of one commit on average."""

    place: str
    writers: int
    ledgers: int
    rtt: float
    rate: float
    all: float
    holding: float
    all_cpu: float
    holding_cpu: float
    server_cpu: float


class Parts(NamedTuple):
    """What writers did that stay, what one did that always asked for the lock before it decided, what new programs did,
    and seconds of a commit of many invoices by place.
    """

    points: list[Point]
    rivalled: list[Point]
    new: list[Point]
    batches: dict[str, float]


def measure(folder: Path, seconds: float) -> dict[str, object]:
    parts = Parts([], [], [], {})
    _place(folder, "SQLite", "", seconds, float, parts)
    with ExitStack() as stack:
        server = Server(durable=True)
        stack.callback(server.close)
        _place(folder, "PostgreSQL", server.url(schema="near"), seconds, lambda: processor(server), parts)
        many = [server.url(schema=f"several{n}") for n in range(LEDGERS)]
        parts.points.append(_several(folder, "PostgreSQL", many, seconds, server))
        for delay in DELAYS:
            with Delay(folder / f"d{delay}", server.socket, delay / 1000) as network:
                name, place = f"PostgreSQL, {delay} ms away", url(server, network, f"far{delay}")
                _place(folder, name, place, seconds, lambda: processor(server), parts)
                if delay == 5:
                    far = [url(server, network, f"far{delay}_{n}") for n in range(LEDGERS)]
                    parts.points.append(_several(folder, name, far, seconds, server))
        disk = fsync(server.folder)
        follow = behind(folder, server, seconds)
    with ExitStack() as stack:
        pair = Pair(durable=True)
        stack.callback(pair.close)
        _place(
            folder, "PostgreSQL, synchronous standby", pair.url(schema="pair"), seconds,
            lambda: sum(map(processor, pair.servers)), parts,
        )  # fmt: skip
    points, rivalled, new = ([point._asdict() for point in found] for found in parts[:3])
    return {
        "points": points, "rivalled": rivalled, "new": new, "batches": parts.batches, "fsync": disk, "behind": follow,
    }  # fmt: skip


def url(server: Server, network: Delay, schema: str) -> str:
    """A ledger of a server, reached over a network."""
    return server.url(schema=schema).replace(str(server.socket), str(network.host))


def _place(
    folder: Path, name: str, place: str, seconds: float, processor: Callable[[], float], parts: Parts
) -> None:  # fmt: skip
    tell(f"speed: {name}")
    home = folder / f"speed-{name}".replace(" ", "-").replace(",", "")
    home.mkdir()
    office = Office(home, place)
    office.close()
    place = place or str(office.directory)
    rtt = round_trip(place) if place.startswith("postgresql:") else 0.0
    for rivalled, counts, points in ((False, WRITERS, parts.points), (True, (1,), parts.rivalled)):
        with Crew([(home, place)] * max(counts), rivalled=rivalled) as crew:
            for count in counts:
                before = processor()
                taken = crew.work(count, seconds)
                points.append(_point(name, count, 1, rtt, taken, processor() - before))
    parts.new.append(_point(name, 1, 1, rtt, _new(place, machine(home, "home-new")), 0.0))
    parts.batches[name] = _batch(session(place, machine(home, "home-batch")))


def _new(place: str, home: Path) -> list[Taken]:
    """The first commit of programs that are up to date, and have been connected, as if they had been overtaken."""
    taken = []
    for _ in range(PROGRAMS + 1):
        ledger = session(place, home)
        taken.append(Watched(ledger, rivalled=True).work(0.0))
        ledger.close()
    return taken[1:]


def _batch(ledger: Session) -> float:
    """Seconds of one commit of many invoices."""
    taken = []
    ledger.commit(issue)
    for _ in range(BATCHES):
        start = perf_counter()
        ledger.commit(lambda tx: [issue(tx) for _ in range(BATCH)])
        taken.append(perf_counter() - start)
    ledger.close()
    return median(taken)


def _several(folder: Path, name: str, places: list[str], seconds: float, server: Server) -> Point:
    """As many ledgers as writers."""
    tell(f"speed: {name}, {len(places)} ledgers")
    homes = []
    for n, place in enumerate(places):
        homes.append(folder / f"several-{len(name)}-{n}")
        homes[-1].mkdir()
        Office(homes[-1], place).close()
    rtt = round_trip(places[0])
    with Crew(list(zip(homes, places, strict=True))) as crew:
        before = processor(server)
        taken = crew.work(len(places), seconds)
        return _point(name, len(places), len(places), rtt, taken, processor(server) - before)


def _point(name: str, writers: int, ledgers: int, rtt: float, taken: list[Taken], server: float) -> Point:
    total = Taken()
    for each in taken:
        total = total.plus(each)
    n = total.commits
    rate = sum(each.commits / each.all for each in taken) * writers / len(taken)
    return Point(
        name, writers, ledgers, rtt, rate, total.all / n, total.holding / n, total.all_cpu / n, total.holding_cpu / n,
        server / (n + writers),
    )  # fmt: skip


def behind(folder: Path, server: Server, seconds: float) -> float:
    """Processor seconds of one more commit of others that a writer has to follow."""
    tell("speed: what others have committed")
    home = folder / "behind"
    home.mkdir()
    place = server.url(schema="behind")
    office = Office(home, place)
    office.close()
    other = session(place, machine(home, "home-other"))
    with Crew([(home, place)]) as crew:
        few, many = list[float](), list[float]()
        for _ in range(5):
            for taken, count in ((few, 1), (many, BEHIND)):
                other.pull()
                for _ in range(count):
                    crew.work(1, 0.0)
                taken.append(_pulled(other))
    other.close()
    # `work` makes a commit before the one it is asked for
    return (median(many) - median(few)) / (2 * (BEHIND - 1))


def _pulled(ledger: Session) -> float:
    start = process_time()
    ledger.pull()
    return process_time() - start


def round_trip(place: str) -> float:
    """Seconds of a question that the server need not think about."""
    connection = Connection(cast(ServerPlace, place_of(place)))
    taken = []
    for _ in range(30):
        start = perf_counter()
        connection.read("SELECT 1")
        taken.append(perf_counter() - start)
    connection.drop()
    return median(taken)


def fsync(folder: Path) -> float:
    """Seconds that the disk takes to have 8 KiB for certain."""
    taken = []
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        file.write(bytes(1 << 20))
        for _ in range(200):
            start = perf_counter()
            file.seek(0)
            file.write(os.urandom(8192))
            os.fdatasync(file.fileno())
            taken.append(perf_counter() - start)
    path.unlink()
    return median(taken)


TICK = os.sysconf("SC_CLK_TCK")


def processor(server: Server) -> float:
    """Processor seconds of a server and of all it has started, those that have ended included."""
    pid = int((server.data / "postmaster.pid").read_text().split("\n", 1)[0])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(map(_ticks, [str(pid), *children])) / TICK


def _ticks(pid: str) -> int:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return sum(map(int, words[11:15]))  # user and system, its own and of what it waited for

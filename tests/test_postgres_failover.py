"""Servers that go away under load: what was acknowledged is there, nothing is there twice, nobody starts anew."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.clerks import Firm
from tests.cuts import AFTER, BEFORE, Wire
from tests.servers import Pair, Server

pytest.importorskip("psycopg")
SECONDS = 10.0
"""That clients may need to find the new primary. They are told nothing: they find that the old one is silent."""
MINUTES = 5


@pytest.fixture
def firm_of(tmp_path: Path) -> Iterator[Callable[[str], Firm]]:
    made: list[Firm] = []

    def founded(url: str) -> Firm:
        made.append(Firm(tmp_path, url))
        return made[-1]

    yield founded
    for firm in made:
        firm.close()


def fail_over(pair: Pair, firm: Firm) -> float:
    """Kill the primary under load and promote its standby; how long nobody could record anything."""
    firm.until(5)
    pair.kill_primary()
    pair.promote()
    firm.until(5)
    return max(later.at - earlier.at for earlier, later in pairwise(firm.told()))


def test_clients_go_on_after_the_primary_was_killed(postgres_pair: Pair, firm_of: Callable[[str], Firm]) -> None:
    firm = firm_of(postgres_pair.url(schema="acme"))
    firm.hire(3)
    assert fail_over(postgres_pair, firm) < SECONDS
    postgres_pair.renew()
    assert fail_over(postgres_pair, firm) < SECONDS  # and back
    assert len(firm.sound([clerk.stop() for clerk in firm.clerks])) >= 60


def shaken(server: Server, wire: Wire, chance: random.Random) -> None:
    """One thing that happens to servers and networks."""
    match chance.randrange(7):
        case 0:
            server.kill_backends()
        case 1:
            server.stop("immediate")
            server.start()
        case 2:
            server.kill()
            time.sleep(chance.random())
            server.start()
        case 3:
            wire.cut(0.5)
        case 4:
            wire.cut()
        case 5:
            wire.at = BEFORE
        case _:
            wire.at = AFTER


def shake(server: Server, firm: Firm, clerks: int, seconds: float, seed: int) -> None:
    chance = random.Random(seed)
    with Wire(server) as wire:
        firm.hire(clerks, wire.url(firm.url))
        firm.until(2)
        until, faults = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            shaken(server, wire, chance)
            faults += 1
            time.sleep(chance.random())
        firm.until(2)
        ended = [clerk.stop() for clerk in firm.clerks]
    found = firm.sound(ended)
    assert len(found) > faults
    print(f"{len(found)} invoices by {clerks} clerks through {faults} faults, {wire.cuts} connections cut")


def test_nothing_is_lost_or_doubled_by_broken_connections(
    breakable_server: Server, firm_of: Callable[[str], Firm]
) -> None:
    shake(breakable_server, firm_of(breakable_server.url(schema="acme")), 2, 5.0, seed=20260131)


@pytest.mark.parametrize("at", [BEFORE, AFTER])
def test_a_commit_whose_answer_was_lost_is_recorded_once(
    breakable_server: Server, firm_of: Callable[[str], Firm], at: str
) -> None:
    firm = firm_of(breakable_server.url(schema="acme"))
    with Wire(breakable_server) as wire:
        firm.hire(1, wire.url(firm.url))
        for cuts in range(1, 4):
            firm.until(1)
            wire.at = at
            firm.until(2)
            assert wire.cuts == cuts
        ended = [clerk.stop() for clerk in firm.clerks]
    assert len(firm.sound(ended)) >= 9


def test_a_restored_older_log_is_noticed_and_accepted_openly(
    breakable_server: Server, firm_of: Callable[[str], Firm]
) -> None:
    """As docs/deploy.md tells it: nobody's machine takes a restored backup in silence."""
    server, firm = breakable_server, firm_of(breakable_server.url(schema="acme"))
    firm.run("record", "add", "customer", "C-1", "--set", "name=Ada")
    server.stop()
    kept = server.folder / "kept"
    server.run("cp", "-a", str(server.data), str(kept))
    server.start()
    firm.run("record", "add", "customer", "C-2", "--set", "name=Bob")
    server.stop()
    shutil.rmtree(server.data)
    kept.rename(server.data)
    server.start()
    firm.run("record", "show", "C-1", code=21)
    firm.run("record", "add", "customer", "C-3", "--set", "name=Eve", code=21)
    firm.run("audit", "accept-rollback", "--reason", "restored to 3 May", "--yes")
    firm.run("record", "show", "C-2", code=7)
    firm.run("record", "add", "customer", "C-2", "--set", "name=Bob")
    firm.run("audit", "verify", "--full")


# by hand


@pytest.mark.long
def test_nothing_is_lost_or_doubled_in_five_minutes(breakable_server: Server, firm_of: Callable[[str], Firm]) -> None:
    shake(breakable_server, firm_of(breakable_server.url(schema="acme")), 4, 60.0 * MINUTES, seed=int(time.time()))


@pytest.mark.long
def test_primaries_are_killed_for_five_minutes(postgres_pair: Pair, firm_of: Callable[[str], Firm]) -> None:
    firm = firm_of(postgres_pair.url(schema="acme"))
    firm.hire(4)
    until, times = time.monotonic() + 60.0 * MINUTES, 0
    while time.monotonic() < until:
        assert fail_over(postgres_pair, firm) < SECONDS
        postgres_pair.renew()
        times += 1
    found = firm.sound([clerk.stop() for clerk in firm.clerks])
    print(f"{len(found)} invoices through {times} fail-overs")


@pytest.mark.long
def test_eight_writers_make_one_order(breakable_server: Server, firm_of: Callable[[str], Firm]) -> None:
    firm = firm_of(breakable_server.url(schema="acme"))
    firm.hire(8, count=500)
    assert len(firm.sound([clerk.ended() for clerk in firm.clerks])) == 4_000
    [(deadlocks,)] = breakable_server.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'")
    assert deadlocks == 0

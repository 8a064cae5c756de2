"""Capacity: the model of writers at one lock, the delaying network, and the figures of docs/scale.md."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.scale import tables
from tests.benchmarks.scale.delay import NAME, Delay
from tests.benchmarks.scale.model import Commit, Simulation

COMMIT = Commit(
    outside=0.002, outside_idle=0.001, outside_trips=1, inside=0.003, inside_trips=1, server=0.001, disk=0.004
)
HELD, ALL = 0.008, 0.011
KNOWN = json.loads(tables.CONSTANTS.read_text())


# the model


def test_one_writer_takes_what_a_commit_takes() -> None:
    assert Simulation(COMMIT, 1).run().rate == pytest.approx(1 / ALL, rel=0.01)
    assert Simulation(COMMIT, 1, rtt=0.02).run().rate == pytest.approx(1 / (ALL + 0.02), rel=0.01)
    asking = COMMIT.__class__(**vars(COMMIT) | {"polled": True})  # who has to have the lock before he decides
    assert Simulation(asking, 1, rtt=0.02).run().rate == pytest.approx(1 / (ALL + 2 * 0.02), rel=0.01)


def test_many_writers_wait_for_the_lock() -> None:
    assert Simulation(COMMIT, 16).run().rate == pytest.approx(1 / HELD, rel=0.01)
    assert Simulation(COMMIT, 16, rtt=0.02).run().rate == pytest.approx(1 / (HELD + 0.02), rel=0.01)


def test_who_follows_others_under_the_lock_holds_it_longer() -> None:
    slowed = COMMIT.__class__(**vars(COMMIT) | {"behind": 0.001, "behind_each": 0.0005})
    assert Simulation(slowed, 2).run().rate == pytest.approx(1 / (HELD + 0.001 + 0.0005), rel=0.02)


def test_a_crowd_follows_most_of_it_before_the_lock() -> None:
    slowed = COMMIT.__class__(**vars(COMMIT) | {"behind": 0.001, "behind_each": 0.0005})
    assert 1 / (HELD + 0.001 + 7 * 0.0005) < Simulation(slowed, 8).run().rate < 1 / (HELD + 0.001)


def test_ledgers_do_not_wait_for_one_another_but_share_processors_and_flushes() -> None:
    assert Simulation(COMMIT, 8, ledgers=8, rtt=0.05).run().rate == pytest.approx(8 / (ALL + 0.05), rel=0.05)
    assert Simulation(COMMIT, 8, ledgers=8, cores=1).run().rate == pytest.approx(1 / 0.006, rel=0.02)
    disk = COMMIT.__class__(**vars(COMMIT) | {"disk": 0.05})
    assert Simulation(disk, 40, ledgers=40).run().rate > 10 / 0.05, "a flush is for all who wait for it"


def test_a_lock_that_is_looked_at_now_and_then_is_free_for_a_while() -> None:
    polled = Simulation(COMMIT.__class__(**vars(COMMIT) | {"polled": True}), 8).run().rate
    assert 0.6 / HELD < polled < 1 / HELD


def test_people_at_random_wait_as_queueing_theory_says() -> None:
    """Pollaczek and Khinchine, for a service time that is always the same."""
    people, every = 200, 1.5
    quick = COMMIT.__class__(**vars(COMMIT) | {"inside": 0.0})  # so that it is the same whether one was overtaken
    held, all_ = quick.server + quick.disk, ALL - COMMIT.inside
    busy = people / every * held
    waited = busy * held / (2 * (1 - busy))
    result = Simulation(quick, people, every=every).run(600)
    assert sum(result.waits) / len(result.waits) == pytest.approx(all_ + waited, rel=0.05)


# the network


def test_bytes_arrive_whole_and_late(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        (tmp_path / "server").mkdir()
        listener.bind(str(tmp_path / "server" / NAME))
        listener.listen()
        with Delay(tmp_path / "far", tmp_path / "server", 0.04) as network, socket.socket(socket.AF_UNIX) as client:
            client.connect(str(network.host / NAME))
            server, _ = listener.accept()
            start = time.monotonic()
            client.sendall(b"ask")
            assert server.recv(100) == b"ask"
            server.sendall(b"x" * 100_000)
            server.close()
            with client.makefile("rb") as answer:
                assert answer.read() == b"x" * 100_000
            assert 0.04 <= time.monotonic() - start < 0.5
        assert network.bytes == 100_000


# the document


def test_the_tables_of_the_document_are_those_of_the_constants() -> None:
    text = tables.DOCUMENT.read_text(encoding="utf-8")
    assert tables.filled(text, KNOWN) == text, "write them anew: python -m tests.benchmarks.scale tables"


def test_the_model_comes_close_to_what_was_measured() -> None:
    """Its constants are those of one and two writers; these are the points with more."""
    wrong = tables.Speed(KNOWN).errors()
    assert median(wrong) < 0.25
    assert max(wrong) < 1

"""The tables of docs/scale.md, from docs/scale.json: what was measured, and what the model makes of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.benchmarks.scale.model import Commit, Result, Simulation
from tests.benchmarks.scale.writers import BATCH, EVENTS
from tests.transcripts import ROOT

CONSTANTS, DOCUMENT = ROOT / "docs" / "scale.json", ROOT / "docs" / "scale.md"
PLACE = re.compile(r"(<!-- table: (\w+) -->\n)(?:(?!<!--).)*(<!-- end -->)", re.DOTALL)
NEAR, FAR, PAIR, FOLDER = "PostgreSQL", "PostgreSQL, 20 ms away", "PostgreSQL, synchronous standby", "SQLite"
Known = dict[str, Any]


class Office(NamedTuple):
    """How a number of people works."""

    people: int
    commits: int = 40
    """Of each a day, 250 days a year."""
    peak: float = 0.2
    """The part of a day's commits that falls into its busiest hour."""

    @property
    def every(self) -> float:
        """Seconds between two commits of one person in that hour."""
        return 3600 / (self.commits * self.peak)

    @property
    def yearly(self) -> int:
        return self.people * self.commits * 250


OFFICES = (Office(5), Office(50), Office(500))


class Speed:
    """The constants of a commit, worked out of what one writer who asks for the lock first and two writers did.

    How much longer processors take that are all busy, several ledgers show. What more writers did is not used.
    """

    def __init__(self, known: Known) -> None:
        self._known = known["speed"]
        self.points = self._known["points"]
        self.places = list(dict.fromkeys(point["place"] for point in self.points))
        self.cores: int = self._known["cores"]

    def point(self, place: str, writers: int, ledgers: int = 1) -> Known:
        [found] = [
            p for p in self.points if (p["place"], p["writers"], p["ledgers"]) == (place, writers, ledgers)
        ]  # fmt: skip
        return dict(found)

    def one(self, place: str, *, new: bool) -> Known:
        """A commit that asks for the lock before it decides: of a writer that stays, or the first of a new program."""
        [stays], [first] = ([p for p in self._known[kind] if p["place"] == place] for kind in ("rivalled", "new"))
        return {**first, "server_cpu": stays["server_cpu"]} if new else dict(stays)

    def trips(self, *, new: bool) -> tuple[float, float]:
        """Round trips of a commit without and with the lock: how much longer it takes where one takes longer."""
        near, far = self.one(NEAR, new=new), self.one(FAR, new=new)
        longer = far["rtt"] - near["rtt"]
        inside = (far["holding"] - near["holding"]) / longer
        return (far["all"] - near["all"]) / longer - inside, inside

    def cost(self, place: str, *, new: bool = False) -> Commit:
        """What a commit takes; from afar what it takes nearby, as only round trips are added."""
        place = place if place in (FOLDER, PAIR) else NEAR
        one, stays, two = self.one(place, new=new), self.one(place, new=False), self.point(place, 2)
        outside_trips, inside_trips = (0.0, 0.0) if place == FOLDER else self.trips(new=new)
        each = self._known["behind"]
        outside, idle = one["all_cpu"] - one["holding_cpu"], one["all"] - one["holding"] - outside_trips * one["rtt"]
        rest = max(one["holding"] - one["holding_cpu"] - inside_trips * one["rtt"], 0.0)
        server = min(one["server_cpu"], rest)
        several = max(self.points, key=lambda point: int(point["ledgers"]))
        return Commit(
            busy=max(several["all_cpu"] / self.point(NEAR, 1)["all_cpu"], 1.0),
            outside=outside, outside_idle=max(idle - outside, 0.0), outside_trips=outside_trips,
            inside=one["holding_cpu"], inside_trips=inside_trips, server=server, disk=rest - server,
            behind=max(two["all_cpu"] - stays["all_cpu"] - each, 0.0), behind_each=each,
            polled=place == FOLDER,
        )  # fmt: skip

    def errors(self) -> list[float]:
        """How far the model is off where it knew nothing of what was measured."""
        points = [point for point in self.points if point["writers"] > 2]
        return [abs(self.again(point).rate / point["rate"] - 1) for point in points]

    def again(self, point: Known, seconds: float = 30.0) -> Result:
        """The model on the machine that was measured."""
        return Simulation(
            self.cost(point["place"]), point["writers"], rtt=point["rtt"], cores=self.cores, ledgers=point["ledgers"]
        ).run(seconds)


def filled(text: str, known: Known) -> str:
    """A document whose tables are those of the constants."""
    makers = {
        "speed": speed, "constants": constants, "elsewhere": elsewhere, "batches": batches, "commands": commands,
        "sizes": sizes, "first": first, "many": many, "offices": offices, "machine": machine, "error": error,
    }  # fmt: skip
    return PLACE.sub(lambda found: f"{found[1]}{makers[found[2]](known)}\n{found[3]}", text)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---", *("--:" for _ in head[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(measured: Known) -> str:
    found = measured["speed"]
    loads = ", ".join(f"{part} {measured[part]['load']}" for part in ("speed", "sizes", "sync"))
    return (
        f"Measured {found['measured']}: {found['machine']}, {found['cores']} cores, a flush of 8 KiB in"
        f" {ms(found['fsync'])} ms. Load average when each part began: {loads}."
    )


def speed(measured: Known) -> str:
    """Commits a second: measured / modelled."""
    known = Speed(measured)
    writers = sorted({point["writers"] for point in known.points})
    rows = []
    for place in known.places:
        cells = [known.point(place, count) for count in writers]
        rows.append((place, *(f"{each['rate']:.0f} / {known.again(each).rate:.0f}" for each in cells)))
    for point in known.points:
        if point["ledgers"] > 1:
            cell = f"{point['rate']:.0f} / {known.again(point).rate:.0f}"
            name = f"{point['place']}, {point['ledgers']} ledgers"
            rows.append((name, *(cell if count == point["writers"] else "" for count in writers)))
    return table(("measured / modelled", *(f"{count} writer{'s' * (count > 1)}" for count in writers)), rows)


def error(measured: Known) -> str:
    wrong = sorted(Speed(measured).errors())
    middle, worst = wrong[len(wrong) // 2], wrong[-1]
    return f"With more than two writers it is off by {middle:.0%} in the middle and {worst:.0%} at worst."


def constants(measured: Known) -> str:
    known = Speed(measured)
    names = {
        "client, without the lock": lambda c: ms(c.outside), "client, with the lock": lambda c: ms(c.inside),
        "server, with the lock": lambda c: ms(c.server), "disk and standby, with the lock": lambda c: ms(c.disk),
        "own disk, without the lock": lambda c: ms(c.outside_idle),
        "to follow others, once": lambda c: ms(c.behind), "and for each of their commits": lambda c: ms(c.behind_each),
        "round trips without / with the lock":
            lambda c: "" if c.polled else f"{c.outside_trips:.1f} / {c.inside_trips:.1f}",
    }  # fmt: skip
    costs = [known.cost(FOLDER), known.cost(NEAR), known.cost(PAIR), known.cost(NEAR, new=True)]
    places = (FOLDER, NEAR, PAIR, f"{NEAR}, a new program")
    return table(("ms of a commit", *places), [(name, *map(show, costs)) for name, show in names.items()])


ELSEWHERE = (1, 2, 4, 8, 16, 32)


def elsewhere(measured: Known) -> str:
    """The model where each writer has a machine of his own."""
    known = Speed(measured)
    rows = []
    for place, rtt in ((NEAR, 0.0005), (NEAR, 0.005), (NEAR, 0.02), (NEAR, 0.1), (PAIR, 0.0005), (PAIR, 0.02)):
        cost = known.cost(place)
        rates = [Simulation(cost, count, rtt=rtt).run().rate for count in ELSEWHERE]
        standby = ", synchronous standby" if place == PAIR else ""
        rows.append((f"{rtt * 1000:g} ms{standby}", *(f"{rate:.0f}" for rate in rates)))
    return table(("round trip", *(f"{count} writer{'s' * (count > 1)}" for count in ELSEWHERE)), rows)


def batches(measured: Known) -> str:
    known, rows = Speed(measured), []
    for place in known.places:
        seconds = measured["speed"]["batches"][place]
        single = known.point(place, 1)["rate"] * EVENTS
        many = BATCH * EVENTS / seconds
        rows.append((place, f"{single:,.0f}", f"{many:,.0f}", f"{many / single:.0f}×"))
    return table(("events a second, one writer", "an invoice a commit", f"{BATCH} a commit", ""), rows)


def commands(measured: Known) -> str:
    found = measured["sync"]["commands"]
    rows = []
    for name, what in (("read", "a warm read"), ("write", "a command that records")):
        trips = (found[-1][name] - found[0][name]) / (found[-1]["rtt"] - found[0]["rtt"])
        rows.append((what, *(f"{each[name]:.2f} s" for each in found), f"{trips:.0f}"))
    heads = [f"{each['rtt'] * 1000:.0f} ms" if each["rtt"] >= 0.001 else "near" for each in found]
    return table(("whole command, started and ended", *heads, "round trips"), rows)


PARTS = ("leaves", "heads", "keys", "indexes", "documents")


def sizes(measured: Known) -> str:
    rows = []
    for each in measured["sizes"]["sizes"]:
        server = sum(each["postgres"].values())
        n = each["invoices"]
        parts = (each["postgres"][name] for name in PARTS)
        rows.append(
            (each["name"], f"{each['sqlite'] / n:,.0f}", f"{server / n:,.0f}", *(f"{part / n:,.0f}" for part in parts),
             f"{server / each['commits']:,.0f}", f"{each['client'] / n:,.0f}")
        )  # fmt: skip
    head = ("bytes an invoice", "folder", "PostgreSQL", *PARTS, "PostgreSQL, a commit", "client")
    return table(head, rows)


def first(measured: Known) -> str:
    rows = []
    for each in measured["sync"]["first"]:
        n = each["events"]
        times = [each[name] for name in ("server", "far", "folder", "without_views", "structure")]
        rows.append((each["name"], f"{n:,}", *(f"{n / t:,.0f}" for t in times), f"{each['bytes'] / n:,.0f}"))
    head = ("events a second", "events", "near", "20 ms away", "in a folder", "no views", "no keys", "bytes an event")
    return table(head, rows)


def many(measured: Known) -> str:
    rows = [
        (f"{each['ledgers']:,}", f"{each['bytes'] / 1e6:,.1f} MB", f"{each['files']:,}", ms(each["opening"]) + " ms",
         f"{each['connection'] / 1e6:.1f} MB", f"{each['connection_after'] / 1e6:.1f} MB")
        for each in measured["sync"]["many"]
    ]  # fmt: skip
    head = ("empty ledgers", "database", "files of the server", "to open one", "a connection", "after 100 ledgers")
    return table(head, rows)


def offices(measured: Known) -> str:
    """The busiest hour on a server 5 ms away with a standby, and what five years leave."""
    cost = Speed(measured).cost(PAIR, new=True)
    [day_by_day] = [each for each in measured["sizes"]["sizes"] if "three" in each["name"]]
    [cold] = [each for each in measured["sync"]["first"] if "three" in each["name"]]
    size = sum(day_by_day["postgres"].values()) / day_by_day["commits"]
    events = day_by_day["events"] / day_by_day["commits"]
    rate = cold["events"] / cold["server"]
    held = cost.inside + cost.behind + cost.behind_each + cost.server + cost.disk + cost.inside_trips * 0.005
    rows = []
    for office in OFFICES:
        hour = Simulation(cost, office.people, rtt=0.005, every=office.every).run(3600)
        years = 5 * office.yearly
        rows.append(
            (str(office.people), f"{office.yearly:,}", f"{hour.rate:.2f}", f"{hour.rate * held:.1%}",
             f"{ms(hour.within(0.5))} / {ms(hour.within(0.99))} ms", f"{office.yearly * size / 1e9:.1f} GB",
             _duration(years * events / rate), f"{years * events * cold['bytes'] / cold['events'] / 1e9:.1f} GB",
             f"{years * events * cold['client'] / cold['events'] / 1e9:.1f} GB")
        )  # fmt: skip
    head = (
        "people", "commits a year", "a second at the peak", "lock in use", "half / 99 % of commits within",
        "grows a year by", "first command after 5 years", "reads", "keeps",
    )  # fmt: skip
    return table(head, rows)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}" if seconds < 0.0995 else f"{seconds * 1000:,.0f}"


def _duration(seconds: float) -> str:
    for length, name in ((3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.1f} {name}"
    return f"{seconds:.0f} s"

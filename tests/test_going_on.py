"""An office after a restore that lost something: who may go on, and who has to say so first."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from store import control
from store.control import RollbackAck
from store.leaf import CONTROL, NO_HASH, NO_STREAM, Leaf
from tests.desks import Company, Desk
from tests.ledgers import forge

WHY = ("--reason", "restored a backup", "--yes")
ACCEPT = ("audit", "accept-rollback", *WHY)


class Restored(Company):
    """Bob has seen, and recorded, what is gone; alice is its administrator."""

    def __init__(self, folder: Path, *, alice_knows: bool) -> None:
        super().__init__(folder)
        self.bob = self.enrol("bob")
        self.grant("bob", "write", "--on", "sales")
        self.add(self.bob, "C-1")
        self.keep()
        self.add(self.bob, "C-2")
        if alice_knows:
            self.alice("record", "list")
        self.bring_back()

    def add(self, desk: Desk, ref: str) -> None:
        desk("record", "add", "customer", ref, "--set", f"name={ref}")

    def keep(self) -> None:
        shutil.rmtree(self.folder / "kept", ignore_errors=True)
        shutil.copytree(self.directory, self.folder / "kept")

    def bring_back(self) -> None:
        shutil.rmtree(self.directory)
        shutil.copytree(self.folder / "kept", self.directory)

    def goes_on(self, desk: Desk) -> None:
        self.add(desk, f"C-{os.urandom(3).hex()}")
        desk("audit", "verify", "--full")


def test_everybody_goes_on_once_an_administrator_has_accepted_it(tmp_path: Path) -> None:
    company = Restored(tmp_path, alice_knows=True)
    company.bob("record", "list", code=21)
    company.bob(*ACCEPT, code=3)
    assert "an administrator accepts it first" in company.bob.said
    company.alice(*ACCEPT)
    company.bob("record", "list", code=21)
    kept = Path(company.bob(*ACCEPT).strip())
    assert kept.is_relative_to(company.bob.home / "pins")
    company.goes_on(company.bob)
    company.goes_on(company.alice)
    company.bob(*ACCEPT, code=3)


def test_an_administrator_who_saw_no_more_accepts_what_a_colleague_has_seen(tmp_path: Path) -> None:
    company = Restored(tmp_path, alice_knows=False)
    company.alice(*ACCEPT, code=3)
    seen = tmp_path / "seen"
    seen.write_text(company.bob("audit", "head", "--seen"))
    company.bob(*ACCEPT, "--head", str(seen), code=3)
    kept = Path(company.alice(*ACCEPT, "--head", str(seen)).strip())
    assert kept.read_text() == seen.read_text()
    shutil.rmtree(company.bob.home / "views")  # it is this very head that she accepted
    company.bob(*ACCEPT)
    company.goes_on(company.bob)
    company.alice(*ACCEPT, "--head", kept.name, code=6)
    company.alice(*ACCEPT, "--head", str(company.directory / "ledger.db"), code=2)
    seen.write_text(company.bob("audit", "head", "--seen"))
    company.alice(*ACCEPT, "--head", str(seen), code=3)
    assert "this log continues that head" in company.alice.said


def test_who_accepted_once_accepted_nothing_that_comes_after(tmp_path: Path) -> None:
    company = Restored(tmp_path, alice_knows=True)
    company.alice(*ACCEPT)
    company.bob(*ACCEPT)
    company.keep()
    company.add(company.bob, "C-3")
    company.bring_back()
    company.bob(*ACCEPT, code=3)


def test_without_his_views_nobody_knows_of_which_rollback_was_spoken(tmp_path: Path) -> None:
    company = Restored(tmp_path, alice_knows=True)
    company.alice(*ACCEPT)
    company.bob(*ACCEPT)
    company.keep()
    company.add(company.bob, "C-3")
    company.alice("record", "list")
    company.add(company.bob, "C-4")
    company.bring_back()
    shutil.rmtree(company.bob.home / "views")
    company.alice(*ACCEPT)
    company.bob(*ACCEPT, code=3)
    seen = tmp_path / "seen"
    seen.write_text(company.bob("audit", "head", "--seen"))
    company.alice(*ACCEPT, "--head", str(seen))
    company.bob(*ACCEPT)
    company.goes_on(company.bob)


def test_who_is_no_administrator_cannot_say_it_for_himself(tmp_path: Path) -> None:
    company = Restored(tmp_path, alice_knows=True)
    carol = company.desk("carol")
    shutil.copytree(company.bob.home / "devices", carol.home / "devices")
    session = carol.session()
    session.pull()
    act = control.encode(RollbackAck("00" * 32, 1_000))
    acts = len(session.store.stream(CONTROL, 0, NO_STREAM))
    size, ordinal = session.verifier.size, session.verifier.ordinal
    forge(session, Leaf(size, CONTROL, 0, 0, NO_STREAM, acts + 1, 1, ordinal, NO_HASH, NO_HASH, b"", act))
    session.close()
    company.alice("audit", "verify", code=21)
    company.bob(*ACCEPT, code=3)


def test_a_head_that_was_seen_is_printed_where_there_is_one(tmp_path: Path) -> None:
    company = Restored(tmp_path, alice_knows=False)
    assert company.bob("audit", "head", "--seen") != company.alice("audit", "head", "--seen")
    assert company.alice("audit", "head") == company.alice("audit", "head", "--seen")
    company.desk("nobody")("audit", "head", "--seen", code=7)
    company.bob("audit", "head", "--seen", "--since", "3", code=2)

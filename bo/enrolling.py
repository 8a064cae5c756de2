"""Enrolling devices: the request on one machine, its approval on another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bo import errors, files, membership, options, session, settings
from store import device as devices
from store import request as requests
from store.errors import KeyProblem, Malformed
from store.home import Home
from store.membership import administer, enact

if TYPE_CHECKING:
    from store.request import Asked
    from store.transaction import Transaction


def ask(name: str, output: str, no_passphrase: bool) -> None:
    """Verify the ledger, make a device bound to it, and write the request."""
    from aggregates.text import reference

    said, home = settings.current(), Home()
    place = session.find(said, home)
    path = home.device_file(reference(name))
    if path.exists():
        raise errors.BadInput(f"you have a device {name} already: choose another name")
    if output != "-" and os.path.lexists(output):
        raise errors.BadInput(f"{output} exists already: choose another name")
    secret = None if no_passphrase else session.new_passphrase(said)
    made = devices.new(name, bytes.fromhex(session.ledger_at(place)))
    ledger = session.Session(place, home, made)
    try:
        ledger.catch_up()  # all that can be verified without keys, before anybody is told to trust it
        seen = ledger.verifier.note.decode().split("\n\n")[0] + "\n"
    finally:
        ledger.close()
    data = requests.make(made, seen)
    made.save(path, secret)
    files.write_output(output, [data])
    if output != "-":
        click.echo(output)
    errors.tell(f"ledger {session.fingerprint(made.ledger)}, device {session.device_fingerprint(made)}")
    errors.note("send it to an admin of the ledger and compare the fingerprints, best over the telephone")


def read(file: Path) -> Asked:
    """The request in a file. Raises BadInput with what is wrong."""
    with files.open_input(file) as opened:
        data = opened.read(requests.LARGEST + 1)
    try:
        return requests.parse(data)
    except Malformed as problem:
        raise errors.BadInput(f"{file}: {problem}") from None


def approve(ledger: session.Session, asked: Asked, person: str, name: str, yes: bool) -> None:
    ledger.pull()
    requests.compare(asked.request, ledger)
    errors.tell(f"ledger {session.fingerprint(ledger.id)}, device {session.fingerprint(asked.hash)}")
    options.confirm("Is this the fingerprint on the other screen?", yes)
    membership.record(ledger, lambda tx: _enrol(ledger, tx, asked, person, name, unattended=False))


def make(ledger: session.Session, name: str, person: str, *, unattended: bool, open_keys: bool) -> None:
    """A device made and enrolled in one go. Its file stands before the log names it, so that no key is lost."""
    from aggregates.text import reference

    said, path = settings.current(), ledger.home.device_file(reference(name))
    if path.exists():
        raise errors.BadInput(f"you have a device {name} already: choose another name")
    secret = None if open_keys else session.new_passphrase(said)
    ledger.pull()
    made = devices.new(name, ledger.id)
    asked = requests.parse(requests.make(made, ledger.verifier.note.decode().split("\n\n")[0] + "\n"))
    made.save(path, secret)
    try:
        membership.record(ledger, lambda tx: _enrol(ledger, tx, asked, person, name, unattended=unattended))
    except Exception:
        path.unlink()
        raise
    errors.note(f"its keys are in {path}: move the file to the machine that uses it")


def change_passphrase(new_fd: int | None, no_passphrase: bool) -> None:
    """The device that acts, under another passphrase: the old file or the new one is valid, whatever happens."""
    said = settings.current()
    home, file = session.chosen(said)
    opened = devices.unlock(file, lambda: session.passphrase(said, file.name))
    secret = None
    if new_fd is not None:
        secret = session.new_passphrase(said._replace(passphrase_fd=new_fd))
    elif not no_passphrase:
        secret = session.ask(f"New passphrase of {file.name}", confirm=True)
    if secret == "":
        raise KeyProblem("an empty passphrase protects nothing: --no-passphrase says so openly")
    opened.save(_path(said, home, file), secret)
    click.echo(file.name)
    if secret is None:
        errors.note("its keys stand in the clear now: for tests and cron only")


def _path(said: settings.Settings, home: Home, file: devices.DeviceFile) -> Path:
    """Where the file of a device lies: the path that was named, else among our own."""
    named = said.device or os.environ.get("BO_DEVICE") or ""
    if "/" in named:
        return Path(named)
    return next(path for path in home.devices.glob("*.json") if devices.read(path).device == file.device)


def _enrol(
    ledger: session.Session, tx: Transaction, asked: Asked, person: str, name: str, *, unattended: bool
) -> list[str]:
    from aggregates.core import require
    from aggregates.directory import DeviceNamed, Entry
    from aggregates.text import reference

    administer(tx)
    views, device = membership.names(ledger), asked.request.device
    owner = membership.known(tx, views, "person", person) if person else tx.person
    called = str(views.value("SELECT name FROM person WHERE id = ?", owner))
    require(tx.people.persons[owner].active, f"{called} has left")
    require(device not in tx.people.devices, "this device is enrolled already")
    chosen = membership.free_device(views, reference(name or called))
    named = tx.append(Entry, device, DeviceNamed(device, owner, chosen))
    membership.explain(tx, "device-add", device, f"{chosen} of {called}")
    outcome = enact(tx, asked.addition(owner, unattended=unattended), named)
    return [chosen, *membership.told(tx, views, outcome, chosen)]

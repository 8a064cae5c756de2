"""Begin a new ledger."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bo import errors, options, settings

if TYPE_CHECKING:
    from store.device import Device
    from store.home import Home
    from store.place import Place
    from store.transaction import Transaction


@click.command
@click.argument("where", metavar="LEDGER")
@click.option("--name", required=True, help="The organisation whose books these are.")
@click.option("--currency", default="EUR", show_default=True, help="The base currency, ISO 4217.")
@click.option("--owner", required=True, help="Your name: the first person, who may do everything.")
@click.option("--recovery", type=click.Path(path_type=Path), help="Where the recovery key file goes.")
@options.no_passphrase
def init(where: str, name: str, currency: str, owner: str, recovery: Path | None, no_passphrase: bool) -> None:
    """Begin a new ledger in LEDGER, owned by you: a folder, or the URL of a PostgreSQL database.

    In a database each ledger has a schema of its own, which the URL names; without one it is `bo`. Documents are
    kept there too, or, encrypted as they are, where the URL says: `&documents=s3://BUCKET/PREFIX` or a folder.
    It prints the fingerprints of the ledger and of your device, and makes a recovery key file: keep that
    file and its code offline, apart from each other. Without them nobody can open the ledger should every
    device be lost.

    \b
    Example: bo init acme --name "Acme GmbH" --currency EUR --owner alice
             bo init "postgresql://alice@db.example.org/books?schema=acme" --name "Acme GmbH" --owner alice
    """
    from aggregates.core import require
    from aggregates.money import digits_of
    from aggregates.text import line
    from bo import session
    from store import device as devices
    from store import found
    from store.home import Home
    from store.place import place_of

    place = place_of(where)
    name, owner, currency = line(name), line(owner), currency.upper()
    digits_of(currency)
    require(name and owner, "an organisation and its owner have names")
    found.require_free(place)
    home = Home()
    secret = None if no_passphrase else session.new_passphrase(settings.current())
    founder = devices.new(_free_name(home, owner), b"")
    rescue = devices.new("recovery", b"")
    first = found.genesis(founder, rescue)
    target = recovery or home.root / "recovery" / f"{founder.name}.json"
    if target.exists():
        raise errors.BadInput(f"{target} exists: name another place with --recovery")
    code = None if no_passphrase else _recovery_code()
    found.create(place, founder.ledger)
    try:
        _forget(home, place)
        rescue.save(target, code)
        founder.save(home.device_file(founder.name), secret)
        ledger = session.Session(place, home, founder)
        ledger.command = "init"
        try:
            with ledger.client.watched():
                found.found(
                    ledger,
                    first,
                    _numbers(),
                    lambda tx, roles: _name(tx, roles, name, currency, owner, founder, first.person),
                )
        finally:
            ledger.close()
    except BaseException:
        _withdraw(place, target, home.device_file(founder.name))
        if target.exists():  # it was founded: what failed came after
            _tell(founder, target, code)
        raise
    click.echo(f"{place}")
    _tell(founder, target, code)


def _tell(founder: Device, recovery: Path, code: str | None) -> None:
    from bo import session

    errors.tell(f"ledger {session.fingerprint(founder.ledger)}, device {session.device_fingerprint(founder)}")
    errors.tell(f"keep the recovery key file offline: {recovery}")
    if code:
        errors.tell(f"its code, shown only now: {code}")


def _forget(home: Home, place: Place) -> None:
    """A ledger that was here before and is gone: what this home knew of the place does not bind the new one."""
    from store.place import key_of

    home.forget(key_of(place))


def _withdraw(place: Place, *keys: Path) -> None:
    """Where no ledger was founded, remove what was made for it, so that `bo init` can be run again."""
    from store import found
    from store.errors import StoreError

    with suppress(StoreError):
        if found.withdraw(place):
            for path in keys:
                path.unlink(missing_ok=True)


def _numbers() -> range:
    from aggregates.core import DIRECTORY, PEOPLE

    return range(DIRECTORY, PEOPLE + 1)


COMPARTMENTS = ("directory", "audit", "sales", "finance", "documents", "people")


def _name(
    tx: Transaction, roles: dict[str, str], name: str, currency: str, owner: str, founder: Device, person: str
) -> None:
    """The directory's first entries."""
    from aggregates.directory import CompartmentNamed, DeviceNamed, Entry, LedgerNamed, PersonNamed, RoleNamed

    tx.append(Entry, "ledger", LedgerNamed(name, currency))
    tx.append(Entry, person, PersonNamed(person, owner))
    tx.append(Entry, founder.id.hex(), DeviceNamed(founder.id.hex(), person, founder.name))
    for role, key in roles.items():
        tx.append(Entry, key, RoleNamed(key, role))
    for number, title in enumerate(COMPARTMENTS, 1):
        tx.append(Entry, f"compartment-{number}", CompartmentNamed(number, title, title == "people"))


def _free_name(home: Home, owner: str) -> str:
    """A name for the device file: the owner's, numbered where it is taken."""
    plain = "".join(char if char.isalnum() or char in "-_." else "-" for char in owner.lower()).strip(".") or "device"
    names = [plain, *(f"{plain}-{number}" for number in range(2, 1000))]
    return next(name for name in names if not home.device_file(name).exists())


def _recovery_code() -> str:
    """125 random bits in groups that can be read aloud."""
    import os
    from base64 import b32encode

    text = b32encode(os.urandom(16)).decode()[:25]
    return "-".join(text[at : at + 5] for at in range(0, 25, 5))

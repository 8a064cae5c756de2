"""Enrol devices by request and approval, list and revoke them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bo import options

if TYPE_CHECKING:
    from bo.session import Session
    from projections.rights import Device
    from store.transaction import Transaction

_file = click.argument("file", type=click.Path(path_type=Path))


@click.group(help=__doc__)
def device() -> None: ...


@device.command()
@click.option("--name", required=True, help="What you call this device.")
@click.option("-o", "--output", required=True, metavar="FILE|-", help="Where the request goes; it holds no secret.")
@options.no_passphrase
def request(name: str, output: str, no_passphrase: bool) -> None:
    """Make the keys of a new device on this machine, and write the request to have it enrolled.

    Send FILE to somebody who administers the ledger, and compare the fingerprint over the telephone: it is
    shown here and there. Until it is approved, this device can verify the ledger and nothing else.

    \b
    Example: bo --ledger /shared/acme device request --name laptop -o bob.request
    """
    from bo import enrolling

    enrolling.ask(name, output, no_passphrase)


@device.command()
@_file
@options.link("--person", kinds=("person",), required=True, metavar="NAME", help="Whose device it is.")
@click.option("--name", default="", help="What it is called here; the person's name, if not said.")
@options.yes
@options.reason_if_any
@options.writes
def approve(ledger: Session, file: Path, person: str, name: str, yes: bool) -> None:
    """Enrol the device that made the request in FILE, and give it the keys its person may have.

    Say yes only when the fingerprint is the one that the person reads to you from the other screen.

    \b
    Example: bo device approve bob.request --person bob
    """
    from bo import enrolling

    enrolling.approve(ledger, enrolling.read(file), person, name, yes)


@device.command()
@click.argument("name")
@click.option(
    "--unattended", is_flag=True, help="For cron: no passphrase, and never grants, enrols, approves or shreds."
)
@options.link("--person", kinds=("person",), default="", metavar="SERVICE", help="Whose device; yours, if not said.")
@options.no_passphrase
@options.reason_if_any
@options.key
@options.ledger
def new(ledger: Session, name: str, unattended: bool, person: str, no_passphrase: bool) -> None:
    """Make a device here and enrol it at once: for a service, or a second one of your own.

    \b
    Example: bo person add cron --service
             bo device new nightly --unattended --person cron
    """
    from bo import enrolling

    enrolling.make(ledger, name, person, unattended=unattended, open_keys=unattended or no_passphrase)


@device.command("list")
@options.link("--person", kinds=("person",), default="", metavar="PERSON", help="Only this person's.")
@options.rows
@options.ledger
def list_(ledger: Session, person: str) -> list[Device]:
    """List the devices, the revoked ones last.

    \b
    Example: bo device list --person bob
    """
    import msgspec

    from bo import membership, session
    from projections import rights

    views = membership.views(ledger)
    found = rights.devices(views, rights.find(views, "person", person) if person else "")
    shorten = session.fingerprint
    return [
        msgspec.structs.replace(one, fingerprint=shorten(bytes.fromhex(one.fingerprint)) if one.fingerprint else "")
        for one in found
    ]


@device.command()
@click.argument("name")
@options.reason
@options.writes
def revoke(ledger: Session, name: str) -> None:
    """End a device: what is written later it cannot read, what it signs later does not count.

    Everybody may revoke a device of his own, from another one; an admin any.

    \b
    Example: bo device revoke laptop --reason "stolen"
    """
    from bo import membership
    from store import membership as store

    def work(tx: Transaction) -> list[str]:
        views = membership.names(ledger)
        found = membership.known(tx, views, "device", name)
        if tx.people.devices[found].person != tx.person:
            store.administer(tx)
        called = str(views.value("SELECT name FROM device WHERE id = ?", found))
        why = membership.explain(tx, "device-revoke", found, called)
        return [called, *membership.told(tx, views, store.revoke_device(tx, found, why))]

    membership.record(ledger, work)


@device.command()
@click.argument("name")
@options.writes
def keys(ledger: Session, name: str) -> None:
    """Give a device the keys it still lacks, of all that its person may read and you hold.

    For another person's device it takes an admin.

    \b
    Example: bo device keys laptop
    """
    from bo import membership
    from store import membership as store

    def work(tx: Transaction) -> list[str]:
        views = membership.names(ledger)
        found = membership.known(tx, views, "device", name)
        if tx.people.devices[found].person != tx.person:
            store.administer(tx)
        short = store.give_keys(tx, found)
        called = str(views.value("SELECT name FROM device WHERE id = ?", found))
        given = len(tx.slots)
        return [
            called,
            f"{given} key{'' if given == 1 else 's'} given" if given else "it has what it may have",
            *membership.told(tx, views, store.Outcome(short=short)),
        ]

    membership.record(ledger, work)


@device.command()
@click.option("--new-fd", type=click.IntRange(min=0), metavar="N", help="Read the new passphrase from this descriptor.")
@options.no_passphrase
def passphrase(new_fd: int | None, no_passphrase: bool) -> None:
    """Change the passphrase of your device, or take it away.

    The keys stay the same; whoever copied the old file and knows the old passphrase still opens it.

    \b
    Example: bo device passphrase
    """
    from bo import enrolling

    enrolling.change_passphrase(new_fd, no_passphrase)

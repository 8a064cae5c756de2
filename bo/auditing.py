"""Opening a ledger to audit it, with a device or without, and the exit code of what was found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from bo import errors, session, settings
from store.device import read
from store.errors import KeyRowDamaged, Tampered
from store.home import Home
from store.place import key_of

if TYPE_CHECKING:
    import click

    from bo.session import Session
    from store.audit import Report
    from store.backend import Backend
    from store.place import Place


class Audited(NamedTuple):
    """A ledger under audit. `ledger` is None where nobody here has a device for it, or none is to be used."""

    place: Place
    home: Home
    store: Backend
    id: bytes
    bound: bytes
    ledger: Session | None

    @property
    def seen(self) -> list[tuple[int, bytes]]:
        """Heads that were verified on this machine before: the pin's, and the views' one."""
        from store.audit import seen_by

        found = seen_by(self.home, self.bound or self.id)
        if self.ledger is not None and not found:
            note, size = self.ledger.client.get("note"), self.ledger.client.get("size")
            found = [(int.from_bytes(size, "big"), note)] if note and size else []
        return found


def opened(context: click.Context, *, keyless: bool = False) -> Audited:
    """The chosen ledger and, where there is one, the device of this home that belongs to it."""
    from store.soundness import open_sound
    from store.verify import ledger_id_of

    said, home = settings.current(), Home()
    place = session.find(said, home)
    binding = home.binding(key_of(place))
    bound = bytes.fromhex(binding.ledger) if binding else b""
    named = said.device or os.environ.get("BO_DEVICE") or (binding.device if binding else "")
    ledger = None
    store = open_sound(place)
    context.call_on_close(store.close)
    first = store.leaf(0)
    found = ledger_id_of(first.body) if first is not None and type(first.body) is bytes else b""
    if not keyless and (named or _fitting(home, bound or found)):
        ledger = session.open_ledger(said if named else said._replace(device=_fitting(home, bound or found)))
        context.call_on_close(ledger.close)
        context.obj = ledger
        bound = bound or ledger.id
    return Audited(place, home, store, found, bound, ledger)


def _fitting(home: Home, ledger: bytes) -> str:
    """The name of the first device here that belongs to a ledger."""
    files = sorted(home.devices.glob("*.json")) if home.devices.is_dir() else []
    return next((file.stem for file in files if read(file).ledger == ledger.hex()), "")


def judged(report: Report) -> Exception | None:
    """What a report amounts to: the worst of it."""
    from store.siderows import DOCUMENT, KEY, REJECTED, UNAUTHORISED

    documents, keys, refused = report.of(DOCUMENT), report.of(KEY), report.of(UNAUTHORISED, REJECTED)
    if documents:
        return Tampered(_told(documents[0].what, len(documents)))
    if keys:
        return KeyRowDamaged(_told(keys[0].what, len(keys)))
    if refused:
        return errors.RejectedExist(_told(f"{refused[0].kind} {refused[0].what}", len(refused)))
    return None


def _told(first: str, count: int) -> str:
    return first if count == 1 else f"{first}, and {count - 1} more"

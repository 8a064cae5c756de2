"""What the store reports: each class is caught somewhere, and `bo/errors.py` gives each its exit code."""

NOT_RECORDED = "nothing was recorded"
NOT_KNOWN = "whether it was recorded is not known: look before you do it again"


class StoreError(Exception):
    """Base of all of them. The message is a sentence for the user."""


class Conflict(StoreError):
    """Somebody else was faster, again and again (exit 4)."""


class KeyProblem(StoreError):
    """A key file, a passphrase or a missing key (exit 5). The words do not tell which."""


class Unavailable(StoreError):
    """The store or a file cannot be reached, is locked, full, or not a ledger (exit 6)."""


class NoLedger(Unavailable):
    """There is none at a place (exit 6)."""


class Interrupted(Unavailable):
    """The server went away, or stopped taking writes, in the middle of something: it may be tried again (exit 6)."""


class Unrecorded(Unavailable):
    """The store failed a commit (exit 6): `why`, and whether it is `known` that nothing of it is there."""

    def __init__(self, why: str, *, known: bool = True) -> None:
        super().__init__(f"{why}; {NOT_RECORDED if known else NOT_KNOWN}")
        self.why, self.known = why, known


class NotFound(StoreError):
    """A reference leads nowhere, or to several things (exit 7)."""


class NeedsNewer(StoreError):
    """The log holds something this program is too old for (exit 9)."""


class Tampered(StoreError):
    """The log is not what was signed (exit 20): structure fails, nothing after it is believed."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message if index is None else f"leaf {index}: {message}")
        self.index = index


class RolledBack(StoreError):
    """The log is shorter than, or other than, what this client has seen (exit 21)."""


class KeyRowDamaged(StoreError):
    """A deletable side row does not match its commitment in the log (exit 22)."""


class Unauthorised(StoreError):
    """The commit would use a right its author does not have (exit 3 when writing)."""


class Malformed(StoreError, ValueError):
    """Bytes that are not in the form docs/design.md gives them; the caller says where they stood."""

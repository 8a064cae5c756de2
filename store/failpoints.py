"""Named places where a test can kill the process, to prove that a commit is whole or absent."""

import os

_ARMED = os.environ.get("BO_FAILPOINT", "")


def hit(name: str) -> None:
    """Die here, as by a power cut, when BO_FAILPOINT names this place."""
    if _ARMED and name == _ARMED:
        import signal  # here, because every command imports this module

        os.kill(os.getpid(), signal.SIGKILL)


NAMES = (
    "begun", "head-read", "signed", "leaf-inserted", "leaves-inserted", "keys-inserted", "slots-inserted",
    "head-inserted", "before-commit", "after-commit", "pin-begun", "pin-written", "views-begun",
    "views-before-commit", "views-updated", "blob-written", "shred-recorded", "shred-rows-deleted",
)  # fmt: skip
"""Every failpoint, in the order a commit meets them."""

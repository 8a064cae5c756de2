"""Long passes without the cycle collector: it would walk all that is alive, again and again, and find nothing."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def calm() -> Iterator[None]:
    """Pause the collector. What a pass makes refers to nothing that refers back: counting references frees it."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()

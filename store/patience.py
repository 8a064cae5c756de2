"""Trying again, ever more slowly, for as long as a fail-over takes."""

import random
import time


class Patience:
    """A minute of it, counted from the first failure."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds, self._until, self._pause = seconds, 0.0, 0.02

    def wait(self) -> bool:
        """Wait a little longer than the last time; False when there is no patience left."""
        now = time.monotonic()
        self._until = self._until or now + self._seconds
        if now >= self._until:
            return False
        time.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311  # so that those who wait do not come all at once
        self._pause = min(self._pause * 2, 1.0)
        return True

"""What time it is; BO_NOW says otherwise in tests."""

import os
import time
from datetime import date, datetime

from bo.errors import BadInput


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    fixed = _fixed()
    return time.time_ns() // 1_000_000 if fixed is None else round(fixed.timestamp() * 1000)


def today() -> date:
    """The day where the user is; with BO_NOW, the day it names."""
    return day_of(now_ms())


def day_of(at: int) -> date:
    """The day where the user is at a time (ms UTC)."""
    fixed = _fixed()
    return datetime.fromtimestamp(at / 1000, fixed.tzinfo if fixed else None).date()


def _fixed() -> datetime | None:
    text = os.environ.get("BO_NOW")
    if not text:
        return None
    try:
        fixed = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"BO_NOW is an ISO 8601 time like 2026-01-31T12:00:00Z, not {text}") from None
    if not 1900 <= fixed.year <= 2999:
        raise BadInput(f"BO_NOW lies between 1900 and 2999, not in {fixed.year}")
    return fixed

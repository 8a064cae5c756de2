"""The configuration file: what it may say, and how it is read and written."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from bo.errors import BadInput

if TYPE_CHECKING:
    from store.home import Home

KNOWN = {
    "ledger": "the ledger to use where none is named",
    "device": "who acts where neither a device nor the ledger's own is named",
    "unlock": "how long `bo unlock` keeps a key where --for does not say",
}


def load(home: Home) -> dict[str, str]:
    """What the file says; nothing while there is none."""
    if not home.config.is_file():
        return {}
    try:
        found = tomllib.loads(home.config.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise BadInput(f"{home.config}: {problem}") from None
    for name, value in found.items():
        if name not in KNOWN:
            raise BadInput(f"{home.config}: {name} is not a setting of bo: there are {', '.join(KNOWN)}")
        if not isinstance(value, str):
            raise BadInput(f"{home.config}: the value of {name} is a text, in quotes")
    return found


def save(home: Home, name: str, value: str) -> None:
    """Set one; an empty value removes it."""
    import json

    from store.home import write_private

    if name not in KNOWN:
        raise BadInput(f"there is no setting {name}: there are {', '.join(KNOWN)}")
    if not value.isprintable():
        raise BadInput(f"the value of {name} holds characters that cannot be printed")
    kept = {**load(home), name: value}
    lines = [f"{key} = {json.dumps(text, ensure_ascii=False)}\n" for key, text in sorted(kept.items()) if text]
    write_private(home.config, "".join(lines).encode())

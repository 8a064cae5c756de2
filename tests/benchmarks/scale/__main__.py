"""Measures what docs/scale.md stands on, keeps it in docs/scale.json, and writes the tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.benchmarks.measure import tell
from tests.benchmarks.scale import tables

PARTS = ("speed", "sizes", "sync", "tables")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=PARTS, metavar=f"{{{','.join(PARTS)}}}", help="all, if none is named"
    )
    parser.add_argument("--seconds", type=float, default=3.0, metavar="N", help="for each number of writers (3)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where ledgers and servers are made")
    parser.add_argument("--constants", type=Path, default=tables.CONSTANTS, metavar="FILE", help="docs/scale.json")
    said = parser.parse_args()
    unknown = set(said.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {min(unknown)}")
    if said.folder:
        tempfile.tempdir = str(said.folder)
    for part in said.parts:
        if part != "tables":
            _keep(said.constants, part, _measured(part, said.seconds))
    if "tables" in said.parts:
        known = json.loads(said.constants.read_text())
        tables.DOCUMENT.write_text(tables.filled(tables.DOCUMENT.read_text(), known))


def _measured(part: str, seconds: float) -> dict[str, Any]:
    from tests.benchmarks.scale import sizes, speed, sync

    start, load = perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bo-scale.") as name:
        folder = Path(name)
        found = {
            "speed": lambda: speed.measure(folder, seconds),
            "sizes": lambda: sizes.measure(folder),
            "sync": lambda: sync.measure(folder),
        }[part]()
    tell(f"{part}: {perf_counter() - start:.0f} s")
    return {
        "measured": datetime.now(UTC).date().isoformat(), "load": round(load, 1), "cores": os.cpu_count(),
        "machine": f"Python {platform.python_version()}, {platform.machine()}", **found,
    }  # fmt: skip


def _keep(path: Path, part: str, found: dict[str, Any]) -> None:
    """Replace one part, and leave the others as they are."""
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | {part: _rounded(found)}, indent=1, sort_keys=True) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()

"""The command line: parse, call one thing, print."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

__version__ = "0.1.0"

TYPE_CHECKING = False  # typing and pathlib would double what `bo --help` costs
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class _Ours:
    """Finds bo's own packages beside this one, whatever lies in the working directory."""

    names = frozenset(("aggregates", "projections", "store"))
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [cls.home]) if name in cls.names else None


sys.meta_path.insert(0, _Ours)

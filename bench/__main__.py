"""
List the benchmarks, or run some of them: `python -m bench [NAME ... | all]`.

Each is a command of its own as well, with options: `python -m bench.polls --help`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType


def main(names: list[str]) -> None:
    """List them all, or run those that are named."""
    benches = _find()
    if not names:
        for name in benches:
            print(f"{name:<12} {(inspect.getdoc(_load(name)) or '').splitlines()[0]}")
        print("run some by their names, or all: python -m bench all")
        return
    unknown = [name for name in names if name not in (*benches, "all")]
    if unknown:
        raise SystemExit(f"there is no bench {unknown[0]!r}; python -m bench lists them")
    for name in benches if "all" in names else names:
        print(f"# {name}", flush=True)
        _load(name).main()


def _find() -> list[str]:
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return [each.name for each in found if not each.name.startswith("_")]


def _load(name: str) -> ModuleType:
    return importlib.import_module(f"bench.{name}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""
List the benchmarks, or run some of them: `python -m bench [NAME ... | all]`.

Each is a command of its own as well, with options: `python -m bench.polls --help`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


def main(names: list[str]) -> None:
    """List them all, or run those that are named."""
    modules = dict(_find())
    if not names:
        for name, module in modules.items():
            print(f"{name:<12} {(inspect.getdoc(module) or '').splitlines()[0]}")
        print("run some by their names, or all: python -m bench all")
        return
    unknown = [name for name in names if name not in (*modules, "all")]
    if unknown:
        raise SystemExit(f"there is no bench {unknown[0]!r}; python -m bench lists them")
    for name in modules if "all" in names else names:
        print(f"# {name}", flush=True)
        modules[name].main()


def _find() -> Iterator[tuple[str, ModuleType]]:
    for found in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if not found.name.startswith("_"):
            yield found.name, importlib.import_module(f"bench.{found.name}")


if __name__ == "__main__":
    main(sys.argv[1:])

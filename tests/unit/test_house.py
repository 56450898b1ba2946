"""The house: which part may know which, who is public, and that what is said of it is so."""

from __future__ import annotations

import ast
import pydoc
import re
import subprocess
import sys
import tomllib
from collections import Counter
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any, Final

import pytest
from support.by_vendor import ADAPTERS as BY_NAME
from support.faults import FAULTS
from support.house import MAY_IMPORT
from support.source import Module, folder_of, is_standard, read_package, target

import batchhub
from batchhub._base.log import EVENTS
from batchhub._settings.installed import GROUP

ROOT: Final = Path(__file__).parent.parent.parent
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: Final[list[str]] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
ADAPTERS: Final = sorted(
    package.partition("/")[2] for package in PACKAGES if package.startswith("adapters/")
)
CORE: Final = read_package("batchhub")

NEEDS_EXTRA: Final = {
    "_cluster": "cluster",
    "conformance": "testing",
    "_metrics": "metrics",
    "_web": "web",
}
"""The parts of the core that are loaded only by whoever has an extra, and that extra."""

SPEAKS_TO: Final = {"_store": {"psycopg"}, "_copying": {"psycopg"}}
"""What parts import, of an extra, only where a store is on another database than SQLite."""

ADAPTER_MODULES: Final = [
    module for package in ADAPTERS for module in read_package(package).values()
]


def part(module: str) -> str:
    """Return the part of the core a module belongs to."""
    return [*module.split("."), "__init__"][1]


def inner_imports(module: Module, modules: dict[str, Module] = CORE) -> set[str]:
    """Return the modules of its own package that a module imports, for type checkers too."""
    return {
        target(name, taken, modules)
        for name, taken in module.imports(when_run=False)
        if name.partition(".")[0] == module.name.partition(".")[0]
    }


# Who may import whom.


def test_every_part_of_the_core_is_on_the_map() -> None:
    """A new file or folder is put on the map before it is used; nothing else is on it."""
    assert {part(name) for name in CORE} <= set(MAY_IMPORT)


def test_the_map_has_no_way_round() -> None:
    """No part may import, by whatever way round, itself."""
    TopologicalSorter(MAY_IMPORT).prepare()


@pytest.mark.parametrize("module", CORE.values(), ids=lambda module: module.name)
def test_a_file_imports_what_its_part_may(module: Module) -> None:
    """A file imports from its own part, and from those the map names."""
    reached = {part(name) for name in inner_imports(module)} - {part(module.name)}

    assert reached - MAY_IMPORT[part(module.name)] == set()


@pytest.mark.parametrize("package", ["batchhub", *ADAPTERS])
def test_no_imports_go_round(package: str) -> None:
    """No module imports itself in a roundabout way, not even for type checkers."""
    modules = read_package(package)
    graph = {name: inner_imports(module, modules) - {name} for name, module in modules.items()}
    # A package's own file takes names out of its modules: those do not need it back.
    for name, found in graph.items():
        found -= {other for other in found if name.startswith(f"{other}.")}

    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    "name", ["_base.json", "_http.errors", "_engine.interpret", "_store.records"]
)
def test_what_is_pure_stays_pure(name: str) -> None:
    """Rules and records know no database, no network and no clock."""
    module = CORE[f"batchhub.{name}"]
    reached = {target(found, taken, CORE).partition(".")[0] for found, taken in module.imports()}

    assert not reached & {"sqlalchemy", "asyncio", "time", "random"}


def test_the_core_imports_no_adapter() -> None:
    """Adapters are found through their entry points, never by name."""
    for module in CORE.values():
        reached = {name.partition(".")[0] for name, _ in module.imports(when_run=False)}
        assert not reached & set(ADAPTERS), module.name


def test_the_core_names_no_vendor() -> None:
    """No vendor's name is in the core, not even in its docstrings: it would be a special case."""
    vendors = [name.removeprefix("batchhub_") for name in ADAPTERS] + ["ecwid", "mircate"]
    pattern = re.compile("|".join(vendors), re.IGNORECASE)
    found = [
        f"{module.name}:{number}"
        for module in CORE.values()
        for number, line in enumerate(module.path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]

    assert found == []


def test_the_core_needs_only_what_it_declares() -> None:
    """Every package the core imports is one of its dependencies, or comes with one."""
    declared = {re.split(r"[\[<>=]", line)[0] for line in PROJECT["project"]["dependencies"]}
    with_aiohttp, with_typer = {"multidict", "yarl"}, {"click"}
    reached = {
        name.partition(".")[0]
        for module in CORE.values()
        for name, _ in module.imports()
        if not is_standard(name)
    }

    extras: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
    of_parts = {
        folder: {re.split(r"[\[<>=]", line)[0].lower().replace("-", "_") for line in extras[extra]}
        for folder, extra in NEEDS_EXTRA.items()
    }
    assert reached - declared - with_aiohttp - with_typer - set().union(*of_parts.values()) == {
        "batchhub"
    }
    for module in CORE.values():  # an extra is imported by the part that is of no use without it
        found = {name.partition(".")[0] for name, _ in module.imports()}
        for folder, packages in of_parts.items():
            foreign = found & packages - SPEAKS_TO.get(part(module.name), set())
            assert part(module.name) == folder or not foreign, module.name


# Adapters.


@pytest.mark.parametrize("module", ADAPTER_MODULES, ids=lambda module: module.name)
def test_an_adapter_uses_public_names_only(module: Module) -> None:
    """What an in-tree adapter takes from batchhub, any third party may take too."""
    for name, taken in module.imports(when_run=False):
        if name.partition(".")[0] != "batchhub":
            continue
        assert not any(step.startswith("_") for step in name.split(".")), name
        assert taken is not None, f"import {name}: say which names"
        if f"{name}.{taken}" not in CORE:
            assert taken in import_module(name).__all__, f"{name}.{taken}"


@pytest.mark.parametrize("module", ADAPTER_MODULES, ids=lambda module: module.name)
def test_an_adapter_knows_no_other(module: Module) -> None:
    """An adapter imports its own package and no other adapter's."""
    own = module.name.partition(".")[0]
    reached = {name.partition(".")[0] for name, _ in module.imports(when_run=False)}

    assert reached & set(ADAPTERS) <= {own}


@pytest.mark.skipif(not (ROOT / "adapters").is_dir(), reason="needs the source tree")
def test_every_adapters_folder_is_built() -> None:
    """The folders under adapters/ are the packages of the wheel; a typo there is silent."""
    folders = {
        path.name
        for path in (ROOT / "adapters").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }

    assert folders == set(ADAPTERS)
    assert set(PACKAGES) == {"batchhub", *(f"adapters/{name}" for name in ADAPTERS)}
    assert all((ROOT / package / "__init__.py").is_file() for package in PACKAGES)


def test_every_adapter_has_its_entry_point() -> None:
    """Each adapter's package has one entry point, of its own name, and it is the installed one."""
    declared: dict[str, str] = PROJECT["project"]["entry-points"][GROUP]
    installed = {
        entry.name: entry.value
        for entry in entry_points(group=GROUP)
        if entry.dist is not None and entry.dist.name == "batchhub"
    }

    assert sorted(value.partition(":")[0] for value in declared.values()) == ADAPTERS
    assert {name: f"batchhub_{name}" for name in declared} == {
        name: value.partition(":")[0] for name, value in declared.items()
    }
    assert installed == declared


def test_every_package_says_that_it_is_typed() -> None:
    """Type checkers look into the core and every adapter."""
    for package in ["batchhub", *ADAPTERS]:
        assert (folder_of(package) / "py.typed").is_file(), package


@pytest.mark.skipif(not (ROOT / "adapters").is_dir(), reason="needs the source tree")
def test_every_adapter_is_tried_like_the_others() -> None:
    """What every adapter must show, it shows by modules of its own, which the tests look for."""
    tests = ROOT / "tests"
    for name, adapter in BY_NAME.items():
        assert adapter.sandbox is not None, name
        for path in (
            tests / "support" / "stand_ins" / f"{name}.py",
            tests / "support" / "faults" / f"{name}.py",
            tests / "conformance" / f"test_conformance_{name}.py",
        ):
            assert path.is_file(), path
        assert FAULTS[name], name


# Public names.


def public_modules() -> list[str]:
    """Return the modules of the core and the adapters that have an `__all__`."""
    modules = {**CORE}
    for package in ADAPTERS:
        modules |= read_package(package)
    return [
        name
        for name, module in modules.items()
        if any(
            isinstance(node, ast.Assign) and "'__all__'" in ast.dump(node)
            for node in module.tree.body
        )
    ]


@pytest.mark.parametrize("name", public_modules())
def test_all_names_what_there_is(name: str) -> None:
    """Each `__all__` is sorted, names what can be imported, and leaves no public class out."""
    module = import_module(name)
    names: list[str] = list(module.__all__)
    classes = {
        key
        for key, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == name and not key.startswith("_")
    }

    assert len(names) == len(set(names))
    assert all(hasattr(module, key) for key in names)
    assert not any(key.startswith("_") for key in names)
    assert classes <= set(names)


def test_every_folder_says_what_is_in_it() -> None:
    """A folder of several modules begins with what is in it and where to begin, not one line."""
    sizes = Counter(part(name) for name in CORE)
    short = [
        name
        for name, module in CORE.items()
        if name.count(".") == 1 and module.is_package and sizes[part(name)] > 2
        if len((ast.get_docstring(module.tree) or "").splitlines()) < 3
    ]

    assert short == []


def test_every_public_module_says_what_is_public() -> None:
    """Each module and package directly below `batchhub` that has no underscore has an `__all__`."""
    assert {f"batchhub.{name}" for name in public_parts()} - set(public_modules()) == set()


def test_the_front_door_has_what_it_says() -> None:
    """`from batchhub import *` gives exactly `__all__`; type checkers see the same names."""
    names: dict[str, Any] = {}
    exec("from batchhub import *", names)
    del names["__builtins__"]
    taken = {
        alias.name
        for node in ast.walk(CORE["batchhub"].tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }

    assert set(names) == set(batchhub.__all__) == taken
    assert all(value.__name__ == name for name, value in names.items())


def test_the_front_door_shows_its_names() -> None:
    """`dir` and `help` show the public names and the version, none of the machinery behind them."""
    shown = pydoc.plain(pydoc.render_doc(batchhub))
    description, _, classes = shown.partition("CLASSES")

    assert dir(batchhub) == sorted([*batchhub.__all__, "__doc__", "__version__"])
    assert batchhub.__version__ == version("batchhub")
    for name in batchhub.__all__:
        assert f"`{name}`" in description, name
        assert re.search(rf"^    class {name}\b", classes, re.MULTILINE), name
    for name in public_parts():
        assert name in {"cli", "hub", "job"} or f"`{name}`" in description, name


def public_parts() -> set[str]:
    """Return the modules and packages directly below `batchhub` that have no underscore."""
    names = {name.partition(".")[2] for name in CORE if name.count(".") == 1}
    return {name for name in names if not name.startswith("_")}


def test_the_front_door_has_nothing_else() -> None:
    """A name that is not there is an `AttributeError`, as of any module."""
    with pytest.raises(AttributeError, match="module 'batchhub' has no attribute 'BatchHup'"):
        _ = batchhub.BatchHup  # type: ignore[attr-defined]  # type checkers know it, too


def test_importing_batchhub_is_cheap() -> None:
    """The front door loads no database and no HTTP before they are asked for."""
    heavy = "aiohttp", "sqlalchemy", "alembic", "psycopg", "typer", "rich"
    code = f"import sys, batchhub, batchhub.cli; print([m for m in {heavy} if m in sys.modules])"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"


# What is said.


def test_only_the_door_to_the_store_speaks_of_sqlite() -> None:
    """The same queries are for other databases too: what is SQLite's alone is behind one door."""
    door = {"database.py", "explain.py", "gaps.py", "opening.py", "opening_sqlite.py", "sqlite.py"}
    door |= {"commit_marks.py", "postgres.py", "server.py"}
    own = ("PRAGMA", "exec_driver_sql", "sqlite3", "rowid", "INSERT OR", "json_extract")
    for path in sorted((ROOT / "batchhub" / "_store").glob("*.py")):
        if path.name not in door:
            text = path.read_text(encoding="utf-8")
            assert [word for word in own if word in text] == [], path


def test_every_event_that_is_logged_is_listed() -> None:
    """`EVENTS` has every event batchhub logs, and no other."""
    levels = {
        "debug",
        "info",
        "warning",
        "error",
        "exception",
        "critical",
        "log",
        "_log",
        "log_ticket",
    }
    logged = {
        constant.value
        for module in CORE.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func))
        in levels
        and node.args
        for constant in ast.walk(node.args[0])
        if isinstance(constant, ast.Constant)
        and isinstance(constant.value, str)
        and re.fullmatch(r"[a-z]+\.[a-z_]+", constant.value)
    }

    assert logged == set(EVENTS)

"""From a file to an adapter's class."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

from batchhub._adapter_class import Adapter
from batchhub.errors import SettingsError

_made: Final[WeakValueDictionary[tuple[object, ...], type[Adapter[Any]]]] = WeakValueDictionary()
"""The classes in use, by their files and what these say: a hub takes one class of a name."""


def declared(path: str | os.PathLike[str], package: str | None = None) -> type[Adapter[Any]]:
    """
    Make an adapter of a description in TOML.

    As ``AcmeAdapter = batchhub.adapter.declared("acme.toml", package=__name__)``.

    Args:
        path: The description: relative to the package or, without one, to the working folder.
        package: The package the file is in.

    Raises:
        SettingsError: The file can't be read, or is no description. All that is wrong is said at
            once, each mistake with its place (`SettingsError.problems`, where there are several).
    """
    if package is None:
        return load(Path(path))
    with resources.as_file(resources.files(package) / os.fspath(path)) as file:
        return load(file, package)


def load(path: Path, package: str | None = None) -> type[Adapter[Any]]:
    """
    Make an adapter of the description in a file.

    Its `name` is the description's own, its `account_type` is made of it too. A file that says the
    same as when it was read before gives the same class.

    Args:
        path: The file.
        package: The package it is in: the one whose grade the class has; `None` for none.

    Raises:
        SettingsError: The file can't be read, or is no description. All that is wrong is said at
            once, each mistake with its place, such as ``operations.price.submit.ref: …``
            (`SettingsError.problems`, where there are several).
    """
    # Few commands need any of it, and the door `batchhub.adapter` is imported by all.
    from .building import build  # noqa: PLC0415
    from .checks import check_values  # noqa: PLC0415
    from .making import make_adapter  # noqa: PLC0415
    from .mistakes import Mistakes  # noqa: PLC0415
    from .reading import correct, read_file, read_table  # noqa: PLC0415

    where = str(path)
    mistakes = Mistakes()
    table = correct(read_file(path), mistakes)
    values = read_table(table, mistakes)
    check_values(values, table, mistakes)
    if len(mistakes.lines) == 1:
        raise SettingsError(f"{where}: {mistakes.lines[0]}", path=where)
    if mistakes.lines:
        heading = f"{where} has {len(mistakes.lines)} mistakes:"
        raise SettingsError(heading, path=where, problems=mistakes.lines)
    # Whatever leads to it: links of both kinds, other letters where case is no matter.
    seen = path.stat()
    key = (seen.st_dev, seen.st_ino, package, repr(table))
    if (made := _made.get(key)) is None:
        made = _made[key] = make_adapter(build(values, table, path.name))
        made.__module__ = package or f"file:{where}"
    return made

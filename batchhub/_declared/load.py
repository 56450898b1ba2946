"""From a file to an adapter's class."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any

from batchhub._adapter_class import Adapter
from batchhub.errors import SettingsError


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
        return load(file)


def load(path: Path) -> type[Adapter[Any]]:
    """
    Make an adapter of the description in a file.

    Its `name` is the description's own, its `account_type` is made of it too.

    Raises:
        SettingsError: The file can't be read, or is no description. All that is wrong is said at
            once, each mistake with its place, such as ``operations.price.submit.ref: …``
            (`SettingsError.problems`, where there are several).
    """
    # Few commands need any of it, and the door `batchhub.adapter` is imported by all.
    from .adapter import make_adapter  # noqa: PLC0415
    from .building import build  # noqa: PLC0415
    from .checks import check_values  # noqa: PLC0415
    from .mistakes import Mistakes  # noqa: PLC0415
    from .reading import read_file, read_table  # noqa: PLC0415

    where = str(path)
    table = read_file(path)
    mistakes = Mistakes()
    values = read_table(table, mistakes)
    check_values(values, table, mistakes)
    if len(mistakes.lines) == 1:
        raise SettingsError(f"{where}: {mistakes.lines[0]}", path=where)
    if mistakes.lines:
        heading = f"{where} has {len(mistakes.lines)} mistakes:"
        raise SettingsError(heading, path=where, problems=mistakes.lines)
    return make_adapter(build(values, table, path.name))

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
        SettingsError: The file can't be read, or is no description; `SettingsError.problems` has
            each mistake with its place.
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
        SettingsError: The file can't be read, or is no description; `SettingsError.problems` has
            each mistake with its place, such as ``operations.price.submit.ref: …``.
    """
    raise SettingsError(f"{path}: descriptions can't be read yet", path=str(path))

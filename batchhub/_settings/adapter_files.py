"""
Adapters that are files: ``adapter = "file:acme.toml"`` names a description in TOML.

A relative path starts at the folder of the settings file; one in the environment or on the command
line, at the working folder. A registry reads each file once, so what a command does with it is
what the file said when the command began.
"""

from __future__ import annotations

import difflib
import stat
from copy import copy
from pathlib import Path
from typing import Any, Final

from batchhub._declared import load
from batchhub.adapter import Adapter
from batchhub.errors import SettingsError

_MOST_BYTES: Final = 1024 * 1024
"""The largest description: far more than anybody writes."""


class AdapterFiles:
    """The adapters of files, each file read once, under whatever names it is known."""

    def __init__(self) -> None:
        self._read: dict[str, type[Adapter[Any]] | SettingsError] = {}

    def get(self, path: str) -> type[Adapter[Any]]:
        """
        Return the adapter that a file describes.

        Raises:
            SettingsError: The file can't be read, or is no description.
        """
        if path not in self._read:
            try:
                _look(path)
                self._read[path] = load(Path(path))
            except SettingsError as error:
                self._read[path] = error
        found = self._read[path]
        if isinstance(found, SettingsError):
            raise copy(found)
        return found


def _look(path: str) -> None:
    """
    Look at a file before it is read: a device or a pipe has no end.

    Raises:
        SettingsError: It can't be a description.
    """
    try:
        seen = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise SettingsError(f"no file {path}{_suggest(path)}", path=path) from None
    except OSError as error:
        raise SettingsError(f"can't read {path}: {error.strerror}", path=path) from None
    if stat.S_ISDIR(seen.st_mode):
        raise SettingsError(f"{path} is a folder, not a description", path=path)
    if not stat.S_ISREG(seen.st_mode):
        raise SettingsError(f"{path} is no file, but a device or a pipe", path=path)
    if seen.st_size > _MOST_BYTES:
        raise SettingsError(
            f"{path} is no description: it has {seen.st_size:,} bytes, and {_MOST_BYTES:,} are the "
            "most",
            path=path,
        )


def _suggest(path: str) -> str:
    """Return what follows the path of a file that is not there: one beside it with such a name."""
    wanted = Path(path)
    try:
        beside = {each.stem.lower(): each for each in wanted.parent.glob("*.toml")}
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(wanted.stem.lower(), beside, n=1)
    return f"; did you mean {str(beside[near[0]])!r}?" if near else ""

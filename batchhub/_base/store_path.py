"""Where a store is: the file behind a path, a URL or `None`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from batchhub.errors import SettingsError

_SCHEME: Final = "sqlite:///"
_URL: Final = re.compile(
    # Without slashes only what can hardly be the name of a file.
    r"([^/\\:]*)://|((?i:sqlite|postgres|mysql|mariadb|file)[\w+]*):"
)


def find_store_path(store: str | os.PathLike[str] | None) -> Path | None:
    """
    Return the file a store is in; `None` for one in memory.

    Args:
        store: A path, a ``sqlite:///`` URL, ``:memory:``, or `None` for a store in memory.

    Raises:
        SettingsError: It is neither a path nor a URL of a kind that is supported.
    """
    if store is None:
        return None
    text = os.fspath(store)
    if text.startswith(_SCHEME):
        text, _, options = text.removeprefix(_SCHEME).partition("?")
        if options:
            raise SettingsError(f"a store's URL has no options; use {_SCHEME}PATH", key="store")
    elif found := _URL.match(text):
        kind = found[1] or found[2] or ""  # the rest may have a password in it
        raise SettingsError(
            f"a store of the kind {kind!r} is not supported; use a path, {_SCHEME}PATH or "
            "postgresql://USER@HOST/DATABASE",
            key="store",
        )
    if not text or "\0" in text:
        raise SettingsError(f"a store is a path or {_SCHEME}PATH, not {text!r}", key="store")
    try:
        return None if text == ":memory:" else Path(text).expanduser().absolute()
    except RuntimeError:
        raise SettingsError(f"store {text}: there is no such home folder", key="store") from None


def list_store_files(path: Path) -> list[Path]:
    """Return the files of a store at a path, whether they exist or not: SQLite keeps three."""
    return [path, *(path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm"))]


def find_exchanges_path(path: Path) -> Path:
    """Return where the record of exchanges of a store is: ``jobs.exchanges.db`` of ``jobs.db``."""
    path = path.resolve()
    return path.with_name(f"{path.stem}.exchanges{path.suffix}")


def list_all_files(path: Path) -> list[Path]:
    """Return the files of a store, and of the record of exchanges beside it, as above."""
    return [*list_store_files(path), *list_store_files(find_exchanges_path(path))]


def find_lock_folder(path: Path) -> Path:
    """Return the folder of a store's lock files: one, by however many names it is reached."""
    path = path.resolve()
    return path.with_name(f"{path.name}.lanes")

"""The file of a store: who may use it, what it may be, and whether it is still the same one."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from batchhub._base.file_mode import FileMode
from batchhub._base.store_path import list_store_files
from batchhub.errors import StoreError


def name_of(path: Path | None) -> str:
    """Return what to call a store in messages."""
    return "in memory" if path is None else str(path)


def find_file(path: Path | None) -> tuple[int, int] | None:
    """Return what tells a file from every other one; `None` if there is none."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def refuse_log(path: Path, name: str) -> None:
    """
    Refuse a store whose log has something in it, where logs can't be read.

    Raises:
        StoreError: It has.
    """
    file = path.resolve()
    log = file.with_name(f"{file.name}-wal")
    with suppress(OSError):
        if not log.stat().st_size:
            return
        raise StoreError(
            f"store {name}: its newest changes are in {log.name}, which can't be read where "
            f"nothing may be written; copy {file.name} and {log.name} to a folder of yours, and "
            "open the copy"
        )


def refuse_mode(path: Path) -> None:
    """
    Say so where the mode of a file is what forbids to open it.

    Raises:
        StoreError: It is.
    """
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        raise StoreError(
            f"its mode ({mode:04o}) lets only user {_find_user(found)} "
            + (
                f"and the group {_find_group(found)} use it; work as a member of that group"
                if mode & stat.S_IRGRP
                else 'use it; work as that user, or let them set store_mode = "group" in the '
                "settings"
            )
        ) from None
    except OSError:
        return  # SQLite says why


def _find_user(found: os.stat_result) -> str:
    try:
        import pwd  # noqa: PLC0415  # not everywhere

        return pwd.getpwuid(found.st_uid).pw_name
    except (ImportError, KeyError):
        return str(found.st_uid)


def _find_group(found: os.stat_result) -> str:
    try:
        import grp  # noqa: PLC0415  # not everywhere

        return grp.getgrgid(found.st_gid).gr_name
    except (ImportError, KeyError):
        return str(found.st_gid)


def refuse_links(path: Path) -> None:
    """
    Refuse a store whose file has two names: SQLite keeps a log for each, and loses both.

    Raises:
        StoreError: It has.
    """
    with suppress(OSError):
        if (names := path.stat().st_nlink) > 1:
            raise StoreError(
                f"its file has {names} names (hard links), and SQLite would lose changes made "
                "under one of them; remove the others, or use a symbolic link"
            )


def make_room(path: Path, mode: FileMode) -> None:
    """
    Make the file of a store, if there is none, for those only who may use it.

    Raises:
        StoreError: It can't be a store's.
    """
    if path.is_dir():
        raise StoreError("it is a folder; give the path of a file")
    refuse_links(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Nobody else reads what is in the items and the answers. Only a file that is not there yet is
    # opened: closing one would take the locks from SQLite. If it can't be made, SQLite says why.
    file = path.resolve()
    with suppress(OSError):
        os.close(mode.make_file(file))
    if mode is FileMode.GROUP:
        for each in list_store_files(file):
            with suppress(OSError):  # its owner's to change
                mode.open_up(each)

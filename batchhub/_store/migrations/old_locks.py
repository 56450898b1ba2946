"""
The locks of earlier versions: one file for each lane, beside the store.

A process of such a version that still drives a lane knows nothing of a newer one. So all of its
locks are taken before a migration, or the store stays as it is.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from batchhub._base.json import loads
from batchhub._base.store_path import find_lock_folder
from batchhub.errors import StoreError

WITH_LANE_LOCKS: Final = frozenset({"0001", "0002"})
"""The versions that had them."""

_OURS: Final = re.compile(r"[0-9a-f]{16}\.lock")
_OLD_ENDINGS: Final = (".lock", ".owner", ".part")
_MAX_NAME: Final = 200


@contextmanager
def old_locks(path: Path | None, lanes: Collection[str]) -> Iterator[None]:
    """
    Hold every lock of an earlier version; delete their files if the block succeeds.

    Args:
        path: The store's file; `None` for one in memory, which had none.
        lanes: The lanes of its jobs, which may have no lock file yet.

    Raises:
        StoreError: A process holds one, or it can't be taken.
    """
    if path is None:
        yield
        return
    folder, held = find_lock_folder(path), list[int]()
    names = {f"{_file_name(lane)}.lock" for lane in lanes}
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        names.update(each.name for each in folder.glob("*.lock"))
        for name in sorted(name for name in names if not _OURS.fullmatch(name)):
            held.append(_take(folder / name))
        yield
        for each in list(folder.iterdir()):
            if each.suffix in _OLD_ENDINGS and not _OURS.fullmatch(each.name):
                with suppress(OSError):
                    each.unlink()
    finally:
        for descriptor in held:
            os.close(descriptor)


def _take(path: Path) -> int:
    from filelock import lock_descriptor  # noqa: PLC0415  # slow to import; only ever once a store

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"can't lock {path}: {error.strerror}") from None
    try:
        if lock_descriptor(descriptor, blocking=False):
            return descriptor
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"can't lock {path}: {error.strerror}") from None
    os.close(descriptor)
    raise StoreError(
        f"it is of an earlier version, and {_find_owner(path)} still works on it with that "
        f"version ({unquote(path.stem)}); end that process, then try again"
    )


def _find_owner(path: Path) -> str:
    try:
        sign = loads(path.with_suffix(".owner").read_bytes())
        return f"process {int(sign['pid'])} on {sign['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process"


def _file_name(lane: str) -> str:
    """Return a lane's name as those versions wrote it."""
    name = quote(lane, safe="")
    if len(name) <= _MAX_NAME:
        return name
    return f"{name[:_MAX_NAME]}-{hashlib.sha256(lane.encode()).hexdigest()[:16]}"

"""Who drives a lane on this machine: one lock file per lane, beside the store."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final
from urllib.parse import quote

from filelock import FileLock, Timeout

from .errors import StoreError

_MAX_NAME: Final = 200


class LaneLock:
    """
    The right to drive a lane; free at once when its owner ends, however it ends.

    A store in memory has no file and one process, so its lanes need no lock.
    """

    def __init__(self, store_path: Path | None, lane: str) -> None:
        self._lock: FileLock | None = None
        if store_path is not None:
            folder = store_path.with_name(store_path.name + ".lanes")
            self._lock = FileLock(folder / f"{_file_name(lane)}.lock")

    def claim(self) -> bool:
        """
        Take the lane if it is free; return whether it is ours now.

        Raises:
            StoreError: The lock file can't be made.
        """
        if self._lock is None:
            return True
        path = Path(self._lock.lock_file)
        try:
            path.parent.mkdir(exist_ok=True)
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            raise StoreError(f"can't lock {path}: {error.strerror or error}") from error
        return True

    def release(self) -> None:
        """Let the lane go."""
        if self._lock is not None:
            self._lock.release()


def _file_name(lane: str) -> str:
    """Return a lane's name as a file's; a long one ends in what tells it from others."""
    name = quote(lane, safe="")
    if len(name) <= _MAX_NAME:
        return name
    return f"{name[:_MAX_NAME]}-{hashlib.sha256(lane.encode()).hexdigest()[:16]}"

"""Who drives a lane on this machine: one lock file per lane, beside the store."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from attrs import frozen
from filelock import FileLock, Timeout

from batchhub._base import json as _json
from batchhub.errors import StoreError

_MAX_NAME: Final = 200


@frozen(kw_only=True)
class Owner:
    """
    Who has a lock, by its own last sign of life.

    Attributes:
        pid: Its process.
        host: The machine the process is on.
        seen_at: When it gave that sign.
    """

    pid: int
    host: str
    seen_at: datetime


class LaneLock:
    """
    The right to drive a lane; free at once when its owner ends, however it ends.

    An owner that is stopped, or whose event loop hangs, keeps it and gives no more signs of
    life (`beat`), so that those who wait can name it (`find_owner`). A store in memory has no
    file and one process, so its lanes need no lock.
    """

    def __init__(self, store_path: Path | None, lane: str) -> None:
        self._lock: FileLock | None = None
        self._owner_file: Path | None = None
        if store_path is not None:
            # Beside the file itself: a store reached by two names has one set of locks.
            store_path = store_path.resolve()
            folder = store_path.with_name(store_path.name + ".lanes")
            name = _file_name(lane)
            self._lock = FileLock(folder / f"{name}.lock")
            self._owner_file = folder / f"{name}.owner"

    def claim(self, now: datetime) -> bool:
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
        self.beat(now)
        return True

    def beat(self, now: datetime) -> None:
        """Give a sign of life; where none can be written the lane is driven all the same."""
        if self._owner_file is None:
            return
        sign = {"pid": os.getpid(), "host": socket.gethostname(), "seen_at": now.isoformat()}
        beside = self._owner_file.with_suffix(f".{os.getpid()}.part")
        # Written beside and moved, so that no reader sees half a line. A full disk is no reason
        # to stop driving: the lock itself holds.
        with suppress(OSError):
            beside.write_bytes(_json.dumps(sign))
            beside.replace(self._owner_file)

    def find_owner(self) -> Owner | None:
        """Return who has the lane by its last sign of life; `None` if it left none."""
        if self._owner_file is None:
            return None
        try:
            sign = _json.loads(self._owner_file.read_bytes())
            seen_at = datetime.fromisoformat(sign["seen_at"])
            return Owner(pid=int(sign["pid"]), host=str(sign["host"]), seen_at=seen_at)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def release(self) -> None:
        """Let the lane go."""
        if self._lock is None or self._owner_file is None or not self._lock.is_locked:
            return
        # Before the lock: afterwards the file is the next owner's.
        with suppress(OSError):
            self._owner_file.unlink()
        self._lock.release()


def _file_name(lane: str) -> str:
    """Return a lane's name as a file's; a long one ends in what tells it from others."""
    name = quote(lane, safe="")
    if len(name) <= _MAX_NAME:
        return name
    return f"{name[:_MAX_NAME]}-{hashlib.sha256(lane.encode()).hexdigest()[:16]}"

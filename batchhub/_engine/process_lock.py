"""Which process lives: one lock file for each open hub, beside the store."""

from __future__ import annotations

import os
import re
import secrets
import weakref
from collections.abc import Callable, Collection
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final

from batchhub._base.file_mode import FileMode
from batchhub._base.store_path import find_lock_folder
from batchhub.errors import StoreError, UsageError

_NAME: Final = re.compile(r"([0-9a-f]{16})\.lock")
_TRIES: Final = 5


class Verdict(Enum):
    """What a lock file says of the process that made it."""

    DEAD = "dead"
    """It has ended: its lock can be taken."""

    ALIVE = "alive"
    """Its lock is held; it may be stopped, and go on at any time."""

    UNKNOWN = "unknown"
    """There is no such file, which says nothing."""


class ProcessLock:
    """
    The token of an open hub, and the lock by which others see that it lives.

    The lock is free as soon as the process ends, however it ends. No promise rests on it: the
    store fences every send. It only makes what a dead process had free at once.

    Args:
        store_path: The store's file; `None` for one that is none, and has no locks.
        mode: Who may use the store.
        is_shared: Whether other processes may use it, though it is no file.

    Attributes:
        token: Names this hub in the rows of the store.
        pid: The process that opened it.
        judge: Says whether another process lives; a test may give its own.
    """

    def __init__(
        self,
        store_path: Path | None,
        mode: FileMode = FileMode.PRIVATE,
        *,
        is_shared: bool = False,
    ) -> None:
        self.token = secrets.token_hex(8)
        self.pid = os.getpid()
        self.judge: Callable[[str], Verdict] = self._judge
        self._folder = None if store_path is None else find_lock_folder(store_path)
        self._mode = mode
        self._is_shared = is_shared
        self._descriptor: int | None = None

    def hold(self) -> None:
        """
        Take this hub's lock, before its token is written anywhere; again if its file is gone.

        Raises:
            StoreError: The lock file can't be made.
            UsageError: The hub was opened by another process, of which this one is a fork.
        """
        self.check_fork()
        if self._folder is None or self._is_held():
            return
        self._let_go()
        path = self._path(self.token)
        try:
            self._mode.make_folder(path.parent)
            self._descriptor = self._make(path)
        except PermissionError as error:
            hint = 'for colleagues on one store, its owner sets store_mode = "group"'
            raise StoreError(f"can't lock {path}: {error.strerror}; {hint}") from error
        except OSError as error:
            raise StoreError(f"can't lock {path}: {error.strerror or error}") from error
        _held.add(self)

    def verdict(self, token: str) -> Verdict:
        """Return whether the process of a token lives."""
        return Verdict.ALIVE if token == self.token else self.judge(token)

    def check_fork(self) -> None:
        """
        Refuse to go on in a child of the process that opened the hub.

        Raises:
            UsageError: This is such a child.
        """
        if os.getpid() != self.pid:
            raise UsageError(
                f"this hub was opened by process {self.pid}, and a fork of it can't use it; "
                "open a hub of its own in each process"
            )

    def sweep(self, mentioned: Collection[str]) -> None:
        """
        Delete the lock files of dead processes.

        Args:
            mentioned: The tokens the store still has somewhere; their files stay, since a missing
                file says less than one that can be locked.
        """
        if self._folder is None or os.getpid() != self.pid:
            return
        with suppress(OSError):
            for path in list(self._folder.iterdir()):
                name = _NAME.fullmatch(path.name)
                if name and name[1] not in mentioned and self.verdict(name[1]) is Verdict.DEAD:
                    path.unlink(missing_ok=True)

    def release(self, *, is_let_go: bool = True) -> None:
        """
        Let the lock go; in a forked child nothing happens.

        Args:
            is_let_go: Whether the store has this process's token nowhere, so that the file of its
                lock can be deleted.
        """
        if self._descriptor is None or os.getpid() != self.pid:
            return
        # Deleted first: once it is free, whoever looks may have taken it.
        if is_let_go and self._is_held():
            with suppress(OSError):
                self._path(self.token).unlink()
        self._let_go()

    def _path(self, token: str) -> Path:
        assert self._folder is not None  # noqa: S101  # asked before
        return self._folder / f"{token}.lock"

    def _is_held(self) -> bool:
        """Whether our lock is the one others find: the file may have been deleted meanwhile."""
        path = self._path(self.token)
        return self._descriptor is not None and _is_at(path, self._descriptor)

    def _make(self, path: Path) -> int:
        """Make the file and lock it; another process may look at it in between."""
        for _ in range(_TRIES):
            descriptor = self._open(path)
            try:
                # Elsewhere by now: swept by a process that took it for a dead one's.
                if _lock(descriptor) and _is_at(path, descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            path.unlink(missing_ok=True)
        raise OSError("another process keeps taking it")

    def _open(self, path: Path) -> int:
        """Make the file, or open the one that is there: nobody else has this token."""
        try:
            return self._mode.make_file(path)
        except FileExistsError:  # the folder was moved away with the store, and put back
            return os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))

    def _judge(self, token: str) -> Verdict:
        if self._folder is None:  # only in memory there is nobody else
            return Verdict.UNKNOWN if self._is_shared else Verdict.DEAD
        try:
            descriptor = os.open(self._path(token), os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            return Verdict.UNKNOWN
        try:
            if not _lock(descriptor):
                return Verdict.ALIVE
            # One whose file was deleted, and made anew by its process, holds the new one.
            is_there = _is_at(self._path(token), descriptor)
        except OSError:
            return Verdict.UNKNOWN
        else:
            return Verdict.DEAD if is_there else Verdict.UNKNOWN
        finally:
            os.close(descriptor)

    def _let_go(self) -> None:
        _held.discard(self)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)

    def forget(self) -> None:
        """Close what a fork has inherited, without unlocking it: the lock is the parent's."""
        self._let_go()


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _lock(descriptor: int) -> bool:
    """Lock an open file, if nobody has it."""
    from filelock import lock_descriptor  # noqa: PLC0415  # slow to import; readers lock nothing

    return lock_descriptor(descriptor, blocking=False)


_held: Final[weakref.WeakSet[ProcessLock]] = weakref.WeakSet()


def _forget_all() -> None:
    # Else a child that outlives its parent would keep the parent's lock.
    for lock in list(_held):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)

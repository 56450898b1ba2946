"""
Locks that a fork waits for.

A process that forks in the midst of a transaction leaves the child with a connection that holds the
file's lock, as SQLite in the child sees it, and that nobody ever ends. So a fork waits for the
transactions that are under way.
"""

from __future__ import annotations

import os
import threading
from typing import Final
from weakref import WeakSet

_locks: Final[WeakSet[threading.Lock]] = WeakSet()
_forking: Final = threading.RLock()
_held: Final[list[threading.Lock]] = []


def make_lock() -> threading.Lock:
    """Return a lock to be held while a transaction is under way."""
    lock = threading.Lock()
    with _forking:  # which looks at all of them
        _locks.add(lock)
    return lock


def _before_fork() -> None:
    _forking.acquire()
    for lock in list(_locks):
        lock.acquire()
        _held.append(lock)


def _after_fork() -> None:
    while _held:
        _held.pop().release()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )

"""Copying a store, from its address to what came of it."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from attrs import evolve

from batchhub._base.clock import SystemClock
from batchhub._base.file_mode import FileMode
from batchhub._base.store_path import find_exchanges_path
from batchhub._base.store_place import StorePlace, find_store_place
from batchhub._store import Store
from batchhub._store.marks import StoreMarkedError
from batchhub.errors import NotKnownError, UsageError

from .copying import Copying, CopyStoppedError, LoadsLeftError, reopen
from .ends import End
from .postgres_end import PostgresEnd
from .reports import CopyReport, CopyStep
from .sqlite_end import SqliteEnd

T = TypeVar("T")


async def copy_store(
    source: str,
    target: str,
    *,
    is_kept: bool = False,
    is_anew: bool = False,
    mode: FileMode = FileMode.PRIVATE,
    on_step: Callable[[CopyStep], None] = lambda _: None,
) -> CopyReport:
    """
    Copy a store to an empty one, or go on with such a copy.

    Args:
        source: The store, by path or URL.
        target: The one it is copied to.
        is_kept: Whether the source can still be used afterwards.
        is_anew: Whether what an earlier copy of the same source has left in the target is deleted.
        mode: Who may use the files of the target.
        on_step: Told how far it is, in another thread.

    Raises:
        SettingsError: One of them is no path and no URL.
        UsageError: These two can't be copied so; nothing was changed.
        StoreError: One of them is in use, or could not be read or written; or they are not alike
            in the end.
    """
    theirs, ours = find_store_place(source), find_store_place(target)
    _refuse(theirs, ours)
    # What a store may be, and what its tables must be like, is known where stores are opened.
    await _prepare(source, FileMode.PRIVATE)
    await _prepare(target, mode)
    while True:
        try:
            report = await _in_thread(
                lambda check: _copy(
                    theirs, ours, is_kept=is_kept, is_anew=is_anew, on_step=on_step, check=check
                )
            )
        except LoadsLeftError:
            await _delete_loads(source)
        else:
            return evolve(report, exchanges=_find_exchanges(theirs))


async def reopen_store(store: str) -> bool:
    """
    Let a store that was copied be used again, in place of its copy; return whether it was marked.

    Raises:
        SettingsError: It is no path and no URL.
        UsageError: There is no such store, or it is an incomplete copy itself.
        StoreError: It is in use, or could not be read or written.
    """
    place = find_store_place(store)
    _refuse_missing(place)
    try:
        await _prepare(store, FileMode.PRIVATE, is_strict=True)
    except StoreMarkedError:
        return await _in_thread(lambda _: _reopen(place))
    return False


def _refuse(theirs: StorePlace, ours: StorePlace) -> None:
    for place in (theirs, ours):
        if not place.is_shared:
            raise UsageError("a store in memory is lost when the command ends; it can't be copied")
    _refuse_missing(theirs)
    if theirs.path is not None and ours.path is not None:
        is_same = theirs.path.resolve() == ours.path.resolve()
    else:
        is_same = (theirs.url, theirs.schema) == (ours.url, ours.schema)
    if is_same:
        raise UsageError(f"store {theirs.name} can't be copied to itself")


def _refuse_missing(place: StorePlace) -> None:
    if place.path is not None and not place.path.is_file():
        raise NotKnownError("store", place.name, hint="there is no such file")


async def _prepare(store: str, mode: FileMode, *, is_strict: bool = False) -> None:
    """Bring a store's tables up to date, or make it; a copy that was begun needs none of that."""
    try:
        opened = await Store.open(store, mode)
    except StoreMarkedError:
        if is_strict:
            raise
        return
    try:
        opened.loads.check_writable()
    finally:
        await opened.aclose()


async def _delete_loads(store: str) -> None:
    """Delete jobs that processes were storing or deleting which are known to have ended."""
    opened = await Store.open(store)
    try:
        for load in await opened.loads.find():
            now = SystemClock().now()
            await opened.loads.delete(load.job_id, load.process, secrets.token_hex(8), now)
    finally:
        await opened.aclose()


def _copy(
    theirs: StorePlace,
    ours: StorePlace,
    *,
    is_kept: bool,
    is_anew: bool,
    on_step: Callable[[CopyStep], None],
    check: Callable[[], None],
) -> CopyReport:
    source, target = _find_end(theirs, is_source=True), _find_end(ours, is_source=False)
    try:
        source.hold()
        target.hold()
        copying = Copying(
            source, target, is_kept=is_kept, is_anew=is_anew, on_step=on_step, check=check
        )
        return copying.run()
    finally:
        target.close()
        source.close()


def _reopen(place: StorePlace) -> bool:
    end = _find_end(place, is_source=False)
    try:
        end.hold()
        return reopen(end) is not None
    finally:
        end.close()


def _find_end(place: StorePlace, *, is_source: bool) -> End:
    if place.path is not None:
        return SqliteEnd(place)
    return PostgresEnd(place, is_source=is_source)


def _find_exchanges(place: StorePlace) -> str | None:
    if place.path is None:
        return None
    path = find_exchanges_path(place.path)
    return str(path) if path.exists() else None


async def _in_thread(work: Callable[[Callable[[], None]], T]) -> T:
    """Do some work in a thread; if this is cancelled, it ends at the next chunk of rows."""
    stopped = threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise CopyStoppedError

    task = asyncio.ensure_future(asyncio.to_thread(work, check))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stopped.set()
        with suppress(Exception):
            await task
        raise

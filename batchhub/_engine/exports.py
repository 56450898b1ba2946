"""The files that results were written to: which of them may be written over."""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from batchhub._base.clock import Clock
from batchhub._store import Store
from batchhub.models import ExportedFile

Name = str | os.PathLike[str]


async def find_export(store: Store, path: Name) -> ExportedFile | None:
    """
    Return what is known of a file; `None` if no results were written there, or their job is gone.

    Raises:
        StoreError: The store can't be read.
    """
    place = await asyncio.to_thread(_resolve, path)
    found = await store.exports.find(place)
    if found is None:
        return None
    digest, _ = await asyncio.to_thread(_measure_if_there, place)
    return ExportedFile(
        path=found.path,
        job_id=found.job_id,
        written_at=found.written_at,
        is_unchanged=digest in found.digest.split(),
    )


async def save_export(
    store: Store, clock: Clock, job_id: str, path: Name, written: Name | None
) -> None:
    """
    Note what a file has, or is about to have.

    Args:
        store: The store.
        clock: Where time comes from.
        job_id: The job whose results they are.
        path: The file.
        written: A complete file that takes its place next. What the file has until then may still
            be there, if it is this job's as well: a process may be killed in between. Nothing is to
            be noted after it: by then the file may be somebody else's.

    Raises:
        StoreError: The store can't be written, such as one that is only read.
        OSError: The file can't be read.
    """
    place = await asyncio.to_thread(_resolve, path)
    digest, size = await asyncio.to_thread(_measure, place if written is None else written)
    digests = [digest]
    if written is not None:
        known = await find_export(store, place)
        if known is not None and known.is_unchanged and known.job_id == job_id:
            old, _ = await asyncio.to_thread(_measure_if_there, place)
            digests.append(old)
    await store.exports.save(place, job_id, size, " ".join(digests), clock.now())


def _resolve(path: Name) -> str:
    return str(Path(path).resolve())


def _measure(path: Name) -> tuple[str, int]:
    """Return the digest and the size of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _measure_if_there(path: Name) -> tuple[str, int]:
    """Return the digest and the size of a file; no digest if there is none that can be read."""
    with suppress(OSError):
        return _measure(path)
    return "", 0

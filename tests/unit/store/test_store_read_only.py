"""A store that can't be written, or was written by something else: what can be read is read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.hubs import numbered, results_of, scripted_world
from support.stores import make_older
from support.vendor import ScriptedAccount

from batchhub import BatchHub
from batchhub._store import Export, Store
from batchhub.errors import StoreError, UsageError

pytestmark = pytest.mark.sqlite_only("files that can't be written")

_NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that everybody can read."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    path.chmod(0o755)
    shutil.rmtree(path)


@contextmanager
def nothing_writable(folder: Path) -> Iterator[None]:
    """Take the right to write in a folder away, from the superuser too."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


async def read_all(path: Path) -> list[str]:
    """Read what `list`, `status` and `results` read."""
    async with BatchHub(path) as hub:
        found = []
        for job in await hub.jobs():
            again = await hub.job(job.id)
            found.append(again.status.state.value)
            found += [result.id for result in await results_of(again)]
    return found


ALL = ["completed", "i1", "i2"]


async def fill(path: Path) -> None:
    """Put a job of two items into a store, and close it."""
    async with scripted_world(store=path) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
    assert await read_all(path) == ALL


@pytest.mark.parametrize("name", ["jobs.db", "a?b #%41.db"])
async def test_a_store_where_nothing_can_be_written_is_read(folder: Path, name: str) -> None:
    """On a read-only disk, or in a folder of somebody else; writing is refused in a sentence."""
    path = folder / name
    await fill(path)

    with nothing_writable(folder):
        assert await read_all(path) == ALL
        async with BatchHub(path, {"shop": ScriptedAccount()}) as hub:
            with pytest.raises(StoreError, match="it is read-only; make it writable"):
                await hub.prune(0)
            with pytest.raises(StoreError, match="it is read-only; make it writable"):
                await hub.submit("shop", numbered(1))


async def find_export(path: Path) -> Export | None:
    """Look for a file of results that a store may know of."""
    store = await Store.open(path)
    try:
        return await store.exports.find("/results.csv")
    finally:
        await store.aclose()


@pytest.mark.parametrize("version", ["0003", "0004", "0005"])
async def test_a_store_of_a_version_before_is_read_as_it_is(folder: Path, version: str) -> None:
    """Where it can't be brought up to date, and lacks only what readers don't need."""
    path = folder / "jobs.db"
    await fill(path)
    make_older(path, version)

    with nothing_writable(folder):
        assert await read_all(path) == ALL
        assert await find_export(path) is None
        async with BatchHub(path) as hub:
            (job,) = await hub.jobs()
            with pytest.raises(UsageError, match=f"no rows were kept of job {job.id}"):
                await job.rows()
        async with BatchHub(path, {"shop": ScriptedAccount()}) as hub:
            with pytest.raises(StoreError, match="it is read-only; make it writable"):
                await hub.submit("shop", numbered(1))
    path.chmod(0o600)
    async with scripted_world(store=path) as world:
        await (await world.hub.submit("shop", numbered(2))).wait()
    assert await read_all(path) == ALL * 2


async def test_a_store_that_another_process_writes_is_read_where_it_may_not_be_written(
    folder: Path,
) -> None:
    """With its log, and what is written meanwhile."""
    path = folder / "jobs.db"
    await fill(path)
    async with scripted_world(store=path) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        with nothing_writable(folder):
            assert await read_all(path) == ALL * 2


async def test_a_log_that_cannot_be_read_is_not_ignored(folder: Path) -> None:
    """What is in it would be missing: then nothing is read, and it is said what to do."""
    path, copy = folder / "jobs.db", folder / "copy"
    await fill(path)
    copy.mkdir()
    async with scripted_world(store=path) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        for each in (path, path.with_name("jobs.db-wal")):
            shutil.copy(each, copy)

    with nothing_writable(copy), pytest.raises(StoreError, match=r"copy jobs\.db and jobs\.db-wal"):
        await read_all(copy / "jobs.db")
    assert await read_all(copy / "jobs.db") == ALL * 2


async def test_a_log_that_comes_later_is_not_ignored(folder: Path) -> None:
    """A reader that found none looks again before it reads."""
    path = folder / "jobs.db"
    await fill(path)
    with nothing_writable(folder):
        hub = BatchHub(path)
        await hub.__aenter__()
        assert len(await hub.jobs()) == 1
    try:
        path.with_name("jobs.db-wal").write_bytes(b"x")
        with pytest.raises(StoreError, match=r"newest changes are in jobs\.db-wal"):
            await hub.jobs()
    finally:
        await hub.aclose()


async def test_a_reader_writes_nothing(folder: Path) -> None:
    """Opening a store and reading it leaves the file as it was, byte for byte."""
    path = folder / "jobs.db"
    await fill(path)
    before, at = path.read_bytes(), path.stat().st_mtime_ns

    assert await read_all(path) == ALL

    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == at


async def test_what_cannot_be_read_either_is_said(folder: Path) -> None:
    """A file that is another's alone is no mystery."""
    path = folder / "jobs.db"
    await fill(path)

    with nothing_writable(folder):
        if os.geteuid() == _NOBODY:
            os.seteuid(0)
            path.chmod(0o400)
            os.seteuid(_NOBODY)
        else:
            path.chmod(0o000)
        with pytest.raises(StoreError, match=r"its mode \(0400\)|it can't be opened"):
            await read_all(path)


async def test_lanes_of_an_older_store_are_read(folder: Path) -> None:
    """Health and the page need to know who drives them, also where nothing can be brought up."""
    path = folder / "jobs.db"
    await fill(path)
    make_older(path, "0005")

    with nothing_writable(folder):
        store = await Store.open(path)
        [figures] = await store.pages.lanes()
        row = await store.lanes.get(figures.lane)
        assert await store.pages.accounts() == ["shop"]
        assert await store.attendants.by_lane() == {}
        await store.aclose()

    assert figures.fault is None
    assert figures.row == row
    assert row.owner is None
    assert not row.has_wishes

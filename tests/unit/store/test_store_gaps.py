"""What `prune` deletes is given back to the disk, without holding up those who write."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from support.hubs import numbered, scripted_world

from batchhub._store import Store
from batchhub._store.gaps import CHUNK_PAGES

pytestmark = pytest.mark.sqlite_only("gives pages of a file back")

PAGE_BYTES = 4096


def ask(path: Path, name: str) -> int:
    """Return a number of the database."""
    connection = sqlite3.connect(path)
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    connection.close()
    return int(value)


def make_old(path: Path) -> None:
    """Make a store as an earlier version did, which kept no track of free pages."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = NONE")
    connection.execute("VACUUM")
    connection.close()
    assert ask(path, "auto_vacuum") == 0


async def make_gaps(path: Path, rows: int) -> None:
    """Leave free pages behind."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE junk (x BLOB)")
    connection.executemany("INSERT INTO junk VALUES (zeroblob(3500))", [()] * rows)
    connection.commit()
    connection.execute("DROP TABLE junk")
    connection.commit()
    connection.close()
    assert ask(path, "freelist_count") >= rows


@pytest.mark.parametrize("is_old", [False, True])
async def test_prune_gives_back_what_it_deletes(tmp_path: Path, is_old: bool) -> None:
    """A store of an earlier version is written anew, once, and is like a new one then."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        await (await world.hub.submit("shop", numbered(5))).wait()
    if is_old:
        make_old(path)
    await make_gaps(path, 4 * CHUNK_PAGES)
    before = path.stat().st_size
    async with scripted_world(store=path) as world:
        await (await world.hub.submit("shop", numbered(5))).wait()
        await world.clock.sleep(1.0)
        assert (await world.hub.prune(0.0)).jobs == 2
    assert ask(path, "auto_vacuum") == 2
    assert ask(path, "freelist_count") == 0
    assert path.stat().st_size < before - 4 * CHUNK_PAGES * PAGE_BYTES
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


async def test_prune_gives_back_what_was_left_of_an_earlier_one(tmp_path: Path) -> None:
    """Which was killed before it came to that, say; also with nothing to delete now."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        await (await world.hub.submit("shop", numbered(1))).wait()
    await make_gaps(path, CHUNK_PAGES)
    async with scripted_world(store=path) as world:
        assert (await world.hub.prune(3600.0)).jobs == 0
    assert ask(path, "freelist_count") == 0


async def test_others_write_between_two_steps(tmp_path: Path) -> None:
    """Each step gives back some pages only, in a transaction of its own."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        await (await world.hub.submit("shop", numbered(1))).wait()
    await make_gaps(path, 4 * CHUNK_PAGES)
    store = await Store.open(path)
    other = sqlite3.connect(path, timeout=0.0)
    steps, free = 0, ask(path, "freelist_count")
    while await store.give_back_some():
        steps += 1
        left = ask(path, "freelist_count")
        assert free - left <= CHUNK_PAGES
        free = left
        with other:  # raises if it is locked
            other.execute("UPDATE jobs SET label = ?", (str(steps),))
        await asyncio.sleep(0)
    other.close()
    await store.aclose()
    assert steps >= 4

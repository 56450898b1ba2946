"""A store is copied whole to another kind of database, whenever the copy is stopped."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from support.copying import expect_copy, fill, make_store, make_target, read_all
from support.stores import add_job, make_job

from batchhub._base import failpoints
from batchhub._base.store_place import find_store_place
from batchhub._copying import CopyReport, copy_store, copying, reopen_store
from batchhub._copying.columns import COPIED, LEFT, CopyRefusedError
from batchhub._copying.ends import InUseError
from batchhub._store import Store, StoreMarkedError, opening_sqlite, sqlite
from batchhub._store.codec import job_row
from batchhub._store.marks import CopyFact
from batchhub._store.opening import init_database
from batchhub._store.tables import jobs, metadata
from batchhub.errors import NotKnownError, StoreError, UsageError

KINDS = ("sqlite", "postgres")
STEPS = ("copy.marked", "copy.begun", "copy.chunk_kept", "copy.verified", "copy.moved")

both_kinds = pytest.mark.parametrize("kind", KINDS)


class Killed(BaseException):
    """The process is killed here."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A store with all kinds of rows."""
    path = tmp_path / "jobs.db"
    asyncio.run(make_store(path))
    fill(path, 1)
    return path


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a transaction copy few rows."""
    monkeypatch.setattr(copying, "CHUNK_ROWS", 3)
    yield
    failpoints.listener = None


def kill_at(name: str, nth: int = 1) -> None:
    """Have the next copy end as if it were killed there."""
    left = [nth]

    def listen(passed: str) -> None:
        left[0] -= passed == name
        if not left[0]:
            failpoints.listener = None
            raise Killed

    failpoints.listener = listen


async def be_killed(source: Path, target: str, name: str, nth: int = 1, **options: Any) -> None:
    """Copy until that is killed at a step."""
    kill_at(name, nth)
    with pytest.raises(Killed):
        await copy_store(str(source), target, **options)


async def is_usable(store: str) -> bool:
    """Whether a store can be opened."""
    try:
        opened = await Store.open(store)
    except StoreMarkedError:
        return False
    await opened.aclose()
    return True


def test_every_table_is_copied_or_left() -> None:
    """A new table is in one of both lists."""
    assert {*COPIED, *LEFT} == {*metadata.tables.values()}
    assert not {*COPIED} & {*LEFT}


# What is copied.


@settings(max_examples=10, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 10**6), st.booleans())
def test_a_copy_is_like_its_source(seed: int, nul: bool) -> None:
    """Whatever is in it, every row is there, with every value; and only once."""

    async def copy(folder: Path) -> None:
        source, target = folder / "jobs.db", folder / "copy.db"
        await make_store(source)
        fill(source, seed, nul=nul)
        before = read_all(str(source))
        report = await copy_store(str(source), str(target))
        assert read_all(str(target)) == expect_copy(before)
        assert [each.rows for each in report.tables] == [
            len(before[each.table]) for each in report.tables
        ]

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(copy(Path(folder)))


@pytest.mark.parametrize("seed", range(4))
async def test_there_and_back(tmp_path: Path, database_url: str, seed: int) -> None:
    """From SQLite to PostgreSQL and back it is still the same."""
    source, back = tmp_path / "jobs.db", tmp_path / "back.db"
    await make_store(source)
    fill(source, seed)
    target = await make_target("postgres", tmp_path, database_url)
    before = read_all(str(source))
    there = await copy_store(str(source), target)
    assert read_all(target) == expect_copy(before)
    again = await copy_store(target, str(back))
    assert read_all(str(back)) == expect_copy(expect_copy(before))
    assert digests(there).keys() == digests(again).keys()
    for name in digests(there).keys() - {"lanes"}:
        assert digests(there)[name] == digests(again)[name]


def digests(report: CopyReport) -> dict[str, str]:
    """Return the digest of each table."""
    return {each.table: each.digest for each in report.tables}


@both_kinds
async def test_numbers_go_on_behind_those_of_the_source(
    source: Path, tmp_path: Path, database_url: str, kind: str
) -> None:
    """No job gets a number that one of the source had, not even one that was deleted."""
    target = await make_target(kind, tmp_path, database_url)
    with closing(sqlite3.connect(source)) as connection:
        query = "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'"
        (highest,) = connection.execute(query).fetchone()
    await copy_store(str(source), target)
    store = await Store.open(target)
    job = await add_job(store, 1, job_id="new", lane="new")
    await store.aclose()
    assert job.job_no == highest + 1


async def test_what_postgres_cannot_hold_is_replaced_and_counted(
    tmp_path: Path, database_url: str
) -> None:
    """A NUL in words is U+FFFD there, and a status without bounds is none."""
    source = tmp_path / "jobs.db"
    store = await Store.open(source)
    await add_job(store, 2, label="a\0b\0")
    await store.aclose()
    with closing(sqlite3.connect(source)) as connection:
        connection.execute('UPDATE tickets SET vendor = \'{"n": NaN, "m": [1.5, -Infinity]}\'')
        connection.execute(
            "INSERT INTO results (job_no, position, state, code) VALUES (1, 1, 'failed', ?)",
            [2**63 - 1],
        )
        connection.commit()
    target = await make_target("postgres", tmp_path, database_url)
    report = await copy_store(str(source), target)
    found = read_all(target)
    assert "a\ufffdb\ufffd" in found["jobs"][0]
    assert "{'n': None, 'm': [1.5, None]}" in found["tickets"][0]
    assert (report.replaced.nul, report.replaced.not_finite) == (1, 1)
    assert found["results"][0][3] == (None if report.replaced.code else 2**63 - 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE jobs SET key = 'a' || char(0)", "column key is 'a\\x00'"),
        ("UPDATE jobs SET findings = 'no json'", "column findings is 'no json', and not JSON"),
        ("UPDATE tickets SET total = 'many'", "table tickets, job_no 1, position 1: column total"),
        ("UPDATE items SET wire = 'text'", "column wire is 'text', and not bytes"),
        ("UPDATE jobs SET deadline_s = 'soon'", "not a number"),
        ("UPDATE jobs SET ahead = 7", "not true or false"),
    ],
)
async def test_a_row_that_cannot_be_held_is_named(
    tmp_path: Path, database_url: str, change: str, said: str
) -> None:
    """By table, row and column; once it is mended, the copy is begun anew."""
    source = tmp_path / "jobs.db"
    store = await Store.open(source)
    await add_job(store, 2)
    await store.aclose()
    with closing(sqlite3.connect(source)) as connection:
        connection.execute(change)
        connection.commit()
    target = await make_target("postgres", tmp_path, database_url)
    with pytest.raises(CopyRefusedError) as refused:
        await copy_store(str(source), target)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@both_kinds
async def test_jobs_that_were_never_stored_whole_stay_behind(
    source: Path, tmp_path: Path, database_url: str, kind: str
) -> None:
    """What a process that is gone left of a load is deleted, as whoever opens a store does it."""
    store = await Store.open(source)
    row = job_row(make_job("half", lane="half")) | {"loaded_by": "gone", "place": None}
    del row["job_no"]
    await store._db.write(lambda connection: connection.execute(insert(jobs), row))
    await store.aclose()
    target = await make_target(kind, tmp_path, database_url)
    await copy_store(str(source), target)
    assert not [row for row in read_all(target)["jobs"] if "half" in row]


# Killed, and going on.


@both_kinds
@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_a_copy_that_was_killed_goes_on(
    source: Path, tmp_path: Path, database_url: str, kind: str, step: str, is_kept: bool
) -> None:
    """It doubles nothing and leaves out nothing; until it is complete neither store is used."""
    if is_kept and step == "copy.moved":
        return
    target = await make_target(kind, tmp_path, database_url)
    before = read_all(str(source))
    await be_killed(source, target, step, is_kept=is_kept)
    assert not await is_usable(str(source))
    assert await is_usable(target) == (step == "copy.marked")
    report = await copy_store(str(source), target, is_kept=is_kept)
    assert not report.was_done
    assert read_all(target) == expect_copy(before)
    assert await is_usable(target)
    assert await is_usable(str(source)) == is_kept


async def test_a_copy_that_is_killed_after_every_chunk_comes_to_its_end(
    source: Path, tmp_path: Path
) -> None:
    """Each time it is begun again it gets one chunk further, and copies none twice."""
    before, target = read_all(str(source)), tmp_path / "copy.db"
    kills = 0
    while True:
        kill_at("copy.chunk_kept")
        try:
            await copy_store(str(source), str(target))
        except Killed:
            kills += 1
        else:
            break
    assert kills == sum(-(-len(rows) // 3) for rows in before.values())
    assert read_all(str(target)) == expect_copy(before)


@both_kinds
async def test_a_copy_that_is_complete_is_not_made_again(
    source: Path, tmp_path: Path, database_url: str, kind: str
) -> None:
    """The same command says that there is nothing to do, also once the copy has changed."""
    target = await make_target(kind, tmp_path, database_url)
    await copy_store(str(source), target)
    store = await Store.open(target)
    await add_job(store, 1, job_id="new", lane="new")
    await store.aclose()
    for is_kept in (False, True):
        again = await copy_store(str(source), target, is_kept=is_kept)
        assert (again.was_done, again.is_kept) == (True, False)
    assert not await is_usable(str(source))


@both_kinds
async def test_a_source_that_was_used_meanwhile_is_noticed(
    source: Path, tmp_path: Path, database_url: str, kind: str
) -> None:
    """It is said, with what to do; begun anew, the copy has what is new."""
    target = await make_target(kind, tmp_path, database_url)
    await be_killed(source, target, "copy.chunk_kept", 4)
    assert await reopen_store(str(source))
    store = await Store.open(source)
    await add_job(store, 1, job_id="new", lane="new")
    await store.aclose()
    with pytest.raises(UsageError, match=r"was used since .* --restart"):
        await copy_store(str(source), target)
    before = read_all(str(source))
    await copy_store(str(source), target, is_anew=True)
    assert read_all(target) == expect_copy(before)


async def test_a_source_that_was_changed_by_hand_is_noticed(source: Path, tmp_path: Path) -> None:
    """Before anything is copied where it shows, else when both are compared."""
    target = str(tmp_path / "copy.db")
    await be_killed(source, target, "copy.chunk_kept", 4)
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("UPDATE lanes SET epoch = epoch + 1")
        connection.commit()
    with pytest.raises(UsageError, match=r"has changed since .* --restart"):
        await copy_store(str(source), target)
    await copy_store(str(source), target, is_anew=True)


@both_kinds
async def test_a_copy_that_was_changed_is_noticed(
    source: Path, tmp_path: Path, database_url: str, kind: str
) -> None:
    """Both stores are read anew in the end, and what is not alike is named."""
    target = await make_target(kind, tmp_path, database_url)
    await be_killed(source, target, "copy.chunk_kept", 12)
    place = find_store_place(target)
    change = "UPDATE {} SET contact_note = 'changed', stop_on_first_failure = {}"
    if place.path is None:
        with closing(psycopg.connect(place.url or "", autocommit=True)) as server:
            server.execute(change.format("batchhub.jobs", "true"))
    else:
        with closing(sqlite3.connect(place.path)) as connection:
            connection.execute(change.format("jobs", "1"))
            connection.commit()
    with pytest.raises(StoreError, match=r"is not like .*: table jobs .*--restart"):
        await copy_store(str(source), target)
    assert not await is_usable(target)
    assert not await is_usable(str(source))
    await copy_store(str(source), target, is_anew=True)
    assert await is_usable(target)


# What is refused.


@both_kinds
async def test_a_target_that_is_not_empty_is_refused(
    source: Path, tmp_path: Path, database_url: str, kind: str
) -> None:
    """Nothing is changed, neither there nor in the source."""
    target = await make_target(kind, tmp_path, database_url)
    store = await Store.open(target)
    await add_job(store, 1)
    await store.aclose()
    with pytest.raises(UsageError, match="is not empty"):
        await copy_store(str(source), target)
    assert await is_usable(str(source))
    assert len(read_all(target)["jobs"]) == 1


async def test_a_target_of_another_copy_is_refused(source: Path, tmp_path: Path) -> None:
    """Nor can a store be copied to two places, or a part of a copy be copied."""
    other, target, third = (tmp_path / f"{name}.db" for name in ("other", "copy", "third"))
    await make_store(other)
    await be_killed(source, str(target), "copy.begun")
    for is_anew in (False, True):
        with pytest.raises(UsageError, match=r"a copy of .*jobs.db to it, .* go on with: batchhub"):
            await copy_store(str(other), str(target), is_anew=is_anew)
    with pytest.raises(UsageError, match=r"is being copied to .*copy.db .* store reopen \S+\.db$"):
        await copy_store(str(source), str(third))
    with pytest.raises(UsageError, match="is not complete"):
        await copy_store(str(target), str(third))
    with pytest.raises(UsageError, match="is not complete"):
        await reopen_store(str(target))


@pytest.mark.parametrize("is_kept", [False, True])
async def test_the_command_to_go_on_with_can_be_pasted(
    source: Path, tmp_path: Path, database_url: str, is_kept: bool
) -> None:
    """Whatever characters an address has for a shell; and a rehearsal stays one."""
    options = "schema=night&connect_timeout=7"
    target = f"{database_url}{'&' if '?' in database_url else '?'}{options}"
    await make_target("postgres", tmp_path, target)
    await be_killed(source, target, "copy.begun", is_kept=not is_kept)
    await be_killed(source, target, "copy.verified", is_kept=is_kept)
    for store in (str(source), target):
        with pytest.raises(StoreMarkedError) as refused:
            await Store.open(store)
        found = re.search(r"go on with: (batchhub store copy [^;]+)", str(refused.value))
        assert found is not None
        *command, theirs, ours = [each for each in shlex.split(found[1]) if each != "--keep"]
        assert command == ["batchhub", "store", "copy"]
        assert (theirs, find_store_place(ours)) == (str(source), find_store_place(target))
        assert found[1].endswith(" --keep") == is_kept


async def test_whoever_listens_or_does_not_it_is_the_same_copy(
    source: Path, tmp_path: Path, database_url: str
) -> None:
    """Where the address of the target says so only the second time, or only the first time."""
    quiet = f"{database_url}{'&' if '?' in database_url else '?'}listen=off"
    await make_target("postgres", tmp_path, database_url)
    await be_killed(source, quiet, "copy.begun")
    await be_killed(source, database_url, "copy.chunk_kept")
    assert not (await copy_store(str(source), quiet)).was_done
    assert (await copy_store(str(source), database_url)).was_done


def test_a_mark_of_before_there_were_rehearsals_is_read() -> None:
    """It says of all that it has what it said then; what is no mark is none."""
    fact = CopyFact(copy_id="1", source="a", target="b", at="2026", is_target=True, stamp="s")
    text = json.dumps({k: v for k, v in json.loads(fact.to_text()).items() if k != "is_kept"})
    assert CopyFact.from_text(text) == fact
    for nothing in (None, "", "[]", "{}", "7", '"copy_id"', "null"):
        assert CopyFact.from_text(nothing) is None


async def test_two_copies_at_once_are_one(
    source: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is told that another process has the store."""
    for module in (sqlite, opening_sqlite):
        monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.1)
    target = await make_target("postgres", tmp_path, database_url)
    tried: list[str] = []

    def listen(passed: str) -> None:
        if passed == "copy.begun":
            with pytest.raises(StoreError) as refused:
                asyncio.run(copy_store(str(source), target))
            tried.append(str(refused.value))

    failpoints.listener = listen
    await copy_store(str(source), target)
    assert len(tried) == 1
    assert "held it for too long" in tried[0] or "has it open" in tried[0]


async def test_a_source_that_is_used_is_refused(source: Path, tmp_path: Path) -> None:
    """A program that has it open could submit to it at any moment; it is named."""
    store = await Store.open(source)
    with pytest.raises(InUseError, match="open; stop every worker") as refused:
        await copy_store(str(source), str(tmp_path / "copy.db"))
    assert "process" in str(refused.value)
    await add_job(store, 1, job_id="new", lane="new")  # it was not in its way
    await store.aclose()
    await copy_store(str(source), str(tmp_path / "copy.db"))


async def test_nobody_writes_while_it_is_copied(source: Path, tmp_path: Path) -> None:
    """Not even a program that does not know of the copy."""
    refused = []

    def listen(passed: str) -> None:
        if passed == "copy.chunk_kept":
            with closing(sqlite3.connect(source, timeout=0)) as other:
                try:
                    other.execute("DELETE FROM jobs")
                except sqlite3.OperationalError as error:
                    refused.append(str(error))

    failpoints.listener = listen
    await copy_store(str(source), str(tmp_path / "copy.db"))
    assert set(refused) == {"database is locked"}


@pytest.mark.parametrize("name", ["", "shop", "batchhub of the shop", "Ä" * 70])
async def test_a_program_that_is_connected_is_named(
    source: Path, tmp_path: Path, database_url: str, name: str
) -> None:
    """Whatever is connected to the database might write to it, whatever it calls itself."""
    target = await make_target("postgres", tmp_path, database_url)
    option = f"application_name={quote(name)}" if name else ""
    store = await Store.open(f"{target}{'&' if '?' in target else '?'}{option}")
    await add_job(store, 1)
    with pytest.raises(InUseError, match=r"is connected to it \(batchhub"):
        await copy_store(str(source), target)
    await store.aclose()


async def test_a_store_is_not_copied_to_itself_or_from_nowhere(
    source: Path, tmp_path: Path
) -> None:
    """One line, and nothing is made."""
    (tmp_path / "link.db").symlink_to(source)
    with pytest.raises(UsageError, match="to itself"):
        await copy_store(str(source), str(tmp_path / "link.db"))
    with pytest.raises(NotKnownError, match=r"nowhere\.db"):
        await copy_store(str(tmp_path / "nowhere.db"), str(tmp_path / "copy.db"))
    with pytest.raises(UsageError, match="memory"):
        await copy_store(str(source), ":memory:")
    assert not (tmp_path / "copy.db").exists()
    assert await is_usable(str(source))


async def test_without_tables_it_says_how_to_make_them(source: Path, database_url: str) -> None:
    """As for any other command."""
    with pytest.raises(StoreError, match="`batchhub cluster init --store "):
        await copy_store(str(source), database_url)
    await init_database(find_store_place(database_url))
    await copy_store(str(source), database_url)


# Afterwards.


@both_kinds
async def test_the_source_says_where_it_went(
    source: Path, tmp_path: Path, database_url: str, kind: str
) -> None:
    """Nobody drives its jobs a second time; there is a way back."""
    target = await make_target(kind, tmp_path, database_url)
    await copy_store(str(source), target)
    with pytest.raises(
        StoreMarkedError, match=r"was copied to .* store reopen \S+\.db$"
    ) as refused:
        await Store.open(source)
    assert find_store_place(target).name in str(refused.value)
    assert await reopen_store(str(source))
    assert await is_usable(str(source))
    assert not await reopen_store(str(source))


async def test_a_cancelled_copy_stops_at_the_next_chunk(source: Path, tmp_path: Path) -> None:
    """What it has copied stays, and it goes on from there."""
    target, before = str(tmp_path / "copy.db"), read_all(str(source))
    loop, chunks = asyncio.get_running_loop(), list[str]()
    task = asyncio.create_task(copy_store(str(source), target))

    def listen(passed: str) -> None:
        if passed == "copy.chunk_kept":
            chunks.append(passed)
            asyncio.run_coroutine_threadsafe(cancel(), loop).result()

    async def cancel() -> None:
        task.cancel()
        await asyncio.sleep(0)

    failpoints.listener = listen
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(chunks) == 1
    failpoints.listener = None
    await copy_store(str(source), target)
    assert read_all(target) == expect_copy(before)

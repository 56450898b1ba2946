"""What was learned of how long batches take is kept in the store, and safe to lose."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered
from support.raw_stores import open_raw
from support.stores import NOW, make_older
from support.vendor import ScriptedAccount, Vendor, capable

from batchhub import BatchHub
from batchhub._engine.lesson_keeper import SAVE_S, LessonKeeper
from batchhub._store import Store
from batchhub._store import lessons as _lessons
from batchhub._store.lessons import MAX_AGE_S, MOST_BYTES
from batchhub._store.migrations import HEAD
from batchhub.adapter import Observation, TicketRef
from batchhub.errors import StoreError
from batchhub.polling import Adaptive, Fixed, Lessons, Poll
from batchhub.polling.lessons import VERSION
from batchhub.testing import FakeClock


def poll_of(adapter: str = "scripted", operation: str = "work", items: int = 1) -> Poll:
    """Return a ticket as a rule sees it."""
    return Poll(
        adapter=adapter,
        account="shop",
        operation=operation,
        items=items,
        usual_s=5.0,
        least_s=0.1,
    )


def teach(lessons: Lessons, ends: int = 1, **facts: Any) -> None:
    """Let tickets of a kind end between 9 and 10 seconds of age."""
    rule = Adaptive(lessons)
    for _ in range(ends):
        poll = poll_of(**facts)
        rule.next_delay_s(poll)
        poll.last_age_s, poll.age_s, poll.polls = 9.0, 10.0, 2
        rule.ended(poll)


def delay_of(lessons: Lessons, **facts: Any) -> float:
    """Return when the first poll of a ticket is, by what was learned."""
    return Adaptive(lessons).next_delay_s(poll_of(**facts))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store in a file."""
    opened = await Store.open(tmp_path / "jobs.db")
    yield opened
    await opened.aclose()


# The store's own door.


async def test_what_is_saved_is_loaded(store: Store) -> None:
    """The last one of a name wins; those that were written last come last."""
    await store.lessons.save({"a": b"1", "b": b"2"}, 1, NOW)
    await store.lessons.save({"c": b"3", "a": b"4"}, 1, NOW + timedelta(seconds=1))

    found = await store.lessons.load(1)
    assert found == {"a": b"4", "b": b"2", "c": b"3"}
    assert next(iter(found)) == "b"


async def test_versions_live_side_by_side(store: Store) -> None:
    """An older program neither reads nor overwrites what a newer one has learned."""
    await store.lessons.save({"a": b"old"}, 1, NOW)
    await store.lessons.save({"a": b"new", "b": b"new"}, 2, NOW)
    await store.lessons.save({"a": b"old again"}, 1, NOW)

    assert await store.lessons.load(1) == {"a": b"old again"}
    assert await store.lessons.load(2) == {"a": b"new", "b": b"new"}
    assert await store.lessons.load(3) == {}


async def test_what_is_old_is_dropped(store: Store) -> None:
    """Of any version, where nothing was added for 90 days."""
    await store.lessons.save({"old": b"1"}, 1, NOW - timedelta(seconds=MAX_AGE_S + 1))
    await store.lessons.save({"newer": b"1"}, 2, NOW - timedelta(seconds=MAX_AGE_S + 1))
    await store.lessons.save({"young": b"1"}, 1, NOW - timedelta(seconds=MAX_AGE_S - 1))
    await store.lessons.drop_old(NOW)

    assert await store.lessons.load(1) == {"young": b"1"}
    assert await store.lessons.load(2) == {}


async def test_only_so_many_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and whatever their size: the newest, and none that is too large."""
    for n in range(3):
        learned = {f"{n}-{m:03}": b"x" for m in range(100)}
        await store.lessons.save(learned, 1, NOW + timedelta(seconds=n))
    await store.lessons.save({"large": b"x" * (MOST_BYTES + 1)}, 1, NOW + timedelta(seconds=9))

    found = await store.lessons.load(1)
    assert len(found) == _lessons.MOST_READ
    assert "large" not in found
    assert {name[0] for name in list(found)[-200:]} == {"1", "2"}
    del monkeypatch


@pytest.mark.parametrize("value", ["text", 5, 10**12, 1.5])
async def test_what_is_damaged_is_left_out(tmp_path: Path, store: Store, value: object) -> None:
    """It hides no other lesson, and the next save replaces it."""
    await store.lessons.save({"bad": b"1", "good": b"2"}, 1, NOW)
    with closing(open_raw(tmp_path / "jobs.db")) as other:
        other.execute("UPDATE lessons SET data = ? WHERE name = 'bad'", (value,))
        other.execute("UPDATE lessons SET updated_at = x'ff' WHERE name = 'bad'")
        other.commit()

    assert await store.lessons.load(1) == {"good": b"2"}
    await store.lessons.save({"bad": b"3"}, 1, NOW)
    assert await store.lessons.load(1) == {"good": b"2", "bad": b"3"}


# Keeping them.


@asynccontextmanager
async def keeper_of(
    path: Path | None, clock: FakeClock | None = None
) -> AsyncIterator[LessonKeeper]:
    """Open a store and what keeps lessons in it."""
    store = await Store.open(path)
    keeper = LessonKeeper(store, clock or FakeClock())
    try:
        await keeper.load(["scripted", "other"])
        yield keeper
        await keeper.aclose()
    finally:
        await store.aclose()


async def test_the_next_process_goes_on_from_there(tmp_path: Path) -> None:
    """What one has learned another one knows, of each kind of batches by itself."""
    path = tmp_path / "jobs.db"
    async with keeper_of(path) as first:
        teach(first.lessons, 50)
        teach(first.lessons, 50, operation="more")
        learned, other = delay_of(first.lessons), delay_of(first.lessons, items=1000)
    async with keeper_of(path) as second:
        assert delay_of(second.lessons) == pytest.approx(learned, rel=0.01)
        assert delay_of(second.lessons, operation="more") == pytest.approx(learned, rel=0.01)
        assert delay_of(second.lessons, items=1000) == pytest.approx(other)
    assert learned > 2 * delay_of(Lessons())


async def test_only_what_concerns_the_accounts_is_taken(tmp_path: Path) -> None:
    """What was learned of adapters that this hub has no account of stays in the store."""
    path = tmp_path / "jobs.db"
    async with keeper_of(path) as first:
        teach(first.lessons, 50)
        teach(first.lessons, 50, adapter="elsewhere")
    async with keeper_of(path) as second:
        assert delay_of(second.lessons, adapter="elsewhere") == delay_of(Lessons())
        assert "scripted/work/0" in second.lessons.dump()
    store = await Store.open(path)
    assert set(await store.lessons.load(VERSION)) == {"scripted/work/0", "elsewhere/work/0"}
    await store.aclose()


async def test_two_processes_learn_side_by_side(tmp_path: Path) -> None:
    """The last one to save wins, for what it has learned; the other's kinds stay."""
    path = tmp_path / "jobs.db"
    async with keeper_of(path) as one, keeper_of(path) as two:
        teach(one.lessons, 50, operation="mine")
        teach(one.lessons, 50, operation="both")
        teach(two.lessons, 5, operation="both")
        teach(two.lessons, 5, operation="yours")
        last = delay_of(one.lessons, operation="both")
    async with keeper_of(path) as after:
        assert set(after.lessons.dump()) == {f"scripted/{x}/0" for x in ("mine", "both", "yours")}
        assert delay_of(after.lessons, operation="both") == pytest.approx(last, rel=0.01)


async def save(keeper: LessonKeeper) -> None:
    """Have lessons saved soon; wait for that, as nobody else does."""
    keeper.save_soon()
    if keeper._saving is not None:
        await asyncio.wait({keeper._saving})


class Saves:
    """Counts the saves of lessons, and lets some fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[list[str]] = []
        self.errors: deque[Exception] = deque()
        save = _lessons.Lessons.save

        async def noted(door: Any, learned: Mapping[str, bytes], *rest: Any) -> None:
            self.names.append(sorted(learned))
            if self.errors:
                raise self.errors.popleft()
            await save(door, learned, *rest)

        monkeypatch.setattr(_lessons.Lessons, "save", noted)


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> Saves:
    """Count the saves."""
    return Saves(monkeypatch)


async def test_only_what_changed_is_saved_and_not_often(tmp_path: Path, saves: Saves) -> None:
    """Nothing is written where nothing was learned, also not at the end."""
    clock = FakeClock()
    async with keeper_of(tmp_path / "jobs.db", clock) as keeper:
        await save(keeper)
        assert saves.names == []

        teach(keeper.lessons)
        teach(keeper.lessons, operation="more")
        for _ in range(20):
            await save(keeper)
        assert saves.names == [["scripted/more/0", "scripted/work/0"]]

        teach(keeper.lessons)
        await save(keeper)
        await clock.advance(SAVE_S - 1)
        await save(keeper)
        assert len(saves.names) == 1
        await clock.advance(2)
        await save(keeper)
        assert saves.names[1:] == [["scripted/work/0"]]
    assert len(saves.names) == 2


async def test_a_save_that_fails_is_tried_again(
    tmp_path: Path, saves: Saves, caplog: pytest.LogCaptureFixture
) -> None:
    """It is nobody's error; what it had to write goes with the next one, unless that is newer."""
    caplog.set_level(logging.DEBUG)
    clock = FakeClock()
    saves.errors += [StoreError("the disk is full"), ValueError("odd")]
    async with keeper_of(tmp_path / "jobs.db", clock) as keeper:
        teach(keeper.lessons)
        for _ in range(3):
            await save(keeper)
            teach(keeper.lessons, operation="more")
            await clock.advance(SAVE_S + 1)
        assert saves.names == [
            ["scripted/work/0"],
            ["scripted/more/0", "scripted/work/0"],
            ["scripted/more/0", "scripted/work/0"],
        ]
    assert saves.names[3:] == [["scripted/more/0"]]
    assert {record.levelname for record in caplog.records if "lessons" in record.message} == {
        "DEBUG"
    }
    assert "the disk is full" in caplog.text


async def test_a_store_in_memory_keeps_them_in_the_process(saves: Saves) -> None:
    """There is nobody who could read them."""
    async with keeper_of(None) as keeper:
        teach(keeper.lessons)
        await save(keeper)
    assert saves.names == []


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00" * 5000, b"\xff" * 1183, bytes([VERSION]), bytes([VERSION]) + b"\xff" * 1182],
)
async def test_foreign_bytes_are_ignored(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """They teach nothing, are no error, and the next save replaces them."""
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "jobs.db"
    store = await Store.open(path)
    await store.lessons.save({"scripted/work/0": data}, VERSION, NOW)
    await store.aclose()

    async with keeper_of(path) as keeper:
        assert delay_of(keeper.lessons) == delay_of(Lessons())
        teach(keeper.lessons, 50)
        learned = delay_of(keeper.lessons)
    async with keeper_of(path) as again:
        assert delay_of(again.lessons) == pytest.approx(learned, rel=0.01)
    ours = [record for record in caplog.records if record.name == "batchhub"]
    assert all(record.levelno == logging.DEBUG for record in ours)


async def test_a_table_that_is_gone_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A hub opens, learns and closes as if nothing were there."""
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "jobs.db"
    await (await Store.open(path)).aclose()
    with closing(open_raw(path)) as other:
        other.execute("DROP TABLE lessons")
        other.commit()
    async with keeper_of(path) as keeper:
        teach(keeper.lessons)
    assert "lessons.ignored" in caplog.text
    # What shares a commit with a write that fails would fail as well.
    assert all(await drive(path, jobs=5))
    assert "store.failed" not in caplog.text


async def test_lessons_that_could_not_be_read_at_first_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is written they are read after all; what was learned meanwhile stays."""
    path = tmp_path / "jobs.db"
    async with keeper_of(path) as first:
        teach(first.lessons, 50)
        teach(first.lessons, 50, operation="more")
        learned = delay_of(first.lessons)

    load = _lessons.Lessons.load
    errors: deque[Exception] = deque([StoreError("the disk is gone")])

    async def fail_once(door: Any, version: int) -> dict[str, bytes]:
        if errors:
            raise errors.popleft()
        return await load(door, version)

    monkeypatch.setattr(_lessons.Lessons, "load", fail_once)
    async with keeper_of(path) as second:
        teach(second.lessons)
        assert delay_of(second.lessons) < learned
        await save(second)
        assert delay_of(second.lessons) < learned
        assert delay_of(second.lessons, operation="more") == pytest.approx(learned, rel=0.01)


# Over a hub.


DURATION_S = 60.0
"""How long each batch takes."""


async def drive(path: Path | None, jobs: int = 1, **settings: Any) -> list[float]:
    """Run some jobs, one after the other; return how many polls each needed."""
    clock = FakeClock()
    vendor = capable(Vendor(), poll_s=5.0, min_poll_s=0.1)
    began_s = 0.0

    def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
        is_done = clock.monotonic() - began_s >= DURATION_S
        return [Observation(words=("Done" if is_done else "Running",))] * len(tickets)

    vendor.answer_poll = answer
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    polls: list[float] = []
    hub = BatchHub(path or ":memory:", accounts, clock=clock, seed=1, **settings)
    async with clock.running(), hub:
        for _ in range(jobs):
            began_s, before = clock.monotonic(), len(vendor.polled)
            job = await hub.submit("shop", numbered(1))
            await job.wait(timeout_s=3600)
            polls.append(len(vendor.polled) - before)
    return polls


async def test_what_one_hub_has_learned_the_next_one_uses(tmp_path: Path) -> None:
    """It needs fewer polls for its first batch than one that knows nothing."""
    path = tmp_path / "jobs.db"
    first, *_ = await drive(path, jobs=40)
    (next_one,) = await drive(path)
    assert next_one < first / 2
    assert (await drive(None)) == [first]


async def test_a_hub_saves_once_in_a_while_and_at_the_end(tmp_path: Path, saves: Saves) -> None:
    """Many jobs are few writes, none of which anybody waits for; the last one is not lost."""
    await drive(tmp_path / "jobs.db", jobs=10)
    seconds = 10 * 2 * DURATION_S
    assert 2 <= len(saves.names) <= seconds / SAVE_S
    assert {tuple(names) for names in saves.names} == {("scripted/work/0",)}
    taught = len(saves.names)
    await drive(tmp_path / "jobs.db")
    assert len(saves.names) == taught + 1


async def test_no_job_waits_for_lessons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: Saves
) -> None:
    """While they can't be written, jobs go on and end; closing tries once more."""
    stuck = asyncio.Event()
    calls = 0

    async def hang(*_: object) -> None:
        nonlocal calls
        calls += 1
        await stuck.wait()

    monkeypatch.setattr(_lessons.Lessons, "save", hang)
    clock = FakeClock()
    hub = BatchHub(
        tmp_path / "jobs.db", {"shop": ScriptedAccount(vendor=Vendor())}, clock=clock, seed=1
    )
    async with clock.running(), hub:
        for _ in range(5):
            job = await hub.submit("shop", numbered(1))
            assert (await job.wait(timeout_s=100)).counts.succeeded == 1
        assert calls == 1
        stuck.set()
    assert calls == 2
    assert saves.names == []


async def test_a_store_that_can_only_be_read_gets_nothing(tmp_path: Path, saves: Saves) -> None:
    """A hub with accounts opens it all the same, and closes without an error."""
    path = tmp_path / "jobs.db"
    await drive(path)
    before = len(saves.names)
    store = await Store.open(path)
    keeper = LessonKeeper(store, FakeClock())
    monkey = pytest.MonkeyPatch()
    monkey.setattr(Store, "is_read_only", property(lambda _: True))
    try:
        await keeper.load(["scripted"])
        teach(keeper.lessons)
        await save(keeper)
        await keeper.aclose()
    finally:
        monkey.undo()
        await store.aclose()
    assert len(saves.names) == before


async def test_a_hub_that_only_reads_writes_nothing(tmp_path: Path, saves: Saves) -> None:
    """Neither does one whose rule does not learn."""
    path = tmp_path / "jobs.db"
    assert len(await drive(path, polling=Fixed(5))) == 1
    async with BatchHub(path) as hub:
        assert len(await hub.jobs()) == 1
    assert saves.names == []


async def test_an_older_store_goes_on(tmp_path: Path) -> None:
    """One of the version before gets the table when it is opened."""
    path = tmp_path / "jobs.db"
    await drive(path)
    make_older(path, "0003")

    await drive(path)

    with closing(open_raw(path)) as now:
        assert now.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
        assert now.execute("SELECT COUNT(*) FROM jobs").fetchone() == (2,)
        rows = now.execute("SELECT name, version FROM lessons").fetchall()
    assert rows == [("scripted/work/0", VERSION)]


async def test_prune_drops_what_nobody_uses(tmp_path: Path) -> None:
    """Together with old jobs, after 90 days in which nothing was added."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    store = await Store.open(path)
    await store.lessons.save({"gone/work/0": b"1"}, 1, clock.now())
    await store.aclose()
    async with BatchHub(path, clock=clock) as hub:
        await hub.prune(0)
        assert await hub._opened.store.lessons.load(1)  # type: ignore[union-attr]
        await clock.advance(MAX_AGE_S + 1)
        await hub.prune(0)
        assert not await hub._opened.store.lessons.load(1)  # type: ignore[union-attr]

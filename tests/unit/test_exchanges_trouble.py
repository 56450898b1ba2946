"""The record of exchanges where it can't be written, is deleted, or is full: work goes on."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from attrs import evolve
from support.patience import PATIENCE_S
from support.recorded import is_sound, open_shop, told

from batchhub import BatchHub
from batchhub._base.file_mode import FileMode
from batchhub._base.store_path import find_exchanges_path
from batchhub._exchanges import ExchangeLog, file, log, read_exchanges, writer
from batchhub._http.journal import Body, Noted
from batchhub.errors import StoreError, StoreVersionError
from batchhub.testing import FakeClock, capture_events

START = datetime(2026, 1, 1, tzinfo=UTC)
SOME = [("submit", 200), ("fetch_results", 200)]


def make_noted(number: int, at: datetime = START, *, body: bytes | None = None) -> Noted:
    """Make an exchange of the ticket with this number."""
    kept = None
    if body is not None:
        kept = Body(data=body, is_whole=True, size_bytes=len(body), content_type="text/plain")
    return Noted(
        at=at,
        account="shop",
        adapter="acme",
        tickets=[("j-1", number)],
        verb="submit",
        method="POST",
        host="",
        path=f"/{number}",
        status=200,
        sent_bytes=0,
        received_bytes=0,
        duration_s=0.1,
        message="",
        sent=kept,
    )


@contextmanager
def writing(folder: Path, clock: FakeClock | None = None, **settings: int) -> Iterator[ExchangeLog]:
    """Have a log that is closed at the end."""
    record = ExchangeLog(folder / "jobs.db", FileMode.PRIVATE, clock or FakeClock(), **settings)
    try:
        yield record
    finally:
        record.close(PATIENCE_S)


def delete_record(folder: Path) -> None:
    """Delete it, with what SQLite has beside it."""
    for path in folder.glob("jobs.exchanges.db*"):
        path.unlink()


def make_folder(record: Path) -> None:
    """Put a folder in its place."""
    record.mkdir()


def make_garbage(record: Path) -> None:
    """Put what is no database in its place."""
    record.write_bytes(b"no database at all" * 1000)


def make_foreign(record: Path) -> None:
    """Put somebody's own database in its place."""
    with closing(sqlite3.connect(record)) as connection:
        connection.execute("CREATE TABLE mine (precious)")


def make_newer(record: Path) -> None:
    """Put the record of a newer version in its place."""
    with writing(record.parent) as written:
        written.note(make_noted(1))
    with closing(sqlite3.connect(record)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_folder, "unable to open"),
        (make_garbage, "is damaged"),
        (make_foreign, "is no record of exchanges, and was not changed"),
        (make_newer, "written by a newer batchhub"),
    ],
)
async def test_what_is_in_its_place_stays_and_the_job_goes_on(
    make: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    """One line in the log says so; nothing of it is changed."""
    record = tmp_path / "jobs.exchanges.db"
    make(record)
    before = record.read_bytes() if record.is_file() else b""
    with capture_events() as events:
        async with open_shop(tmp_path) as shop:
            job = await shop.run()
            with pytest.raises(StoreError, match=r"jobs\.exchanges\.db"):
                await job.exchanges()
            await shop.run()
    assert job.status.counts.succeeded
    [failed] = events.find("exchanges.failed")
    assert words in failed.facts["error"]
    [dropped] = events.find("exchanges.dropped")
    assert dropped.facts["count"] == 4
    assert (record.read_bytes() if record.is_file() else b"") == before


async def test_a_record_of_a_newer_version_is_not_read(tmp_path: Path) -> None:
    """Whoever reads it is told to update."""
    make_newer(tmp_path / "jobs.exchanges.db")
    with pytest.raises(StoreVersionError, match="update this one, or move the file away"):
        read_exchanges(tmp_path / "jobs.db")


async def test_a_record_that_is_deleted_is_made_anew(tmp_path: Path) -> None:
    """In the midst of a run; what comes after is in the new one."""
    with capture_events() as events:
        async with open_shop(tmp_path) as shop:
            first = await shop.run()
            assert told(await first.exchanges()) == SOME
            delete_record(tmp_path)
            assert await first.exchanges() == []
            second = await shop.run()
            assert told(await second.exchanges()) == SOME
    assert events.find("exchanges.failed") == []
    assert is_sound(shop.record)


async def test_a_folder_that_is_gone_is_no_trouble_to_readers(tmp_path: Path) -> None:
    """There is no record, so there is nothing in it."""
    assert read_exchanges(tmp_path / "nowhere" / "jobs.db") == []
    assert read_exchanges(None) == []


async def test_a_full_disk_drops_nothing_that_can_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written once there is room; said once, and once that it works again."""
    is_full = True
    write = writer.write_rows

    def write_rows(connection: sqlite3.Connection, rows: list[writer.Row]) -> None:
        if is_full:
            raise sqlite3.OperationalError("database or disk is full")
        write(connection, rows)

    monkeypatch.setattr(log, "write_rows", write_rows)
    monkeypatch.setattr(log, "RETRY_S", 0.01)
    with capture_events() as events:
        async with open_shop(tmp_path) as shop:
            job = await shop.run()
            assert await job.exchanges() == []
            is_full = False
            assert told(await job.exchanges()) == SOME
    [failed] = events.find("exchanges.failed")
    assert "disk is full" in failed.facts["error"]
    [resumed] = events.find("exchanges.resumed")
    assert resumed.facts["dropped"] == 0


async def test_a_locked_record_holds_up_nobody(tmp_path: Path) -> None:
    """The job ends meanwhile, and so does the hub, within its seconds; the rest is counted."""
    with writing(tmp_path) as written:
        written.note(make_noted(1))
    with capture_events() as events, closing(sqlite3.connect(tmp_path / "jobs.exchanges.db")) as at:
        at.execute("BEGIN EXCLUSIVE")
        async with open_shop(tmp_path) as shop:
            assert (await shop.run()).status.counts.succeeded
    assert len(events.find("exchanges.dropped")) == 1


def test_more_than_can_wait_is_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither memory nor whoever sends pays for a disk that is too slow."""
    is_slow = threading.Event()
    write = writer.write_rows

    def write_rows(connection: sqlite3.Connection, rows: list[writer.Row]) -> None:
        assert is_slow.wait(PATIENCE_S)
        write(connection, rows)

    monkeypatch.setattr(log, "write_rows", write_rows)
    monkeypatch.setattr(log, "MOST_WAITING", 50)
    with capture_events() as events, writing(tmp_path) as record:
        for number in range(1, 81):
            record.note(make_noted(number))
        assert record.dropped == 30
        is_slow.set()
    assert len(read_exchanges(tmp_path / "jobs.db", limit=None)) == 50
    assert [each.facts["count"] for each in events.find("exchanges.dropped")] == [30]


def test_bodies_that_wait_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By how much of them is in memory."""
    monkeypatch.setattr(log, "MOST_WAITING_BYTES", 1000)
    with writing(tmp_path) as record:
        record.note(make_noted(1, body=b"x" * 2000))
        record.note(make_noted(2, body=b"x" * 500))
    bodies = [each.sent_body for each in read_exchanges(tmp_path / "jobs.db", bodies=True)]
    assert bodies == [b"<2000 bytes; not kept: too many were waiting>", b"x" * 500]
    assert record.dropped == 0


def test_bodies_do_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes too long is written without them: the heads are what counts."""
    monkeypatch.setattr(log, "BODIES_S", -1.0)
    monkeypatch.setattr(log, "GATHER_S", PATIENCE_S)
    with writing(tmp_path) as record:
        for number in range(3):
            record.note(make_noted(number, body=b"abc"))
    found = read_exchanges(tmp_path / "jobs.db", bodies=True)
    assert [each.sent_body for each in found] == [b"<3 bytes; not kept: the hub was closed>"] * 3


def test_a_body_that_breaks_what_blanks_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head stays; what can't be blanked is not kept."""
    monkeypatch.setattr("batchhub._exchanges.keep.Scrubber.body", lambda *_: 1 / 0)
    with writing(tmp_path) as record:
        record.note(make_noted(1, body=b"precious"))
    [found] = read_exchanges(tmp_path / "jobs.db", bodies=True)
    assert found.sent_body == b"<8 bytes; not kept: ZeroDivisionError>"


def test_ten_thousand_are_written_and_found_at_once(tmp_path: Path) -> None:
    """Of a job of as many tickets: the newest, one ticket's, and a page in the middle."""
    with writing(tmp_path) as record:
        for number in range(1, 10_001):
            record.note(make_noted(number))
    store = tmp_path / "jobs.db"
    assert [each.ticket for each in read_exchanges(store, job_id="j-1", limit=2)] == [9999, 10_000]
    [one] = read_exchanges(store, job_id="j-1", ticket=5000)
    assert one.path == "/5000"
    page = read_exchanges(store, job_id="j-1", limit=3, before=one.number)
    assert [each.ticket for each in page] == [4997, 4998, 4999]
    assert read_exchanges(store, job_id="j-2") == []


def test_what_is_older_than_seven_days_goes(tmp_path: Path) -> None:
    """With its bodies and whatever leads to it, when something is written next."""
    for day in range(10):
        at = START + timedelta(days=day)
        with writing(tmp_path, FakeClock(at)) as record:
            record.note(make_noted(day, at, body=b"b"))
    found = read_exchanges(tmp_path / "jobs.db", job_id="j-1")
    assert [each.ticket for each in found] == [2, 3, 4, 5, 6, 7, 8, 9]
    with closing(sqlite3.connect(tmp_path / "jobs.exchanges.db")) as connection:
        for table in ("exchanges", "bodies", "concerned"):
            [(rows,)] = connection.execute(f"SELECT count(*) FROM {table}")
            assert rows == 8, table


def test_no_more_than_its_size_is_kept(tmp_path: Path) -> None:
    """The oldest go first, and the disk gets the room back; the newest stay."""
    most_bytes = 512 * 1024
    with writing(tmp_path, most_bytes=most_bytes) as record:
        for number in range(1, 61):
            record.note(make_noted(number, body=os.urandom(20_000)))
            record.flush(PATIENCE_S)
            assert record.path is not None
            size_bytes = sum(path.stat().st_size for path in tmp_path.glob("jobs.exchanges.db*"))
            assert size_bytes < most_bytes + 6 * 1024 * 1024  # with the log that is written first
    found = read_exchanges(tmp_path / "jobs.db", limit=None)
    assert [each.ticket for each in found] == [*range(61 - len(found), 61)]
    assert (tmp_path / "jobs.exchanges.db").stat().st_size < most_bytes + 100_000
    assert 1 < len(found) < 30


async def test_what_is_pruned_goes_too(tmp_path: Path) -> None:
    """Of the jobs that are deleted, and of no other; in another process as well."""
    clock = FakeClock()
    async with open_shop(tmp_path, clock=clock, exchanges="bodies") as shop:
        old = await shop.run()
        await clock.sleep(3600)
        new = await shop.run()
        assert told(await old.exchanges()) == SOME
    async with BatchHub(tmp_path / "jobs.db", clock=clock) as hub:
        assert (await hub.prune(1800)).jobs == 1
    store = tmp_path / "jobs.db"
    assert read_exchanges(store, job_id=old.id) == []
    assert told(read_exchanges(store)) == told(read_exchanges(store, job_id=new.id)) == SOME
    with closing(sqlite3.connect(shop.record)) as connection:
        assert connection.execute("SELECT count(*) FROM bodies").fetchone() == (2,)


def test_to_prune_makes_no_record(tmp_path: Path) -> None:
    """Where there is none there is nothing to delete."""
    with writing(tmp_path) as record:
        record.forget(["j-1"])
    assert not (tmp_path / "jobs.exchanges.db").exists()


def test_a_request_about_two_jobs_stays_for_the_other(tmp_path: Path) -> None:
    """Until that one is pruned as well."""
    with writing(tmp_path) as record:
        record.note(evolve(make_noted(1), tickets=[("j-1", 1), ("j-2", 1), ("j-2", 2)]))
        record.forget(["j-1"])
    store = tmp_path / "jobs.db"
    assert read_exchanges(store, job_id="j-1") == []
    [left] = read_exchanges(store)
    assert (left.job_id, left.tickets) == ("j-2", 2)
    with writing(tmp_path) as record:
        record.forget(["j-2"])
    assert read_exchanges(store) == []


def test_several_processes_write_one_record(tmp_path: Path) -> None:
    """All of what each has written is there, however the file came to be."""
    pids = [_fork(partial(_write_many, tmp_path, name)) for name in ("a", "b", "c")]
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0
    found = read_exchanges(tmp_path / "jobs.db", limit=None)
    assert Counter(each.account for each in found) == {"a": 300, "b": 300, "c": 300}
    assert is_sound(tmp_path / "jobs.exchanges.db")


def _write_many(folder: Path, name: str) -> None:
    with writing(folder) as record:
        for number in range(300):
            record.note(evolve(make_noted(number), account=name))
            if number % 30 == 0:
                record.flush(PATIENCE_S)


def test_a_process_that_is_killed_leaves_a_sound_record(tmp_path: Path) -> None:
    """With all but the last moment of what it has sent; the next one goes on with it."""
    pid = _fork(lambda: _write_for_ever(tmp_path))
    try:
        while len(read_exchanges(tmp_path / "jobs.db", limit=None)) < 100:
            time.sleep(0.01)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    found = read_exchanges(tmp_path / "jobs.db", limit=None)
    assert [each.ticket for each in found] == [*range(len(found))]
    with writing(tmp_path) as record:
        record.note(evolve(make_noted(7), account="next"))
    assert read_exchanges(tmp_path / "jobs.db")[-1].account == "next"
    assert is_sound(tmp_path / "jobs.exchanges.db")


def _write_for_ever(folder: Path) -> None:
    with writing(folder) as record:
        for number in count():
            record.note(make_noted(number, body=os.urandom(5000)))
            if number % 10 == 0:
                record.flush(PATIENCE_S)


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def test_a_fork_has_nothing_to_do_with_the_log_of_its_parent(tmp_path: Path) -> None:
    """It neither writes nor waits; the parent goes on."""
    with writing(tmp_path) as record:
        record.note(make_noted(1))

        def use() -> None:
            record.note(make_noted(2))
            record.forget(["j-1"])
            record.flush()
            record.close()

        assert os.waitpid(_fork(use), 0)[1] == 0
        record.note(make_noted(3))
    assert [each.ticket for each in read_exchanges(tmp_path / "jobs.db")] == [1, 3]


@pytest.mark.parametrize(("mode", "bits"), [(FileMode.PRIVATE, 0o600), (FileMode.GROUP, 0o660)])
def test_its_mode_is_that_of_the_store(mode: FileMode, bits: int, tmp_path: Path) -> None:
    """Whatever the umask is."""
    before = os.umask(0o077 if mode is FileMode.GROUP else 0)
    try:
        record = ExchangeLog(tmp_path / "jobs.db", mode, FakeClock())
        record.note(make_noted(1))
        record.flush(PATIENCE_S)
        for path in tmp_path.glob("jobs.exchanges.db*"):
            assert path.stat().st_mode & 0o777 == bits, path
        record.close()
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("store", "record"),
    [("jobs.db", "jobs.exchanges.db"), ("jobs", "jobs.exchanges"), ("a.b.db", "a.b.exchanges.db")],
)
def test_each_store_has_a_record_of_its_own(store: str, record: str, tmp_path: Path) -> None:
    """Named like it; by whatever link it is reached."""
    (tmp_path / store).touch()
    (tmp_path / "link.db").symlink_to(tmp_path / store)
    assert find_exchanges_path(tmp_path / store) == tmp_path / record
    assert find_exchanges_path(tmp_path / "link.db") == tmp_path / record


def test_half_a_character_and_a_large_number_are_written(tmp_path: Path) -> None:
    """Whatever a vendor says, and however long it took."""
    with writing(tmp_path) as record:
        record.note(evolve(make_noted(1), message="half \ud83d", duration_s=1e9, path="/\0"))
    [found] = read_exchanges(tmp_path / "jobs.db")
    assert (found.message, found.duration_s, found.path) == ("half ?", 1e9, "/\0")


def test_what_can_not_be_written_at_all_is_dropped_alone(tmp_path: Path) -> None:
    """The next one is written; it is said once."""
    with capture_events() as events, writing(tmp_path) as record:
        record.note(evolve(make_noted(1), status=2**70))
        record.flush(PATIENCE_S)
        record.note(make_noted(2))
    assert [each.ticket for each in read_exchanges(tmp_path / "jobs.db")] == [2]
    assert record.dropped == 1
    assert len(events.find("exchanges.failed")) == 1


def test_a_record_that_is_made_at_this_moment_is_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is, and whether it has tables, is one look."""
    get, makes = file._get, iter([True])
    with closing(sqlite3.connect(tmp_path / "jobs.exchanges.db", isolation_level=None)) as first:
        first.execute("PRAGMA journal_mode = WAL")  # so far the other one has come

    def get_and_wait(connection: sqlite3.Connection, name: str) -> int:
        found = get(connection, name)
        for _ in makes:
            with writing(tmp_path) as record:
                record.note(make_noted(1))
        return found

    monkeypatch.setattr(file, "_get", get_and_wait)
    assert len(read_exchanges(tmp_path / "jobs.db")) == 1

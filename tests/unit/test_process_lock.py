"""Which process lives: by a lock that is free when its process ends, and by nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.hubs import numbered, scripted_world

from batchhub._base.file_mode import FileMode
from batchhub._engine.process_lock import ProcessLock, Verdict
from batchhub.errors import StoreError, UsageError


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return where a store would be."""
    return tmp_path / "jobs.db"


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Run with the umask of most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def in_child(work: Callable[[], object]) -> int:
    """Do something in a forked child; return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_process_that_holds_its_lock_is_alive(store: Path) -> None:
    """Also to another hub of the same process, and to itself; one that let go leaves no file."""
    one, other = ProcessLock(store), ProcessLock(store)
    one.hold()

    assert one.token != other.token
    assert other.verdict(one.token) is Verdict.ALIVE
    assert one.verdict(one.token) is Verdict.ALIVE
    one.release()
    assert other.verdict(one.token) is Verdict.UNKNOWN
    assert list(store.with_name("jobs.db.lanes").iterdir()) == []


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_was_killed_is_dead(store: Path, sign: signal.Signals) -> None:
    """Its lock is free at once, whatever ended it; one that is stopped keeps it."""
    ours = ProcessLock(store)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        theirs = ProcessLock(store)
        theirs.hold()
        os.write(writing, theirs.token.encode())
        signal.pause()
        os._exit(0)
    token = os.read(reading, 16).decode()
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    stopped = ours.verdict(token)
    os.kill(pid, signal.SIGCONT)
    os.kill(pid, sign)
    os.waitpid(pid, 0)

    assert stopped is Verdict.ALIVE
    assert ours.verdict(token) is Verdict.DEAD
    ours.hold()
    ours.sweep({token})
    assert ours.verdict(token) is Verdict.DEAD
    ours.sweep(())
    assert ours.verdict(token) is Verdict.UNKNOWN
    assert ours.verdict(ours.token) is Verdict.ALIVE
    assert [path.name for path in store.with_name("jobs.db.lanes").iterdir()] == [
        f"{ours.token}.lock"
    ]


def test_a_lock_whose_file_is_gone_is_taken_anew(store: Path) -> None:
    """A missing file says nothing; the next `hold` makes it again, and it counts again."""
    one, other = ProcessLock(store), ProcessLock(store)
    one.hold()
    (file,) = store.with_name("jobs.db.lanes").iterdir()
    file.unlink()
    file.parent.rmdir()

    assert other.verdict(one.token) is Verdict.UNKNOWN
    one.hold()
    assert other.verdict(one.token) is Verdict.ALIVE


def test_a_folder_that_was_put_back_has_the_lock_of_its_process(store: Path) -> None:
    """Moved away with the store, made anew meanwhile, and put back: its old file is taken again."""
    one, other = ProcessLock(store), ProcessLock(store)
    one.hold()
    folder, away = store.with_name("jobs.db.lanes"), store.with_name("away")
    folder.rename(away)
    one.hold()
    shutil.rmtree(folder)
    away.rename(folder)

    one.hold()

    assert other.verdict(one.token) is Verdict.ALIVE
    one.release()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_store_of_two_names_has_one_folder_of_locks(tmp_path: Path, linked: str) -> None:
    """A process that came by a symbolic link is seen by one that did not."""
    store = tmp_path / "real" / "jobs.db"
    store.parent.mkdir()
    store.touch()
    link = tmp_path / "link"
    link.symlink_to(store if linked == "file" else store.parent)
    one = ProcessLock(store)
    one.hold()

    other = ProcessLock(link if linked == "file" else link / "jobs.db")
    assert other.verdict(one.token) is Verdict.ALIVE


def test_a_forked_child_neither_uses_nor_frees_its_parents_lock(store: Path) -> None:
    """It is refused with a line; and it does not keep the lock of a parent that has ended."""
    ours, theirs = ProcessLock(store), ProcessLock(store)
    theirs.hold()

    def child() -> None:
        with pytest.raises(UsageError, match=r"opened by process .*; open a hub of its own"):
            theirs.hold()
        theirs.release()

    assert in_child(child) == 0
    assert ours.verdict(theirs.token) is Verdict.ALIVE

    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, b"!")
        signal.pause()
        os._exit(0)
    try:
        os.read(reading, 1)
        theirs.forget()  # as if this process ended, of which the child goes on
        assert ours.verdict(theirs.token) is Verdict.DEAD
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("mode", "file_mode", "folder_mode"),
    [(FileMode.PRIVATE, 0o600, 0o700), (FileMode.GROUP, 0o660, 0o2770)],
)
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_modes_are_the_same_whatever_the_umask(
    store: Path, mode: FileMode, file_mode: int, folder_mode: int, umask: int
) -> None:
    """Locks are as open as the store is, and no more."""
    lock = ProcessLock(store, mode)
    before = os.umask(umask)
    try:
        lock.hold()
    finally:
        os.umask(before)
    folder = store.with_name("jobs.db.lanes")

    assert stat.S_IMODE(folder.stat().st_mode) == folder_mode
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [file_mode]


def test_a_lock_that_cannot_be_made_is_one_line(store: Path) -> None:
    """It names the file and the reason."""
    store.with_name("jobs.db.lanes").touch()

    with pytest.raises(StoreError, match=r"can't lock .*jobs\.db\.lanes/\w+\.lock: Not a dir"):
        ProcessLock(store).hold()


def test_a_store_in_memory_needs_no_file() -> None:
    """Its one process holds it; another can't be alive."""
    lock = ProcessLock(None)
    lock.hold()

    assert lock.verdict(lock.token) is Verdict.ALIVE
    assert lock.verdict("0123456789abcdef") is Verdict.DEAD
    lock.sweep(())
    lock.release()


async def test_a_reader_makes_no_file(store: Path) -> None:
    """Looking at a store leaves no folder of locks beside it."""
    async with scripted_world(store=store) as world:
        await world.hub.jobs()
    assert not store.with_name("jobs.db.lanes").exists()
    async with scripted_world(store=store) as world:
        await (await world.hub.submit("shop", numbered(1))).wait()

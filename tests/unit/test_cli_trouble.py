"""Stores that are not there, output nobody takes, interruptions: one line each."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from support.command_jobs import make_job
from support.patience import PATIENCE_S
from typer.testing import CliRunner, Result

from batchhub import cli
from batchhub.cli.app import app
from batchhub.cli.screen import console as _console
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.options import Common
from batchhub.cli.shell.signals import stopped_by_signals
from batchhub.cli.shell.start import enter_start, leave_start
from batchhub.errors import StoreError

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder, with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BATCHHUB_STORE", "jobs.db")
    for name in ("BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


# A store that is not there, or can't be.


@pytest.mark.parametrize("name", ["watch", "resume"])
def test_a_store_that_is_not_there_is_named(command: Command, name: str) -> None:
    """A mistyped one does not look as if all were done; none is made."""
    result = command(name, "--store", "typo.db")

    assert result.exit_code == 0
    assert f"nothing to {name}: store typo.db does not exist yet" in result.stderr
    assert not Path("typo.db").exists()


def test_a_name_no_file_can_have_is_one_line(command: Command) -> None:
    """It is bad usage."""
    result = command("list", "--store", "a" * 300)

    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.splitlines() == [f"error: store {'a' * 300}: File name too long"]


@pytest.mark.skipif(os.name != "posix", reason="needs file modes")
@pytest.mark.parametrize("is_link", [False, True])
def test_nobody_else_reads_a_store(command: Command, is_link: bool) -> None:
    """A new one holds items and answers; one that is there keeps its mode."""
    del command
    if is_link:
        Path("jobs.db").symlink_to("real.db")
    before = os.umask(0o022)
    try:
        make_job()
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("jobs.db").stat().st_mode) == 0o600

    Path("jobs.db").chmod(0o640)
    make_job()
    assert stat.S_IMODE(Path("jobs.db").stat().st_mode) == 0o640


# Output nobody takes, and interruptions.


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be written to standard output."""

    def refuse(_chunks: object) -> NoReturn:
        raise _console.OutputError("can't write to standard output: No space left on device")

    monkeypatch.setattr(_console, "write_bytes", refuse)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("adapters",)])
def test_a_reader_that_can_not_write_has_nothing_to_go_on_with(
    command: Command, arguments: tuple[str, ...]
) -> None:
    """It is 2, and one line."""
    make_job(ends=True)

    result = command(*arguments)

    assert result.exit_code == ExitCode.USAGE
    assert result.stderr == "error: can't write to standard output: No space left on device\n"


@pytest.mark.parametrize(
    ("facts", "code", "goes_on"),
    [
        ({}, 2, False),
        ({"job_id": "j"}, 4, True),
        ({"resumable": True}, 4, True),
        ({"resumable": True, "ended": ExitCode.OK}, 2, False),
        ({"resumable": True, "ended": ExitCode.UNSUCCESSFUL}, 1, False),
        ({"resumable": True, "ended": ExitCode.HELD}, 5, False),
    ],
)
def test_output_that_fails_hides_no_job(
    capsys: pytest.CaptureFixture[str], facts: dict[str, object], code: int, goes_on: bool
) -> None:
    """Unfinished is 4, with how to go on; a job that ended keeps its code, but for 0."""

    async def fail() -> ExitCode:
        raise _console.OutputError("full")

    invocation = Invocation(Common())
    for name, value in facts.items():
        setattr(invocation, name, value)
    with pytest.raises(SystemExit) as left:
        invocation.run(fail())

    assert left.value.code == code
    assert ("batchhub resume" in capsys.readouterr().err) is goes_on


def test_a_help_nobody_takes_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fails before a command runs is told plainly, too."""

    def fail(**_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("atexit.register", lambda *_: None)
    monkeypatch.setattr("batchhub.cli.app.app", fail)
    monkeypatch.setattr(_console, "drop", lambda _stream: None)
    with pytest.raises(SystemExit) as left:
        cli.main()
    signal.signal(signal.SIGINT, before)  # it is the process's end that `main` prepared for

    assert left.value.code == ExitCode.USAGE
    assert capsys.readouterr().err == (
        "error: can't write to standard output: No space left on device\n"
    )


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have Python's own handler of Ctrl-C, as at the start of a process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_at_the_start_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the command loads is 130, without a traceback; then it is Python's again."""
    left: list[int] = []
    monkeypatch.setattr("os._exit", left.append)  # at once: no exception is ignored
    enter_start()
    signal.raise_signal(signal.SIGINT)
    leave_start()

    assert left == [ExitCode.INTERRUPTED]
    assert capsys.readouterr().err == "interrupted; nothing was sent\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("ends", [True, False])
def test_a_thread_of_an_adapter_holds_no_command_up(
    monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    """A vendor's own client knows of no cancellation, and may wait for ever."""
    left: list[int] = []
    monkeypatch.setattr("os._exit", left.append)
    monkeypatch.setattr("batchhub.cli.shell.invocation._CLOSE_S", PATIENCE_S if ends else 0.05)
    may_end, has_begun = threading.Event(), threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    def wait() -> None:
        has_begun.set()
        may_end.wait(PATIENCE_S)

    async def work() -> ExitCode:
        loops.append(asyncio.get_running_loop())
        call = asyncio.create_task(asyncio.to_thread(wait))
        while not has_begun.is_set():  # noqa: ASYNC110  # a thread sets it
            await asyncio.sleep(0)
        call.cancel()
        if ends:
            may_end.set()
        return ExitCode.UNFINISHED

    with pytest.raises(SystemExit):
        Invocation(Common(store="jobs.db")).run(work())
    may_end.set()
    loops[0].close()
    assert left == ([] if ends else [ExitCode.UNFINISHED])


@pytest.mark.usefixtures("interruptible")
def test_a_second_interruption_leaves_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """It ends whatever runs at that moment, and asyncio says nothing of a task it ended."""

    async def drive() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            signal.raise_signal(signal.SIGINT)

    async def work() -> None:
        with stopped_by_signals():
            task = asyncio.create_task(drive())
            await asyncio.sleep(0)
            signal.raise_signal(signal.SIGINT)
            try:
                await asyncio.sleep(60)
            finally:
                task.cancel()
                await asyncio.wait({task})

    gc.collect()  # what other tests left is not of this one
    caplog.clear()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(work())
    gc.collect()  # what was never retrieved is reported when it is collected

    assert caplog.text == ""


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        ("nothing", "interrupted; nothing was sent"),
        ("a request", "interrupted"),
        ("a job", "interrupted; what was submitted meanwhile is kept"),
        ("a broken store", "interrupted"),
    ],
)
def test_an_interruption_says_what_is_certain(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    meanwhile: str,
    words: str,
) -> None:
    """Nothing was sent only if no job came into the store, and no command asked a vendor."""
    del command
    invocation = Invocation(Common(store="jobs.db"))

    async def work() -> ExitCode:
        raise asyncio.CancelledError

    if meanwhile == "a request":
        invocation.may_have_sent = True
    elif meanwhile == "a job":
        make_job()
        invocation._began_at = invocation._began_at.replace(year=2025)  # the scripted clock's 2026
    elif meanwhile == "a broken store":

        def fail(*_: object) -> NoReturn:
            raise StoreError("broken")

        monkeypatch.setattr("batchhub.cli.shell.open.store_exists", fail)
    with pytest.raises(SystemExit) as left:
        invocation.run(work())

    assert left.value.code == ExitCode.INTERRUPTED
    assert capsys.readouterr().err.splitlines()[0] == words

"""Accounts that changed, stores that are not there, output nobody takes: one line each."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from attrs import evolve
from support.hubs import numbered, scripted_world
from support.vendor import Vendor, report_states
from typer.testing import CliRunner, Result

from batchhub import BatchHub, BatchJob, BatchState, Counts, ItemState, cli
from batchhub.cli.app import app
from batchhub.cli.screen import console as _console
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.follow import Ending
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.options import Common
from batchhub.cli.shell.signals import enter_start, leave_start, stopped_by_signals
from batchhub.errors import StoreError

Command = Callable[..., Result]

SHOP = '[accounts.shop]\nadapter = "scripted"\n'


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


def set_accounts(*tables: str) -> None:
    """Write the settings."""
    Path("batchhub.toml").write_text("\n".join(tables))


def make_job(*, ends: bool = False) -> str:
    """Hand a job over to the lane ``scripted:one``; let it end with a failed item, or not begin."""

    async def make() -> str:
        vendor = Vendor()
        vendor.default_report = report_states(i1=ItemState.FAILED)
        async with scripted_world(vendor, Path("jobs.db")) as world:
            job = await world.hub.submit("shop", numbered(2))
            if ends:
                await job.wait()
            return job.id

    return asyncio.run(make())


def count_jobs() -> int:
    """Return how many jobs the store has."""

    async def count() -> int:
        async with BatchHub("jobs.db") as hub:
            return len(await hub.jobs())

    return asyncio.run(count())


# One account's trouble.


@pytest.mark.parametrize("name", ["list", "status", "results", "resume"])
def test_a_broken_account_stops_no_other(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Neither a table without an adapter nor a stray variable stops who does without them."""
    job = make_job(ends=True)
    set_accounts(SHOP, "[accounts.half]\nbase_url = 'x'")
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__OTHER__TOKEN", "x")

    result = command(name, *([job] if name in {"status", "results"} else []))

    assert result.exit_code == 0, result.output
    assert "error" not in result.stderr


def test_check_names_accounts_that_name_no_adapter(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is one of those that are checked, with all that is wrong with it."""
    set_accounts("[accounts.half]\nbase_url = 'x'")
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__OTHER__TOKEN", "x")
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__OTHER__KEY", "x")

    result = command("check")

    assert result.exit_code == ExitCode.USAGE
    assert "half: invalid settings" in result.stdout
    assert "account 'half' in batchhub.toml lacks adapter" in result.stdout
    for key in ("TOKEN", "KEY"):
        assert f"BATCHHUB_ACCOUNTS__OTHER__{key}: there is no such account" in result.stdout


# An account that is another one now, or has another name.


def test_resume_tells_of_another_account(command: Command) -> None:
    """It says whose the job is, and who the account of that name is now."""
    job = make_job()
    set_accounts(SHOP + 'name = "two"')

    result = command("resume")

    assert result.exit_code == ExitCode.UNFINISHED
    assert (
        f"error: job {job} belongs to scripted:one, but account 'shop' is now scripted:two; "
        "add an account for scripted:one to the settings; the job was not changed\n"
    ) in result.stderr


def test_retry_makes_no_job_that_nobody_can_drive(command: Command) -> None:
    """A job of another account is refused."""
    job = make_job(ends=True)
    set_accounts(SHOP + 'name = "two"')

    result = command("retry", job)

    assert result.exit_code == ExitCode.USAGE
    assert f"job {job} belongs to scripted:one, but account 'shop' is now scripted:two" in (
        result.stderr
    )
    assert count_jobs() == 1


@pytest.mark.parametrize("other", ["", SHOP + 'name = "two"\n'])
def test_retry_finds_an_account_that_was_renamed(command: Command, other: str) -> None:
    """Whatever it is called now, and also where another has its name."""
    job = make_job(ends=True)
    set_accounts(other, '[accounts.store]\nadapter = "scripted"')

    result = command("retry", job)

    assert "no account" not in result.stderr
    assert f" retries 1 item of job {job}" in result.stderr
    assert count_jobs() == 2


def test_retry_without_any_account_names_it(command: Command) -> None:
    """Where nobody goes through the job's lane, its account is not known."""
    job = make_job(ends=True)
    set_accounts('[accounts.store]\nadapter = "scripted"\nname = "two"')

    result = command("retry", job)

    assert result.exit_code == ExitCode.USAGE
    assert "no account named 'shop'" in result.stderr


def test_cancel_says_at_once_that_nobody_can_drive_it(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept for who can; nobody waits."""
    job = make_job()
    set_accounts(SHOP + 'name = "two"')

    def waits(*_: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr("batchhub.cli.commands.change.follow", waits)
    result = command("cancel", job)

    assert "account 'shop' is now scripted:two" in result.stderr
    assert "it will be cancelled once it is resumed" in result.stderr


def test_a_cancellation_that_comes_too_late_says_so(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that ended meanwhile by itself was not cancelled."""
    job = make_job()
    set_accounts(SHOP)

    async def end_meanwhile(followed: BatchJob, *_: object) -> Ending:
        status = await followed.refresh()
        done = [
            evolve(ticket, state=BatchState.COMPLETED, counts=Counts(succeeded=ticket.counts.total))
            for ticket in status.tickets
        ]
        return Ending(status=evolve(status, tickets=tuple(done)))

    monkeypatch.setattr("batchhub.cli.commands.change.follow", end_meanwhile)
    result = command("cancel", job)

    assert result.exit_code == 0
    assert f"job {job} ended before it could be cancelled; nothing was cancelled" in result.stderr


def test_a_cancelled_job_is_not_said_to_have_ended(command: Command) -> None:
    """What was not sent is cancelled here, and told as that alone."""
    job = make_job()
    set_accounts(SHOP)

    result = command("cancel", job)

    assert result.exit_code == 0
    assert "cancelled; 2 not executed" in result.stderr
    assert "nothing was cancelled" not in result.stderr


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

    monkeypatch.setattr("batchhub.cli.app.app", fail)
    monkeypatch.setattr(_console, "drop", lambda _stream: None)
    with pytest.raises(SystemExit) as left:
        cli.main()
    leave_start()

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
def test_an_interruption_at_the_start_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C while the command loads is 130, without a traceback; then it is Python's again."""
    enter_start()
    with pytest.raises(SystemExit) as left:
        signal.raise_signal(signal.SIGINT)
    leave_start()

    assert left.value.code == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "interrupted; nothing was sent\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


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

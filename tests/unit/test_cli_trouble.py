"""Accounts that changed, stores that are not there, output nobody takes: one line each."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import sqlite3
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest
from attrs import evolve
from support.hubs import numbered, scripted_world
from support.patience import PATIENCE_S
from support.vendor import Vendor, report_states
from typer.testing import CliRunner, Result

from batchhub import BatchHub, BatchJob, BatchState, Counts, ItemState, cli
from batchhub.cli.app import app
from batchhub.cli.screen import console as _console
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.follow import Ending
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.options import Common
from batchhub.cli.shell.signals import stopped_by_signals
from batchhub.cli.shell.start import enter_start, leave_start
from batchhub.errors import StoreError
from batchhub.models.fold import Tally, part_of

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
    """Hand a job over to the account ``one``; let it end with a failed item, or not begin."""

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
        f"error: job {job} belongs to scripted:127.0.0.1:9:one, but account 'shop' is now "
        "scripted:127.0.0.1:9:two; "
        "add an account for scripted:127.0.0.1:9:one to the settings; the job was not changed\n"
    ) in result.stderr


def test_resume_names_a_job_whose_account_has_moved(command: Command) -> None:
    """No job goes to another host by itself."""
    job = make_job()
    set_accounts(SHOP + 'base_url = "http://127.0.0.1:8"')

    result = command("resume")

    assert result.exit_code == ExitCode.UNFINISHED
    assert (
        f"error: job {job} belongs to scripted:127.0.0.1:9:one, but account 'shop' is now "
        "scripted:127.0.0.1:8:one; add an account for scripted:127.0.0.1:9:one to the settings; "
        "the job was not changed\n"
    ) in result.stderr


def make_old() -> str:
    """Make a job of a lane without a host, as earlier versions did."""
    job = make_job()
    with closing(sqlite3.connect("jobs.db")) as store:
        store.execute("UPDATE jobs SET lane = 'scripted:one'")
        store.commit()
    return job


@pytest.mark.parametrize("verb", ["resume", "cancel", "retry"])
def test_an_old_job_goes_to_the_account_of_its_name(command: Command, verb: str) -> None:
    """Whatever is asked for; another account at the vendor is no trouble."""
    job = make_old()
    set_accounts(SHOP, '[accounts.other]\nadapter = "scripted"\nname = "two"')

    result = command(verb, *([] if verb == "resume" else [job]))

    assert result.exit_code == (ExitCode.USAGE if verb == "retry" else ExitCode.OK)
    if verb == "retry":
        assert f"job {job} is pending: wait for it" in result.stderr
    assert lane_of(job) == "scripted:127.0.0.1:9:one"


def lane_of(job: str) -> str:
    """Return the lane of a job."""
    with closing(sqlite3.connect("jobs.db")) as store:
        ((lane,),) = store.execute("SELECT lane FROM jobs WHERE job_id = ?", [job])
    return str(lane)


def test_an_old_job_that_may_be_of_two_accounts_is_named(command: Command) -> None:
    """It stays, and the command says what to do."""
    job = make_old()
    set_accounts(SHOP, '[accounts.twin]\nadapter = "scripted"\nbase_url = "http://127.0.0.1:8"')

    result = command("resume")

    assert result.exit_code == ExitCode.UNFINISHED
    assert (
        f"error: job {job} is of an earlier version, which told accounts apart by scripted:one "
        "alone, and it may belong to any of 'shop' (scripted:127.0.0.1:9:one), 'twin' "
        "(scripted:127.0.0.1:8:one); take the others out of the settings to continue it"
    ) in result.stderr
    assert lane_of(job) == "scripted:one"


@pytest.mark.parametrize("verb", ["run", "submit", "resume"])
def test_two_accounts_that_are_one_are_refused_by_name(command: Command, verb: str) -> None:
    """Whichever of them is asked for; nothing is sent."""
    if verb == "resume":
        make_job()
    set_accounts(SHOP, '[accounts.twin]\nadapter = "scripted"\nbase_url = "http://127.0.0.1.:9"')
    Path("items.jsonl").write_text('{"n": 1}\n')

    words = [] if verb == "resume" else ["items.jsonl", "--account", "twin"]
    result = command(verb, *words)

    assert result.exit_code == (ExitCode.UNFINISHED if verb == "resume" else ExitCode.USAGE)
    assert (
        "accounts 'shop' and 'twin' are both scripted:127.0.0.1:9:one, but differ in base_url"
    ) in result.stderr
    assert command("list").exit_code == ExitCode.OK


def test_an_account_that_is_only_compared_is_not_warned_about(command: Command) -> None:
    """A secret in the file is said of the account that is used, not of those beside it."""
    for name, number in (("shop", 1), ("beside", 2)):
        with Path("batchhub.toml").open("a", encoding="utf-8") as file:
            file.write(
                f'[accounts.{name}]\nadapter = "ecwid"\nstore_id = {number}\n'
                f'token = "secret_of_{name}"\n'
            )
    Path("get.jsonl").write_text('{"method": "GET", "path": "/orders/1"}\n')

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        result = command("submit", "get.jsonl", "--account", "shop", "--dry-run")

    assert result.exit_code == ExitCode.OK, result.output
    said = "".join(str(one.message) for one in warned) + result.stderr
    assert "accounts.shop.token is written in" in said
    assert "accounts.beside" not in said


def test_retry_makes_no_job_that_nobody_can_drive(command: Command) -> None:
    """A job of another account is refused."""
    job = make_job(ends=True)
    set_accounts(SHOP + 'name = "two"')

    result = command("retry", job)

    assert result.exit_code == ExitCode.USAGE
    assert (
        f"job {job} belongs to scripted:127.0.0.1:9:one, but account 'shop' is now "
        "scripted:127.0.0.1:9:two" in (result.stderr)
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

    assert "account 'shop' is now scripted:127.0.0.1:9:two" in result.stderr
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
        tally = Tally.of(map(part_of, done), stops=False)
        return Ending(status=evolve(status, tickets=tuple(done), tally=tally))

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

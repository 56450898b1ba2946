"""Accounts that are wrong, changed or were renamed since their jobs were made: one line each."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest
from attrs import evolve
from support.command_jobs import make_job
from support.raw_stores import open_raw
from typer.testing import CliRunner, Result

from batchhub import BatchHub, BatchJob, BatchState, Counts
from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.follow import Ending
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
    with closing(open_raw("jobs.db")) as store:
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
    with closing(open_raw("jobs.db")) as store:
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

"""``--on-complete``: a command of the user's for each job that ends, and what if it fails."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered, scripted_world
from support.statements import on_statements
from support.vendor import Vendor, report_states
from typer.testing import CliRunner, Result

from batchhub import BatchHub, ItemState
from batchhub.cli.app import app
from batchhub.cli.shell.on_complete import PAUSES_S, running_command
from batchhub.cli.shell.options import FollowOptions
from batchhub.testing import FakeClock


def make_jobs(store: Path, count: int, vendor: Vendor | None = None) -> list[str]:
    """Run jobs to their end; return their ids."""

    async def make() -> list[str]:
        async with scripted_world(vendor, store) as world:
            jobs = [await world.hub.submit("shop", numbered(3)) for _ in range(count)]
            for job in jobs:
                await job.wait()
            return [job.id for job in jobs]

    return asyncio.run(make())


def handle(
    store: Path, command: str, jobs: list[str] | None = None, clock: FakeClock | None = None
) -> None:
    """Run a command for what has ended, as ``--on-complete`` does; no time passes."""

    async def run() -> None:
        hub, options = BatchHub(store, clock=clock), FollowOptions(on_complete=command)
        async with hub, running_command(hub, options, jobs, clock=FakeClock()):
            pass

    asyncio.run(run())


def later(delay_s: float) -> FakeClock:
    """Return a clock that is ahead of the one the jobs were made by."""
    clock = FakeClock()
    asyncio.run(clock.advance(86_400.0 + delay_s))
    return clock


def test_the_command_is_run_once_for_each_job(tmp_path: Path) -> None:
    """With facts in its environment and, in full, on its standard input."""
    vendor = Vendor(default_report=report_states(i2=ItemState.FAILED))
    ids = make_jobs(tmp_path / "jobs.db", 2, vendor)
    seen = tmp_path / "seen"
    facts = "$BATCHHUB_JOB $BATCHHUB_ACCOUNT $BATCHHUB_STATE $BATCHHUB_OUTCOME $BATCHHUB_REPEATED"
    command = f'cat > "{tmp_path}/$BATCHHUB_JOB.json"; echo "{facts}" >> {seen}'

    handle(tmp_path / "jobs.db", command)
    handle(tmp_path / "jobs.db", command)

    assert sorted(seen.read_text().splitlines()) == sorted(
        f"{job_id} shop completed partial 0" for job_id in ids
    )
    status = json.loads((tmp_path / f"{ids[0]}.json").read_text())
    assert (status["job_id"], status["counts"]["failed"]) == (ids[0], 1)


def test_programs_get_the_same_events(tmp_path: Path) -> None:
    """The command is a consumer of its own."""
    (job_id,) = make_jobs(tmp_path / "jobs.db", 1)
    handle(tmp_path / "jobs.db", "true")

    async def look() -> list[str]:
        async with BatchHub(tmp_path / "jobs.db") as hub:
            return [event.job_id async for event in hub.events(follow=False)]

    assert asyncio.run(look()) == [job_id]


def test_only_for_the_jobs_it_is_for(tmp_path: Path) -> None:
    """A run reports its own job; the others are for whoever asks for them."""
    first, second = make_jobs(tmp_path / "jobs.db", 2)
    seen = tmp_path / "seen"

    handle(tmp_path / "jobs.db", f"echo $BATCHHUB_JOB >> {seen}", [second])
    assert seen.read_text().split() == [second]

    handle(tmp_path / "jobs.db", f"echo $BATCHHUB_JOB >> {seen}")
    assert seen.read_text().split() == [second, first]


def test_output_goes_to_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output is for results."""
    make_jobs(tmp_path / "jobs.db", 1)

    handle(tmp_path / "jobs.db", "echo mine; echo too >&2")

    out, err = capfd.readouterr()
    assert out == ""
    assert err == "mine\ntoo\n"


def test_a_large_status_is_not_read(tmp_path: Path) -> None:
    """A command that reads nothing ends all the same, whatever is on its standard input."""
    store = tmp_path / "jobs.db"

    async def make() -> None:
        async with scripted_world(store=store) as world:
            await (await world.hub.submit("shop", numbered(900))).wait()

    asyncio.run(make())
    handle(store, f"exec <&-; echo $BATCHHUB_STATE > {tmp_path}/seen")

    assert (tmp_path / "seen").read_text() == "completed\n"


# What fails.


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("echo mine; exit 3", "exited with 3"),
        ("no-such-command", "exited with 127"),
        ("kill -9 $$", "was killed by signal 9"),
        ("x\0y", "can't be started: embedded null byte"),
    ],
)
def test_a_command_that_fails_is_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, problem: str
) -> None:
    """It says which job, what went wrong, and when it is tried again."""
    (job_id,) = make_jobs(tmp_path / "jobs.db", 1)

    handle(tmp_path / "jobs.db", command)

    out, err = capfd.readouterr()
    assert out == ""
    assert (
        f"warning: the command of --on-complete {problem}, for job {job_id}; it is tried again in "
        "1 min, by this command or the next one with --on-complete\n"
    ) in err


def test_a_failed_command_is_tried_again_by_whoever_is_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """After 1, 5 and 25 minutes, whatever jobs they are about; then it is kept as failed."""
    store, seen = tmp_path / "jobs.db", tmp_path / "seen"
    first, second = make_jobs(store, 2)
    command = f"echo $BATCHHUB_REPEATED >> {seen}; false"
    now_s = 0.0
    handle(store, command, [first], later(now_s))

    for pause_s in PAUSES_S:
        handle(store, command, [], later(now_s + pause_s - 1.0))
        runs = len(seen.read_text().split())
        handle(store, command, ["another"], later(now_s + pause_s + 1.0))
        assert len(seen.read_text().split()) == runs + 1
        now_s += pause_s + 1.0
    handle(store, command, [first], later(now_s + 1_000_000.0))

    assert PAUSES_S == (60.0, 300.0, 1500.0)
    assert seen.read_text().split() == ["0", "1", "1", "1"]
    err = capfd.readouterr().err
    assert [f"tried again in {span}" in err for span in ("1 min", "5 min", "25 min")] == [True] * 3
    assert f"for job {first}; it failed 4 times and is not tried again\n" in err

    handle(store, f"echo $BATCHHUB_JOB >> {seen}")
    assert seen.read_text().split()[4:] == [second]


def test_a_command_that_gets_well_is_run_once(tmp_path: Path) -> None:
    """What succeeded is not tried again."""
    store, seen = tmp_path / "jobs.db", tmp_path / "seen"
    make_jobs(store, 1)
    command = f"echo x >> {seen}; test $BATCHHUB_REPEATED = 1"
    handle(store, command, clock=later(0.0))

    for delay_s in (61.0, 400.0, 4_000.0):
        handle(store, command, clock=later(delay_s))

    assert seen.read_text().split() == ["x", "x"]


def test_a_command_has_a_time_limit(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Then it is ended with all it has started, even if it will not."""
    (job_id,) = make_jobs(tmp_path / "jobs.db", 1)
    pids = tmp_path / "pids"
    command = (
        f"trap '' TERM; (trap '' TERM; while :; do sleep 0.01; done) & "
        f"echo $! $$ > {pids}.part; mv {pids}.part {pids}; wait"
    )

    async def run() -> None:
        clock, hub = FakeClock(), BatchHub(tmp_path / "jobs.db")
        async with hub, running_command(hub, FollowOptions(on_complete=command), clock=clock):
            while not pids.exists():  # noqa: ASYNC110  # another process makes it
                await asyncio.sleep(0.001)
            await clock.advance(299.0)
            assert all(is_running(pid) for pid in pids.read_text().split())
            await clock.advance(2.0)
            ticking = asyncio.create_task(tick(clock))
        ticking.cancel()

    try:
        asyncio.run(run())
        while any(is_running(pid) for pid in pids.read_text().split()):
            time.sleep(0.001)
    finally:
        end(pids)
    err = capfd.readouterr().err
    assert f"was ended, as it took longer than 5 min, for job {job_id}; it is tried again" in err


def end(pids: Path) -> None:
    """End what a test has left behind, if it failed."""
    for pid in pids.read_text().split() if pids.exists() else ():
        if is_running(pid):
            os.kill(int(pid), signal.SIGKILL)


async def tick(clock: FakeClock) -> None:
    """Let time pass."""
    while True:
        await clock.advance(1.0)
        await asyncio.sleep(0.001)


def is_running(pid: str) -> bool:
    """Whether a process is there, and not only waits to be forgotten."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_an_interrupted_command_is_ended_and_run_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever interrupts batchhub ends what it has started; the event is not handled."""
    store, pids, seen = tmp_path / "jobs.db", tmp_path / "pids", tmp_path / "seen"
    (job_id,) = make_jobs(store, 1)

    async def run() -> None:
        hub, options = (
            BatchHub(store),
            FollowOptions(on_complete=f"echo $$ > {pids}; exec sleep 99"),
        )
        async with hub, running_command(hub, options, clock=FakeClock()):
            while not pids.exists() or not pids.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(run())
        assert not is_running(pids.read_text().strip())
    finally:
        end(pids)
    err = capfd.readouterr().err
    assert f"warning: the command of --on-complete was interrupted, for job {job_id}; it is" in err
    handle(store, f"echo $BATCHHUB_JOB $BATCHHUB_REPEATED >> {seen}")
    assert seen.read_text().split() == [job_id, "1"]


def test_an_interrupt_while_a_command_is_started_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs already, though nobody was told so."""
    pids = tmp_path / "pids"
    make_jobs(tmp_path / "jobs.db", 1)
    start = asyncio.create_subprocess_shell

    async def run() -> None:
        is_running, may_say = asyncio.Event(), asyncio.Event()

        async def start_slowly(command: str, **options: Any) -> asyncio.subprocess.Process:
            process = await start(command, **options)
            pids.write_text(str(process.pid))
            is_running.set()
            await may_say.wait()
            return process

        monkeypatch.setattr(asyncio, "create_subprocess_shell", start_slowly)
        hub, options = BatchHub(tmp_path / "jobs.db"), FollowOptions(on_complete="exec sleep 99")
        async with hub, running_command(hub, options, clock=FakeClock()):
            await is_running.wait()
            asyncio.get_running_loop().call_soon(may_say.set)
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(run())
        assert not is_running(pids.read_text())
    finally:
        end(pids)


def test_a_store_that_fails_is_a_warning(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The jobs have ended as they have; the events come again."""

    def fail(text: str) -> None:
        if text.startswith("UPDATE deliveries SET claimed_by=?, claimed_at"):
            raise sqlite3.OperationalError("disk I/O error")

    (job_id,) = make_jobs(tmp_path / "jobs.db", 1)
    with on_statements(fail):
        handle(tmp_path / "jobs.db", "echo never")
    assert capfd.readouterr().err.count("warning: --on-complete: store") == 1

    handle(tmp_path / "jobs.db", "echo $BATCHHUB_JOB")
    assert capfd.readouterr().err == f"{job_id}\n"


# At the command line.

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder with an account."""
    monkeypatch.chdir(tmp_path)
    Path("batchhub.toml").write_text('store = "jobs.db"\n[accounts.shop]\nadapter = "scripted"\n')

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


@pytest.mark.parametrize("how", ["true", "exit 7", "kill -9 $$", "no-such-command"])
@pytest.mark.parametrize("verb", ["watch", "resume", "watch JOB"])
def test_it_changes_no_exit_code(command: Command, verb: str, how: str) -> None:
    """Whatever becomes of the command."""
    (job_id,) = make_jobs(Path("jobs.db"), 1)
    run = f"echo $BATCHHUB_JOB >> seen; {how}"

    result = command(*verb.replace("JOB", job_id).split(), "--on-complete", run)

    assert result.exit_code == 0
    assert result.stdout == ""
    assert Path("seen").read_text().split() == [job_id]


def test_it_is_limited_by_an_option(command: Command) -> None:
    """In seconds, of which there must be one."""
    result = command("resume", "--on-complete", "true", "--on-complete-timeout", "0")

    assert result.exit_code == 2
    assert "--on-complete-timeout" in result.stderr


@pytest.mark.parametrize("how", ["", " "])
def test_it_is_a_command(command: Command, how: str) -> None:
    """An empty one would succeed; probably it is a variable that is not set."""
    make_jobs(Path("jobs.db"), 1)

    result = command("resume", "--on-complete", how)

    assert result.exit_code == 2
    assert "it is empty; give a command or omit the option" in result.stderr

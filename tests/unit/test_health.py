"""Which open jobs need a person: held, stuck, unattended; and nobody else."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.hubs import World, numbered, scripted_world
from support.owners import other_process
from support.raw_stores import open_raw
from support.vendor import ScriptedAccount, Vendor, capable
from typer.testing import CliRunner, Result

import batchhub.sync
from batchhub import BatchHub, BatchState
from batchhub._engine.process_lock import Verdict
from batchhub.adapter import Observation
from batchhub.cli.app import app
from batchhub.errors import (
    ConnectError,
    CredentialsError,
    NoAnswerError,
    RateLimitedError,
    ServerError,
    UsageError,
)
from batchhub.models import Health, Problem, Trouble
from batchhub.testing import FakeClock

LANE = ScriptedAccount().lane
RUNNING = Observation(words=("Running",))


def running(**changes: Any) -> Vendor:
    """Make a vendor whose batches do not end."""
    vendor = capable(Vendor(), **changes)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    return vendor


def only(health: Health) -> Problem:
    """Return the one problem there is."""
    [problem] = health.problems
    return problem


@asynccontextmanager
async def reader(world: World, store: Path) -> AsyncIterator[BatchHub]:
    """Open a hub that only reads."""
    async with BatchHub(store, clock=world.clock) as hub:
        yield hub


async def test_nothing_to_do() -> None:
    """No jobs, jobs that have ended, and jobs that are under way are well."""
    async with scripted_world(running()) as world:
        assert (await world.hub.health()).open_jobs == 0
        job = await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        await world.clock.sleep(1500.0)
        health = await world.hub.health()
        assert (health.open_jobs, health.is_well, health.problems) == (1, True, ())
        assert health.checked_at == world.clock.now()
        world.vendor.answer_poll = None
        await job.wait()
        assert (await world.hub.health()).open_jobs == 0


async def test_a_held_job_and_one_behind_it(tmp_path: Path) -> None:
    """Somebody has to decide about the first; the other one names it. Its lane needs nobody."""
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")])), runs_in_order=False)
    store = tmp_path / "jobs.db"
    async with scripted_world(vendor, store) as world:
        first = await world.hub.submit("shop", [{"id": "a", "target": "t"}], deadline_s=1e6)
        second = await world.hub.submit("shop", [{"id": "b", "target": "t"}], deadline_s=1e6)
        assert (await first.wait()).is_held
        assert (await second.wait()).is_held
        await world.clock.sleep(700.0)
        async with reader(world, store) as hub:
            health = await hub.health()
        assert [(p.kind, p.job_id, p.account) for p in health.problems] == [
            (Trouble.HELD, first.id, "shop"),
            (Trouble.HELD, second.id, "shop"),
        ]
        assert "whether the vendor has 1 ticket of it" in health.problems[0].message
        assert f"decision about job {first.id}" in health.problems[1].message
        assert health.has(Trouble.HELD)
        assert not health.has(Trouble.STUCK)
        await first.adopt("found")
        await second.wait()
        assert (await world.hub.health()).is_well


async def test_a_job_that_nobody_drives(tmp_path: Path) -> None:
    """After a while, counted from the last sign of life; a cron job's pause is no trouble."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(running(), store, clock) as world:
        job = await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        await clock.sleep(100.0)
        await world.hub.aclose()
        async with reader(world, store) as hub:
            await clock.sleep(590.0)
            assert (await hub.health()).is_well
            await clock.sleep(30.0)
            problem = only(await hub.health())
            assert (problem.kind, problem.code) == (Trouble.UNATTENDED, "unattended")
            assert (problem.job_id, problem.account) == (job.id, "shop")
            assert problem.message == "no process drives its account"
            assert (clock.now() - problem.since).total_seconds() == pytest.approx(620.0, abs=6.0)
            assert (await hub.health(grace_s=3600.0)).is_well


@pytest.mark.parametrize(
    ("verdict", "later_s", "code"),
    [
        (Verdict.DEAD, 1.0, "unattended"),
        (Verdict.ALIVE, 50.0, None),
        (Verdict.ALIVE, 70.0, "stopped"),
        (Verdict.UNKNOWN, 20.0, None),
        (Verdict.UNKNOWN, 40.0, "unattended"),
    ],
)
async def test_a_process_that_is_gone_or_stands_still(
    tmp_path: Path, verdict: Verdict, later_s: float, code: str | None
) -> None:
    """One that has died is known at once, one that is stopped after a minute; each is named."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(running(), store, clock) as world:
        await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        await clock.sleep(30.0)
        await world.hub.aclose()
        async with other_process(store) as other, reader(world, store) as hub:
            await other.take(LANE, clock.now())
            await clock.sleep(later_s)
            assert hub._opened is not None
            hub._opened.process.judge = lambda _: verdict
            health = await hub.health()
        assert [problem.code for problem in health.problems] == ([] if code is None else [code])
        if code is not None:
            assert "process 4711" in only(health).message


CONTACTS = {
    "paused": (CredentialsError("wrong token"), "paused", "wrong token"),
    "unreachable": (ConnectError("no route"), "unreachable", "no route"),
    "stale": (ServerError("out of order"), "stale", "no useful answer for "),
}


@pytest.mark.parametrize("case", CONTACTS)
async def test_a_vendor_that_is_not_reached(case: str, tmp_path: Path) -> None:
    """Refused or silent at once, useless answers after a while; the reason is the contact's."""
    error, code, why = CONTACTS[case]
    vendor, store = running(), tmp_path / "jobs.db"
    async with scripted_world(vendor, store) as world:
        await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        await world.clock.sleep(60.0)
        vendor.answer_poll = None
        vendor.polls.extend([error] * 1000)
        await world.clock.sleep(200.0)
        async with reader(world, store) as hub:
            soon = [problem.code for problem in (await hub.health()).problems]
            assert soon == ([] if code == "stale" else [code])
            await world.clock.sleep(700.0)
            problem = only(await hub.health())
        assert (problem.kind, problem.code) == (Trouble.STUCK, code)
        assert why in problem.message


@pytest.mark.parametrize(
    ("deadline_s", "driven", "left"),
    [
        (1e6, "the job goes on by itself", "then resume the job"),
        (150.0, "it is asked on, and", "it is asked again once the job is resumed, and"),
    ],
    ids=["unreachable", "overdue"],
)
async def test_a_job_that_nobody_drives_does_not_go_on(
    tmp_path: Path, deadline_s: float, driven: str, left: str
) -> None:
    """Also before it counts as unattended: a command that gave up drives it no more."""
    vendor, store = running(), tmp_path / "jobs.db"
    async with scripted_world(vendor, store) as world:
        await world.hub.submit("shop", numbered(2), deadline_s=deadline_s)
        await world.clock.sleep(60.0)
        if deadline_s == 1e6:
            vendor.answer_poll = None
            vendor.polls.extend([ConnectError("no route")] * 1000)
        await world.clock.sleep(200.0)
        async with reader(world, store) as hub:
            assert driven in only(await hub.health()).advice
        await world.hub.aclose()
        async with reader(world, store) as hub:
            assert left in only(await hub.health()).advice


async def test_a_job_that_is_late() -> None:
    """Past its deadline, whoever drives it."""
    async with scripted_world(running()) as world:
        await world.hub.submit("shop", numbered(2), deadline_s=1000.0)
        await world.clock.sleep(900.0)
        assert (await world.hub.health()).is_well
        await world.clock.sleep(200.0)
        problem = only(await world.hub.health())
        assert (problem.code, problem.message) == (
            "overdue",
            "not finished 17 min after it was submitted",
        )


async def test_a_job_that_makes_no_progress_and_one_that_goes_on() -> None:
    """The finding alone is not enough: it stays when the vendor goes on."""
    vendor = running(stall_s=1000.0)
    async with scripted_world(vendor) as world:
        await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        await world.clock.sleep(4000.0)
        problem = only(await world.hub.health())
        assert (problem.kind, problem.code) == (Trouble.STUCK, "stalled")
        vendor.answer_poll = lambda tickets: [evolve(RUNNING, done=1)]
        await world.clock.sleep(400.0)
        assert (await world.hub.health()).is_well


async def test_many_jobs_are_looked_at_by_pages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each is looked at once; held ones come first, then the oldest."""
    monkeypatch.setattr("batchhub._engine.health._PAGE", 2)
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = running(tickets_per_lane=1000)
    vendor.submits.extend([None, None, None, NoAnswerError("silence"), None])  # type: ignore[list-item]
    async with scripted_world(vendor, store, clock) as world:
        jobs = [await world.hub.submit("shop", [{"id": "a"}], deadline_s=1e9) for _ in range(5)]
        await clock.sleep(60.0)
        assert (await jobs[3].refresh()).state is BatchState.UNCONFIRMED
        await world.hub.aclose()
        await clock.sleep(2000.0)
        async with reader(world, store) as hub:
            health = await hub.health()
    assert health.open_jobs == 5
    assert [p.job_id for p in health.problems] == [jobs[n].id for n in (3, 0, 1, 2, 4)]


@pytest.mark.parametrize(
    "damage", ["state = 'soon'", "created_at = 'then'", "findings = '[{}]'", "deadline_s = 'x'"]
)
async def test_a_job_that_cant_be_read_hides_no_other(tmp_path: Path, damage: str) -> None:
    """It is left out, also where it is the only one of a page."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(running(tickets_per_lane=9), store, clock) as world:
        jobs = [await world.hub.submit("shop", [{"id": "a"}], deadline_s=1e9) for _ in range(3)]
        await clock.sleep(60.0)
        await world.hub.aclose()
        await clock.sleep(2000.0)
        with closing(open_raw(store, autocommit=True)) as other:
            other.execute(f"UPDATE jobs SET {damage} WHERE job_id = ?", (jobs[1].id,))
        async with reader(world, store) as hub:
            health = await hub.health()
    assert [p.job_id for p in health.problems] == [jobs[0].id, jobs[2].id]
    assert health.open_jobs == 2


async def test_a_cancelled_job_is_held_by_nobody(tmp_path: Path) -> None:
    """The decision is made; what is left to do is to drive it."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with scripted_world(vendor, store, clock) as world:
        job = await world.hub.submit("shop", numbered(1))
        await job.wait()
        await world.hub.aclose()
        async with reader(world, store) as hub:
            await (await hub.job(job.id)).cancel()
            assert (await hub.health()).is_well
            await clock.sleep(1000.0)
            assert only(await hub.health()).code == "unattended"


async def test_the_figures_of_what_is_open(tmp_path: Path) -> None:
    """By state and by account; who drives each, and until when it is silent."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = running(tickets_per_lane=9, runs_in_order=False)
    vendor.submits.append(NoAnswerError("silence"))
    async with scripted_world(vendor, store, clock) as world:
        began = clock.now()
        for _ in range(3):
            await world.hub.submit("shop", [{"id": "a"}], deadline_s=1e9)
        await clock.sleep(20.0)
        vendor.answer_poll = None
        vendor.polls.extend([RateLimitedError("slow", retry_after_s=500.0)] * 5)
        await clock.sleep(20.0)
        async with reader(world, store) as hub:
            health = await hub.health()
            assert health.states["unconfirmed"] == 1
            assert sum(health.states.values()) == health.open_jobs == 3
            assert (health.held_tickets, health.stalled_tickets) == (1, 0)
            [account] = health.accounts
            assert (account.account, account.open_jobs) == ("shop", 3)
            assert account.driven_by == f"process {os.getpid()} on {socket.gethostname()}"
            assert account.oldest_at == health.oldest_at
            assert began <= account.oldest_at <= began + timedelta(seconds=5)
            assert account.silent_until is not None
            left_s = (account.silent_until - clock.now()).total_seconds()
            assert left_s == pytest.approx(490.0, abs=12.0)
            await world.hub.aclose()
            [account] = (await hub.health()).accounts
            assert account.driven_by is None
            await clock.sleep(600.0)
            [account] = (await hub.health()).accounts
            assert account.silent_until is None


@pytest.mark.parametrize("grace_s", [-1.0, float("inf"), float("nan")])
async def test_a_grace_that_is_none(grace_s: float) -> None:
    """It is refused."""
    async with scripted_world() as world:
        with pytest.raises(UsageError, match="grace_s must be a number of seconds"):
            await world.hub.health(grace_s=grace_s)


def test_from_a_plain_thread(tmp_path: Path) -> None:
    """The sync hub has it too."""
    with batchhub.sync.BatchHub(tmp_path / "jobs.db", {}) as hub:
        assert hub.health().is_well


# The command.


Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder, with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BATCHHUB_STORE", "jobs.db")
    for name in ("BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["health", *arguments], prog_name="batchhub")

    return call


def leave_jobs(*, held: bool = False) -> list[str]:
    """Leave a job that nobody drives, long ago by the clock, and before it one that is held."""

    async def leave() -> list[str]:
        vendor = running()
        if held:
            vendor.submits.append(NoAnswerError("silence"))
        async with scripted_world(vendor, Path("jobs.db")) as world:
            jobs = [
                await world.hub.submit("shop", [{"id": "a"}], deadline_s=1e9)
                for _ in range(1 + held)
            ]
            await world.clock.sleep(60.0)
            return [job.id for job in jobs]

    return asyncio.run(leave())


def test_the_command_without_a_store(command: Command) -> None:
    """It is well, and said; no store is made."""
    result = command()
    assert (result.exit_code, result.stderr) == (0, "store jobs.db does not exist yet\n")
    assert json.loads(command("--json").stdout)["problems"] == []
    assert not Path("jobs.db").exists()


def test_the_command_of_a_broken_store(command: Command) -> None:
    """A store that can't be read is 4, as for every command."""
    Path("jobs.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    result = command()
    assert result.exit_code == 4
    assert len(result.stderr.splitlines()) == 1
    assert "jobs.db" in result.stderr


def test_the_command_names_what_nobody_drives(command: Command) -> None:
    """Exit code 4: the job, its account, why, and what to do."""
    [job_id] = leave_jobs()
    result = command()
    assert result.exit_code == 4
    assert "unattended" in result.stdout
    assert f"{job_id}  shop" in result.stdout
    assert "no process drives its account" in result.stdout
    assert "batchhub resume" in result.stdout
    assert command("--quiet").stdout == f"unattended {job_id} shop unattended\n"
    assert command("--grace", "3000d").exit_code == 0
    first, header, line = command("--grace", "3000d").stdout.splitlines()
    assert re.fullmatch("all is well; 1 open job: 1 in progress; the oldest .* d old; .*", first)
    assert re.fullmatch(".*; 1 account driven by nobody, shop for .* d", first)
    assert header.split("  ") == ["account", "open", "oldest", "driven by", "silent"]
    assert re.fullmatch(r"shop +1  \d+ d +nobody", line)
    odd = command("--grace", "soon")
    assert (odd.exit_code, "--grace takes a time span" in odd.stderr) == (2, True)


def test_the_command_names_what_is_held_first(command: Command) -> None:
    """Exit code 5, whatever else there is."""
    held_id, job_id = leave_jobs(held=True)
    result = command("--json")
    assert result.exit_code == 5
    health = json.loads(result.stdout)
    assert health["open_jobs"] == 2
    assert [(p["kind"], p["job_id"]) for p in health["problems"]] == [
        ("held", held_id),
        ("unattended", job_id),
    ]
    shown = command()
    assert shown.exit_code == 5
    assert f"batchhub status {held_id}" in shown.stdout


def test_the_command_only_reads(command: Command) -> None:
    """Not a byte of the store changes, so that a store that is read-only can be looked at."""
    leave_jobs()
    with closing(open_raw("jobs.db")) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = list(store.iterdump())
    assert command().exit_code == 4
    with closing(open_raw("jobs.db")) as store:
        assert list(store.iterdump()) == before
    assert not [path for path in Path().rglob("*.lock") if path.stat().st_size]
    Path("jobs.db").chmod(0o400)
    assert command().exit_code == 4

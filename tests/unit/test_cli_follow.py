"""Staying with a job: to its end, and not for ever."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from support.hubs import numbered, scripted_world
from support.patience import PATIENCE_S
from support.quick_loop import run_quickly
from support.vendor import ScriptedAccount, Vendor
from typer.testing import CliRunner

from batchhub import BatchHub, BatchState, BatchStatus, Contact, Counts, Ticket
from batchhub._engine import owner_watch as _owner_watch
from batchhub.adapter import Observation
from batchhub.cli.app import app
from batchhub.cli.shell import follow as _follow
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.follow import Ending, follow, follow_all
from batchhub.cli.shell.options import Patience
from batchhub.errors import CredentialsError, StoreError, WaitTimeoutError
from batchhub.hub import BatchJob
from batchhub_ecwid.sandbox import EcwidSandbox

AT = datetime(2026, 1, 1, tzinfo=UTC)


def make_status(state: BatchState, contact: Contact = Contact.OK) -> BatchStatus:
    """Make a job of one item."""
    counts = Counts(succeeded=1) if state.is_terminal else Counts(pending=1)
    return BatchStatus(
        job_id="j",
        account="shop",
        adapter="ecwid",
        operation="batch",
        contact=contact,
        contact_note=None if contact is Contact.OK else "nobody\nthere",
        tickets=(Ticket(position=1, state=state, counts=counts),),
        created_at=AT,
        updated_at=AT,
    )


QUEUED, DONE = make_status(BatchState.QUEUED), make_status(BatchState.COMPLETED)
LOST_CONTACT = make_status(BatchState.QUEUED, Contact.UNREACHABLE)


class FakeJob:
    """A job whose changes are written down: statuses, seconds to wait, an error to raise."""

    id, needs_worker = "j", False

    def __init__(self, *script: BatchStatus | float | Exception, end: Any = None) -> None:
        self._script = script
        self._end = end
        self.status = QUEUED

    async def watch(self, *, tickets: bool) -> AsyncIterator[BatchStatus]:
        """Play the script."""
        assert not tickets
        for step in self._script:
            if isinstance(step, BatchStatus):
                self.status = step
                yield step
            elif isinstance(step, Exception):
                raise step
            else:
                await asyncio.sleep(step)

    async def wait(self) -> BatchStatus:
        """Return the last status, or raise what ended it."""
        if self._end is not None:
            raise self._end
        return self.status


def play(
    *script: BatchStatus | float | Exception, end: Exception | None = None, **patience: Any
) -> tuple[Ending, Sequence[BatchStatus]]:
    """Follow a job that does what the script says; return its ending and what was shown."""
    shown: list[BatchStatus] = []
    job = cast("BatchJob", FakeJob(*script, end=end))
    return run_quickly(follow(job, Patience(**patience), shown.append)), shown


def test_every_change_is_shown_to_the_end() -> None:
    """A job is followed until it has ended."""
    ending, shown = play(QUEUED, DONE)
    assert shown == [QUEUED, DONE]
    assert (ending.status, ending.error, ending.code) == (DONE, None, ExitCode.OK)


def test_the_time_out_leaves_the_job() -> None:
    """After the time given the job goes on without us."""
    ending, _ = play(QUEUED, 60.0, timeout_s=0.02)
    assert isinstance(ending.error, WaitTimeoutError)
    assert str(ending.error) == "job j is queued after 0.02 s; it can be resumed"
    assert ending.code is ExitCode.UNFINISHED


def test_states_are_told_in_words() -> None:
    """Not as programs spell them."""
    ending, _ = play(make_status(BatchState.IN_PROGRESS), 60.0, timeout_s=0.02)
    assert str(ending.error) == "job j is in progress after 0.02 s; it can be resumed"


def test_silence_is_borne_for_a_while() -> None:
    """Without contact for the time given we give up, and say why."""
    ending, _ = play(QUEUED, LOST_CONTACT, 60.0, contact_timeout_s=0.02)
    assert "no contact with ecwid for 0.02 s (nobody there); it can be resumed" in str(ending.error)
    assert ending.code is ExitCode.UNFINISHED


def test_contact_found_again_starts_the_time_anew() -> None:
    """Only silence without a break counts."""
    broken = (LOST_CONTACT, 0.06, QUEUED, LOST_CONTACT, 0.06, QUEUED, DONE)
    ending, _ = play(*broken, contact_timeout_s=0.1)
    assert ending.status is DONE


def test_silence_counts_from_its_beginning() -> None:
    """A new reason for the silence does not start the time anew."""
    stale = make_status(BatchState.QUEUED, Contact.STALE)
    steps = [step for _ in range(20) for step in (LOST_CONTACT, 0.02, stale, 0.02)]
    ending, _ = play(*steps, DONE, contact_timeout_s=0.1)
    assert isinstance(ending.error, WaitTimeoutError)


def test_errors_are_part_of_the_ending() -> None:
    """What stops a job is kept beside how far it came."""
    ending, _ = play(QUEUED, end=CredentialsError("403"))
    assert (ending.status, ending.code) == (QUEUED, ExitCode.REFUSED)
    ending, _ = play(QUEUED, StoreError("disk"))
    assert (ending.status, ending.code) == (QUEUED, ExitCode.UNFINISHED)


def test_a_held_job_needs_a_decision() -> None:
    """A job that is held is left with its own code."""
    held = make_status(BatchState.UNCONFIRMED)
    ending, _ = play(held)
    assert ending.code is ExitCode.HELD


# Jobs that join.


async def test_jobs_that_come_meanwhile_join(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows all jobs follows, and drives, those that another process submits meanwhile."""
    monkeypatch.setattr(_follow, "JOIN_S", 0.01)
    vendor, store = Vendor(), tmp_path / "jobs.db"
    vendor.polls.extend([Observation(words=("Running",), progress=0.1)] * 3)
    async with scripted_world(vendor, store) as world:
        first = await world.hub.submit("shop", numbered(1))
        known, shown = [first.id], set[str]()

        async def find_new() -> list[BatchJob]:
            if len(known) == 1:
                account = ScriptedAccount(vendor=vendor)
                async with BatchHub(store, {"shop": account}, clock=world.clock) as other:
                    await other.submit("shop", numbered(2))
            new = [job for job in await world.hub.jobs() if job.id not in known]
            known.extend(job.id for job in new)
            return new

        endings = await follow_all(
            world.hub, [first], Patience(), lambda status: shown.add(status.job_id), find_new
        )
    assert [ending.status.job_id for ending in endings] == known
    assert [ending.code for ending in endings] == [ExitCode.OK, ExitCode.OK]
    assert shown == set(known)


async def test_a_store_that_fails_stops_no_one_who_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the look for new jobs fails, those that are followed are followed on."""
    monkeypatch.setattr(_follow, "JOIN_S", 0.01)

    async def find_new() -> list[BatchJob]:
        raise StoreError("locked")

    async with scripted_world(Vendor(), tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(1))
        (ending,) = await follow_all(world.hub, [job], Patience(), lambda _: None, find_new)
    assert ending.code is ExitCode.OK


def test_who_joins_late_waits_no_longer() -> None:
    """--timeout counts from the beginning, also for a job that joined later."""
    assert Patience(timeout_s=10.0).after(7.53) == Patience(timeout_s=2.5)
    assert Patience(timeout_s=10.0).after(10.0) is None
    assert Patience().after(1e9) == Patience()


# Jobs that nobody drives.


def test_watch_of_a_job_nobody_drives_ends_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its account is not in the settings: one line says so, and the error what to do."""
    monkeypatch.setattr(_owner_watch, "LOOK_S", 0.05)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BATCHHUB_STORE", raising=False)

    async def submit() -> str:
        vendor = Vendor(polls=deque([Observation(words=("Running",))] * 99))
        async with scripted_world(vendor, tmp_path / "jobs.db") as world:
            job = await world.hub.submit("shop", numbered(1))
            await job.hand_over()
        return job.id

    job_id = asyncio.run(submit())
    result = CliRunner().invoke(
        app, ["watch", job_id, "--store", "jobs.db", "--contact-timeout", "0.2"]
    )
    assert result.exit_code == ExitCode.UNFINISHED, result.stderr
    lines = result.stderr.splitlines()
    why = "no process drives this account; resume its jobs where it is in the settings"
    assert any("needs account 'shop', complete, in the settings" in line for line in lines)
    assert f"error: job {job_id}: no fresh answer for 0.2 s ({why}); it can be resumed" in lines


# Cool-downs.


async def test_a_job_knows_until_when_its_lane_is_silent(tmp_path: Path) -> None:
    """The driving process tells until when the vendor asked for silence; a reader can't know."""
    store, sandbox = tmp_path / "jobs.db", EcwidSandbox()
    sandbox.set_switch("answer_429", 1)
    sandbox.set_switch("block_s", 120.0)
    items = [{"method": "GET", "path": "/products/1"}]
    async with (
        sandbox.running() as url,
        BatchHub(store, {"shop": sandbox.account(url)}) as hub,
        BatchHub(store) as reader,
        asyncio.timeout(PATIENCE_S),
    ):
        job = await hub.submit("shop", items)
        while (until := job.cooling_until) is None:  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0.01)
        assert 60 < (until - datetime.now(UTC)).total_seconds() <= 120
        assert (await reader.job(job.id)).cooling_until is None

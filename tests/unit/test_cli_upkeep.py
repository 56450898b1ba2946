"""`prune`, and what the commands say of jobs that are held or were repeated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.hubs import numbered, scripted_world
from support.vendor import Vendor, report_states
from typer.testing import CliRunner, Result

from batchhub import ItemState
from batchhub.adapter import Accepted
from batchhub.cli.app import app
from batchhub.errors import NoAnswerError

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def make_jobs(store: Path, count: int, vendor: Vendor | None = None) -> list[str]:
    """Run jobs to their end, or until they are held; return their ids."""

    async def make() -> list[str]:
        async with scripted_world(vendor, store) as world:
            jobs = [await world.hub.submit("shop", numbered(3)) for _ in range(count)]
            for job in jobs:
                await job.wait()
            return [job.id for job in jobs]

    return asyncio.run(make())


def test_prune_forgets_what_ended_long_ago(command: Command) -> None:
    """And says how much; what is younger stays. The scripted clock stands in January 2026."""
    make_jobs(Path("jobs.db"), 2)

    kept = command("prune", "--older-than", "99999d", "--store", "jobs.db")
    gone = command("prune", "--older-than", "1d", "--store", "jobs.db", "--json")
    left = command("list", "--store", "jobs.db", "--json")

    assert kept.exit_code == gone.exit_code == 0
    assert "deleted 0 jobs with 0 items" in kept.stderr
    assert json.loads(gone.stdout)["jobs"] == 2
    assert json.loads(gone.stdout)["items"] == 6
    assert json.loads(left.stdout) == []


def test_prune_takes_time_spans_only(command: Command) -> None:
    """Anything else is refused in one line, before the store is looked for."""
    result = command("prune", "--older-than", "yesterday")

    assert result.exit_code == 2
    assert "--older-than takes a time span such as 30min, 2h or 3d, not 'yesterday'" in (
        result.stderr
    )


def test_prune_makes_no_store(command: Command, tmp_path: Path) -> None:
    """Where there is none, there is nothing to delete."""
    result = command("prune", "--older-than", "30d", "--store", "jobs.db")

    assert result.exit_code == 0
    assert "nothing to delete" in result.stderr
    assert not (tmp_path / "jobs.db").exists()


def test_resume_says_what_is_known_of_a_held_ticket(command: Command) -> None:
    """Which items, when it was sent, under which key, and why nobody can tell."""
    Path("batchhub.toml").write_text('[accounts.shop]\nadapter = "scripted"\n')
    vendor = Vendor()
    vendor.submits.extend([Accepted(vendor_refs=("r1",)), NoAnswerError("cut off")])
    make_held(vendor)

    result = command("resume", "--store", "jobs.db")

    assert result.exit_code == 5
    assert "ticket 2, items 4 to 5:" in result.stderr
    assert "sent 2026-01-01" in result.stderr
    assert f"with the key {vendor.submissions[1].idempotency_key}" in result.stderr
    assert "nobody can tell whether the vendor has it: cut off" in result.stderr


def make_held(vendor: Vendor) -> None:
    """Leave a job of two tickets, the second one held."""

    async def make() -> None:
        async with scripted_world(vendor, Path("jobs.db")) as world:
            await (await world.hub.submit("shop", numbered(5))).wait()

    asyncio.run(make())


def test_a_job_that_was_repeated_names_the_other(command: Command) -> None:
    """Its failed items are not offered to be repeated once more."""

    async def make() -> tuple[str, str]:
        vendor = Vendor(default_report=report_states(i2=ItemState.FAILED))
        async with scripted_world(vendor, Path("jobs.db")) as world:
            job = await world.hub.submit("shop", numbered(3))
            await job.wait()
            assert await job.find_retry() is None
            again = await job.retry()
            await again.wait()
            assert await job.find_retry() == again.id
            assert await job.find_retry(unknown=True) is None
            return job.id, again.id

    job_id, again_id = asyncio.run(make())
    page = command("status", job_id, "--store", "jobs.db").stderr

    assert f"batchhub status {again_id}" in page
    assert f"batchhub retry {job_id}" not in page

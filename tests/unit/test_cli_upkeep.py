"""`prune` and ``--on-complete``: forgetting old jobs, and a command for each that ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.hubs import numbered, scripted_world
from support.vendor import Vendor, report_states
from typer.testing import CliRunner, Result

from batchhub import BatchHub, ItemState
from batchhub.adapter import Accepted
from batchhub.cli.app import app
from batchhub.cli.shell.on_complete import running_command
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


# A command of the user's.


async def tell(store: Path, command: str, jobs: list[str] | None = None) -> None:
    """Run a command for each job that has ended untold."""
    hub = BatchHub(store)
    async with hub, running_command(hub, command, jobs):
        pass


def test_the_command_is_told_of_each_job_once(tmp_path: Path) -> None:
    """By its environment and, in full, on its standard input."""
    vendor = Vendor(default_report=report_states(i2=ItemState.FAILED))
    ids = make_jobs(tmp_path / "jobs.db", 2, vendor)
    seen = tmp_path / "seen"
    facts = "$BATCHHUB_JOB $BATCHHUB_ACCOUNT $BATCHHUB_STATE $BATCHHUB_OUTCOME $BATCHHUB_REPEATED"
    command = f'cat > "{tmp_path}/$BATCHHUB_JOB.json"; echo "{facts}" >> {seen}'

    asyncio.run(tell(tmp_path / "jobs.db", command))
    asyncio.run(tell(tmp_path / "jobs.db", command))

    assert sorted(seen.read_text().splitlines()) == sorted(
        f"{job_id} shop completed partial 0" for job_id in ids
    )
    status = json.loads((tmp_path / f"{ids[0]}.json").read_text())
    assert (status["job_id"], status["counts"]["failed"]) == (ids[0], 1)


def test_only_of_the_jobs_it_is_for(tmp_path: Path) -> None:
    """A run tells of its own job; the others are for whoever asks for them."""
    first, second = make_jobs(tmp_path / "jobs.db", 2)
    seen = tmp_path / "seen"

    asyncio.run(tell(tmp_path / "jobs.db", f"echo $BATCHHUB_JOB >> {seen}", [second]))
    assert seen.read_text().split() == [second]

    asyncio.run(tell(tmp_path / "jobs.db", f"echo $BATCHHUB_JOB >> {seen}"))
    assert seen.read_text().split() == [second, first]


def test_a_command_that_fails_is_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has been told; what it writes is not mixed into standard output."""
    (job_id,) = make_jobs(tmp_path / "jobs.db", 1)

    asyncio.run(tell(tmp_path / "jobs.db", "echo mine; exit 3"))

    out, err = capfd.readouterr()
    assert out == ""
    assert "mine\n" in err
    assert f"warning: the command of --on-complete exited with 3 for job {job_id}" in err


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

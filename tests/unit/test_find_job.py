"""A job is named by its id, its key, `latest`, or the beginning of its id, and never by chance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered, scripted_world
from support.stores import make_chunks, make_job, make_plans, put_job
from support.vendor import ScriptedAccount, Vendor
from typer.testing import CliRunner, Result

from batchhub import BatchHub
from batchhub._store import Store
from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode
from batchhub.errors import NotKnownError, UsageError
from batchhub.testing import FakeClock

Command = Callable[..., Result]


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[BatchHub]:
    """Open a hub that reads a store with these jobs: id, key and lane, oldest first."""
    store = await Store.open(tmp_path / "jobs.db")
    for job_id, key, lane in (
        ("261122-aaaa", "monday", "v:one"),
        ("261122-aabb", "tuesday", "v:one"),
        ("261122-bbbb", "tuesday", "v:two"),
        ("261123-cccc", "261122-aaaa", "v:one"),
        ("261123-dddd", "2611", "v:two"),
        ("1%_-eeee", None, "v:one"),
    ):
        account = lane.removeprefix("v:")
        job = make_job(job_id, key=key, lane=lane, account=account)
        await put_job(store, job, make_plans(1), make_chunks(1))
    await store.aclose()
    async with BatchHub(tmp_path / "jobs.db") as opened:
        yield opened


@pytest.mark.parametrize(
    ("name", "job_id"),
    [
        ("261122-bbbb", "261122-bbbb"),
        ("261122-aaaa", "261122-aaaa"),  # though it is the key of another job
        ("monday", "261122-aaaa"),
        ("2611", "261123-dddd"),  # though other ids begin with it
        ("latest", "1%_-eeee"),
        ("261122-b", "261122-bbbb"),
        ("261123-c", "261123-cccc"),
        ("1%_-", "1%_-eeee"),
    ],
)
async def test_the_first_that_fits_is_meant(hub: BatchHub, name: str, job_id: str) -> None:
    """An id before a key, a key before `latest`, and the beginning of an id last."""
    assert (await hub.find_job(name)).id == job_id


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "tuesday",
            "2 jobs have the key 'tuesday': 261122-bbbb (two), 261122-aabb (one); give the id",
        ),
        (
            "26112",
            (
                "5 ids begin with '26112': 261123-dddd (two), 261123-cccc (one), "
                "261122-bbbb (two), 261122-aabb (one), 261122-aaaa (one); give more of it"
            ),
        ),
        ("", "the name of the job is empty"),
    ],
)
async def test_what_fits_several_is_refused(hub: BatchHub, name: str, message: str) -> None:
    """They are named, so that one can be picked."""
    with pytest.raises(UsageError) as caught:
        await hub.find_job(name)
    assert type(caught.value) is UsageError
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("261", "no job named '261'; give at least 4 characters of its id"),
        ("26112%", "no job named '26112%'"),
        ("Monday", "no job named 'Monday'"),
        ("LATEST", "no job named 'LATEST'"),
        ("monda", "no job named 'monda'"),
        ("\udcff", "no job named '\\udcff'"),
    ],
)
async def test_what_fits_none_is_not_known(hub: BatchHub, name: str, message: str) -> None:
    """Keys are whole, in the case they have; nothing in a name is a pattern."""
    with pytest.raises(NotKnownError) as caught:
        await hub.find_job(name)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", [5, b"monday", ["monday"]], ids=["number", "bytes", "list"])
async def test_a_name_is_text(hub: BatchHub, name: Any) -> None:
    """A number, as of a frame's column, is no name."""
    with pytest.raises(UsageError) as caught:
        await hub.find_job(name)
    assert str(caught.value) == f"the name of a job is text, not {type(name).__name__}"


async def test_of_many_that_fit_five_are_named(tmp_path: Path) -> None:
    """And how many more there are; accounts of one name are told apart by what they are."""
    store = await Store.open(tmp_path / "jobs.db")
    for n in range(7):
        job = make_job(f"261122-{n}", key="k", lane=f"v:{n}", account="shop")
        await put_job(store, job, make_plans(1), make_chunks(1))
    await store.aclose()
    async with BatchHub(tmp_path / "jobs.db") as hub:
        with pytest.raises(UsageError, match=r"7 jobs .*261122-6 \(shop, v:6\), .* and 2 more; "):
            await hub.find_job("k")
        with pytest.raises(UsageError, match=r"7 ids .*261122-6 \(shop\), .*261122-2 .* and 2 mo"):
            await hub.find_job("261122")


async def test_latest_may_be_a_key_and_may_be_none(tmp_path: Path) -> None:
    """A job with the key `latest` has that name; in an empty store it names none."""
    async with BatchHub(tmp_path / "jobs.db") as hub:
        with pytest.raises(NotKnownError, match="the store has no jobs"):
            await hub.find_job("latest")
    async with scripted_world(Vendor(), tmp_path / "jobs.db") as world:
        named = await world.hub.submit("shop", numbered(1), key="latest")
        await world.hub.submit("shop", numbered(1))
        assert (await world.hub.find_job("latest")).id == named.id


async def test_what_was_pruned_or_is_not_whole_has_no_name(tmp_path: Path) -> None:
    """Its key may name a later job, and `latest` is one that is seen."""
    clock = FakeClock()
    async with scripted_world(Vendor(), tmp_path / "jobs.db", clock) as world:
        old = await world.hub.submit("shop", numbered(1), key="night")
        await old.wait()
        await clock.sleep(10)
        await world.hub.prune(5)
        for name in (old.id, "night", old.id[:10], "latest"):
            with pytest.raises(NotKnownError):
                await world.hub.find_job(name)
        new = await world.hub.submit("shop", numbered(2), key="night")
        assert (await world.hub.find_job("night")).id == new.id


# The command.


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command beside a store with a job that has ended, of the key ``night``."""
    monkeypatch.chdir(tmp_path)
    for name in ("BATCHHUB_STORE", "BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    Path("batchhub.toml").write_text('store = "jobs.db"\n[accounts.shop]\nadapter = "scripted"\n')

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def make_night(*, others: bool = False) -> list[str]:
    """Make the job ``night``, and with `others` one of the same key at another account."""

    async def make() -> list[str]:
        accounts = {name: ScriptedAccount(vendor=Vendor(), name=name) for name in ("one", "two")}
        clock = FakeClock()
        hub = BatchHub(Path("jobs.db"), accounts, clock=clock, seed=1)
        async with clock.running(), hub:
            jobs = [
                await hub.submit(name, numbered(2), key="night")
                for name in ("one", "two")[: 2 if others else 1]
            ]
            for job in jobs:
                await job.wait()
            return [job.id for job in jobs]

    return asyncio.run(make())


@pytest.mark.parametrize("verb", ["status", "watch", "results", "retry", "cancel"])
def test_every_command_takes_the_names_of_a_job(command: Command, verb: str) -> None:
    """A key, `latest` and the beginning of an id are as good as the id."""
    (job,) = make_night()
    by_id = command(verb, job)
    for name in ("night", "latest", job[:8]):
        done = command(verb, name)
        assert (done.exit_code, done.stdout) == (by_id.exit_code, by_id.stdout), done.stderr
        shown = f"{name} is job {job} (one)\n" if verb != "status" else ""
        assert done.stderr == shown + by_id.stderr


@pytest.mark.parametrize("verb", ["status", "watch", "results", "retry", "cancel"])
def test_every_command_refuses_a_name_of_two_jobs(command: Command, verb: str) -> None:
    """Both are named with their ids and accounts, and nothing is done."""
    one, two = make_night(others=True)
    for name, what in (("night", "2 jobs have the key 'night'"), (one[:6], "2 ids begin with")):
        done = command(verb, name)
        assert (done.exit_code, done.stdout) == (ExitCode.USAGE, "")
        (line,) = done.stderr.splitlines()
        assert what in line
        assert f"{two} (two), {one} (one)" in line


@pytest.mark.parametrize("verb", ["status", "watch", "results", "retry", "cancel"])
def test_every_command_says_where_to_look_for_a_job(command: Command, verb: str) -> None:
    """In one line, with the store that was named."""
    make_night()
    done = command(verb, "nigh", "--store", "jobs.db")
    assert (done.exit_code, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr == (
        "error: no job named 'nigh'; batchhub list --store jobs.db shows the jobs of the store\n"
    )

"""Where workers drive, all others hand over and watch; that none is there is said in a line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from support.hubs import numbered
from support.patience import PATIENCE_S
from support.sharing import GreedyEngine, sharing
from support.vendor import ScriptedAccount, Vendor
from typer.testing import CliRunner

from batchhub import BatchHub, Contact
from batchhub._base.store_place import find_store_place
from batchhub._engine import owner_watch
from batchhub._store.opening import init_database
from batchhub.cli.app import app
from batchhub.cli.commands import change
from batchhub.cli.shell.exits import ExitCode
from batchhub.errors import UsageError
from batchhub.hub import BatchJob
from batchhub.models import Outcome
from batchhub.testing import FakeClock

_SETTINGS = """
[accounts.shop]
adapter = "ecwid"
store_id = 1003
token = { env = "SHOP_TOKEN" }
base_url = "http://127.0.0.1:9"
"""


@pytest.fixture(params=["file", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return a store that many processes share by shards."""
    if request.param == "file":
        with sharing():
            yield str(tmp_path / "jobs.db")
        return
    url: str = request.getfixturevalue("database_url")
    asyncio.run(init_database(find_store_place(url)))
    yield url


@asynccontextmanager
async def driving(store: str, account: ScriptedAccount, clock: FakeClock) -> AsyncIterator[None]:
    """Have a worker drive whatever it can."""
    async with BatchHub(store, {account.name: account}, clock=clock) as hub:
        task = asyncio.create_task(hub.drive(GreedyEngine(clock)))
        try:
            yield
        finally:
            await hub.aclose()
            with suppress(asyncio.CancelledError):
                await task


async def until_stale(job: BatchJob) -> str:
    """Watch a job until nobody seems to be there; return what is said then."""
    async with asyncio.timeout(PATIENCE_S):
        async for status in job.watch():
            if status.contact is Contact.STALE:
                return status.contact_note or ""
    raise AssertionError("it has ended")


async def test_one_hands_over_and_another_drives(store: str) -> None:
    """Who submits sends nothing, knows who does, and hears of the end."""
    clock, account = FakeClock(), ScriptedAccount(name="shop", vendor=Vendor())
    async with clock.running(), BatchHub(store, {"shop": account}, clock=clock) as hub:
        job = await hub.submit("shop", numbered(3))
        assert job.needs_worker
        assert job.status.counts.pending == 3
        async with driving(store, account, clock):
            status = await asyncio.wait_for(job.wait(), PATIENCE_S)
            assert status.outcome is Outcome.SUCCEEDED
            assert await job.find_absence() is None
            assert "process" in str(await job.find_driver())
            assert await hub.resume() == []


async def test_nobody_there_is_said_until_somebody_is(store: str) -> None:
    """After ten seconds, with what to start; the wait goes on, and ends once a worker drives."""
    clock, account = FakeClock(), ScriptedAccount(name="shop", vendor=Vendor())
    async with clock.running(), BatchHub(store, {"shop": account}, clock=clock) as hub:
        began_s = clock.monotonic()
        job = await hub.submit("shop", numbered(3))
        waiting = asyncio.create_task(job.wait())
        note = await until_stale(job)
        assert "no live worker drives account 'shop'; start one" in note
        assert f"batchhub worker --store {hub.store_name}" in note.replace("'", "")
        assert clock.monotonic() - began_s >= owner_watch.ABSENT_S
        async with driving(store, account, clock):
            status = await asyncio.wait_for(waiting, PATIENCE_S)
        assert (status.outcome, status.contact) == (Outcome.SUCCEEDED, Contact.OK)


async def test_workers_that_lack_the_account_are_told_apart(store: str) -> None:
    """They drive other accounts: what is missing is this one in their settings."""
    clock = FakeClock()
    shop, other = (ScriptedAccount(name=name, vendor=Vendor()) for name in ("shop", "other"))
    async with (
        clock.running(),
        driving(store, other, clock),
        BatchHub(store, {"shop": shop}, clock=clock) as hub,
    ):
        job = await hub.submit("shop", numbered(3))
        assert "no live worker has account 'shop' in its settings" in await until_stale(job)


async def test_a_worker_that_falls_silent_is_missed(store: str) -> None:
    """Its sign of life is ten seconds old: it may be stopped, or its machine gone."""
    clock, account = FakeClock(), ScriptedAccount(name="shop", vendor=Vendor())
    async with clock.running(), BatchHub(store, {"shop": account}, clock=clock) as hub:
        worker = BatchHub(store, {"shop": account}, clock=clock)
        await worker.__aenter__()
        task = asyncio.create_task(worker.drive(GreedyEngine(clock)))
        job = await hub.submit("shop", numbered(3))
        await asyncio.wait_for(job.wait(), PATIENCE_S)
        for each in asyncio.all_tasks():
            if each.get_name() == "batchhub-presence":
                each.cancel()  # it says nothing more
        assert await job.find_driver() is not None
        await clock.sleep(2 * owner_watch.ABSENT_S)
        assert await job.find_driver() is None
        assert await job.find_absence() is not None
        await worker.aclose()
        with suppress(asyncio.CancelledError):
            await task


async def test_who_hands_over_never_drives(store: str) -> None:
    """Not by itself, not by resuming: only an engine says what is to be driven here."""
    clock, account = FakeClock(), ScriptedAccount(name="shop", vendor=Vendor())
    async with clock.running(), BatchHub(store, {"shop": account}, clock=clock) as hub:
        job = await hub.submit("shop", numbered(3))
        resuming = asyncio.create_task(hub.resume())
        await clock.sleep(60.0)
        assert (await job.refresh()).counts.pending == 3
        assert not resuming.done()
        resuming.cancel()
        with pytest.raises(UsageError, match=r"batchhub\.cluster\.Procrastinate"):
            await hub.drive()


# The command.


@pytest.fixture
def cluster(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with settings for a store on PostgreSQL that no worker drives."""
    asyncio.run(init_database(find_store_place(database_url)))
    monkeypatch.setenv("BATCHHUB_STORE", database_url)
    monkeypatch.setenv("SHOP_TOKEN", "secret_abc")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(owner_watch, "LOOK_S", 0.05)
    monkeypatch.setattr(owner_watch, "ABSENT_S", 0.1)
    (tmp_path / "batchhub.toml").write_text(_SETTINGS)
    items = [{"id": f"a{n}", "method": "GET", "path": f"/orders/{n}"} for n in range(3)]
    (tmp_path / "items.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in items))
    return tmp_path


def call(*arguments: str) -> tuple[int, str, str]:
    """Run the command; return its code and what it has written."""
    result = CliRunner().invoke(app, [*arguments])
    return result.exit_code, result.stdout, result.stderr


def test_submit_says_that_a_worker_is_missing(cluster: Path) -> None:
    """The id on standard output, 0, and what to start: the job is kept until then."""
    code, out, err = call("submit", "items.jsonl", "--account", "shop")
    assert code == ExitCode.OK, err
    assert "no live worker drives account 'shop'; start one that has it: batchhub worker" in err
    assert f"follow with: batchhub watch {out.strip()}" in err
    assert "resume" not in err


def test_run_gives_up_where_no_worker_is(cluster: Path) -> None:
    """After the contact time, with 4; the job stays and goes on once a worker comes."""
    code, _, err = call(
        "run", "items.jsonl", "--account", "shop", "--contact-timeout", "0.1", "--key", "k"
    )
    assert code == ExitCode.UNFINISHED, err
    lines = err.splitlines()
    error = next(line for line in lines if line.startswith("error: "))
    assert "no fresh answer for 0.1 s (no live worker drives account 'shop'; start one" in error
    assert error.endswith("; it goes on once a worker drives it")
    assert lines[-1].startswith("follow with: batchhub watch ")
    code, out, _ = call("list", "--json")
    assert [job["state"] for job in json.loads(out)] == ["pending"]


@pytest.mark.parametrize("command", ["resume", "watch"])
def test_following_all_says_so_too(cluster: Path, command: str) -> None:
    """They only watch there, and need no account of their own for that."""
    call("submit", "items.jsonl", "--account", "shop")
    (cluster / "batchhub.toml").unlink()
    code, _, err = call(command, "--contact-timeout", "0.1")
    assert code == ExitCode.UNFINISHED, err
    assert "no live worker drives account 'shop'" in err
    assert "follow with: batchhub resume" in err
    assert "continue with" not in err


def test_cancel_leaves_the_end_to_a_worker(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wish to cancel is in the store; whoever drives the account does it."""
    monkeypatch.setattr(change, "CANCEL_WAIT_S", 0.3)
    job_id = call("submit", "items.jsonl", "--account", "shop")[1].strip()
    code, _, err = call("cancel", job_id)
    assert code == ExitCode.OK, err
    assert "it will be cancelled once a worker drives it" in err
    assert "resume" not in err


def test_what_to_do_next_names_the_worker(cluster: Path) -> None:
    """Not a command that would drive it from here: there is none."""
    job_id = call("submit", "items.jsonl", "--account", "shop")[1].strip()
    code, out, err = call("status", job_id)
    assert code == ExitCode.OK, err
    assert "goes on once a worker drives it  batchhub worker" in err + out
    code, out, err = call("health", "--grace", "0min")
    assert code == ExitCode.UNFINISHED, err
    assert "start 'batchhub worker'" in " ".join((out + err).split())
    assert "resume" not in out + err

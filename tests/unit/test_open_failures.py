"""What has not succeeded in any job: in groups, closed by retries, and written again since."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite
from support.hubs import World, numbered, scripted_world
from support.raw_stores import open_raw
from support.vendor import ScriptedAccount, Vendor, capable
from typer.testing import CliRunner, Result

import batchhub.sync
from batchhub import BatchHub, ItemState
from batchhub._engine import failures as gathering
from batchhub._store import failures as reading
from batchhub.adapter import ItemReport, Report, WireItem
from batchhub.cli.app import app
from batchhub.errors import NoAnswerError, UsageError
from batchhub.hub import BatchJob
from batchhub.models import OpenFailures

FAILED, SUCCEEDED = ItemState.FAILED, ItemState.SUCCEEDED

Outcomes = dict[str, tuple[ItemState, int | None, str | None]]


def report(outcomes: Outcomes) -> Callable[[Sequence[WireItem]], Report]:
    """Report what is said of items by id; the others succeed."""

    def make(items: Sequence[WireItem]) -> Report:
        found = [(item.id, *outcomes.get(item.id, (SUCCEEDED, 200, None))) for item in items]
        return Report(
            items=[
                ItemReport(id=item_id, state=state, code=code, message=message)
                for item_id, state, code, message in found
            ]
        )

    return make


async def run(
    world: World, outcomes: Outcomes, *targets: str, account: str = "shop", **more: Any
) -> BatchJob:
    """Run a job whose items change these things, with the ids i1, i2, …; wait for its end."""
    world.vendor.default_report = report(outcomes)
    items = [{"id": f"i{n}", "target": target} for n, target in enumerate(targets, 1)]
    job = await world.hub.submit(account, items, **more)
    await job.wait()
    return job


def brief(groups: list[OpenFailures]) -> list[tuple[Any, ...]]:
    """Return code, message, count, and how many were written again, of each group."""
    return [(g.code, g.message, g.count, g.written_again) for g in groups]


BAD: Outcomes = {
    "i1": (FAILED, 422, "price of A-1 is odd"),
    "i2": (FAILED, 422, "price of A-2 is odd"),
}


async def test_all_jobs_are_grouped_by_account_code_and_message() -> None:
    """Messages that differ in numbers are one; the largest group is first, the newest job too."""
    async with scripted_world() as world:
        first = await run(world, BAD, "a", "b", "c")
        await world.clock.sleep(3600.0)
        second = await run(
            world, {**BAD, "i3": (FAILED, 500, "oops"), "i4": (FAILED, None, None)}, *"defg"
        )
        groups = await world.hub.failures()
        assert brief(groups) == [
            (422, "price of A-… is odd", 4, 0),
            (500, "oops", 1, 0),
            (None, None, 1, 0),
        ]
        odd, oops, silent = groups
        assert [(e.id, e.job_id) for e in odd.examples] == [
            ("i1", second.id),
            ("i2", second.id),
            ("i1", first.id),
            ("i2", first.id),
        ]
        assert {group.account for group in groups} == {"shop"}
        assert (odd.retry, oops.retry, silent.retry) == ("yours", "vendor's", "vendor's")
        assert odd.first_at < odd.last_at == oops.first_at == oops.last_at
        assert (odd.last_at - odd.first_at).total_seconds() >= 3600.0
        assert json.loads(json.dumps(odd.to_dict()))["examples"][0] == {
            "id": "i1",
            "job_id": second.id,
        }


async def test_unknown_and_not_executed_items_are_failures() -> None:
    """Whatever is no success, with or without the vendor's word."""
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")])), tickets_per_job=2)
    async with scripted_world(vendor) as world:
        outcomes: Outcomes = {"i4": (ItemState.NOT_EXECUTED, None, "not run")}
        world.vendor.default_report = report(outcomes)
        job = await world.hub.submit("shop", numbered(6))
        await job.wait()
        [only] = await world.hub.failures()  # the job is open, and one of its tickets has ended
        assert (only.state, only.count) == (ItemState.NOT_EXECUTED, 1)
        await job.cancel()
        await job.wait()
        groups = await world.hub.failures()
        assert [(g.state, g.count) for g in groups] == [
            (ItemState.UNKNOWN, 3),
            (ItemState.NOT_EXECUTED, 1),
        ]


async def test_a_retry_closes_it_and_its_own_failure_is_open() -> None:
    """The last word of the chain counts; while the retry is under way nothing is said."""
    async with scripted_world() as world:
        job = await run(world, BAD, "a", "b", "c")
        world.vendor.default_report = report({"i2": (FAILED, 409, "taken")})
        again = await job.retry()
        assert await world.hub.failures() == []
        await again.wait()
        [taken] = await world.hub.failures()
        assert brief([taken]) == [(409, "taken", 1, 0)]
        assert [(e.id, e.job_id) for e in taken.examples] == [("i2", again.id)]
        world.vendor.default_report = report({})
        await (await again.retry()).wait()
        assert await world.hub.failures() == []


async def test_what_a_later_job_has_written_is_counted_apart() -> None:
    """With success, the same target, and later: nothing else counts."""
    async with scripted_world() as world:
        await run(world, {}, "a", "b", "c")  # before
        await run(world, {"i1": (FAILED, 422, "odd")}, "a")
        await run(world, {"i1": (FAILED, 422, "odd")}, "b")
        await run(world, {"i1": (FAILED, 422, "odd")}, "c")
        await run(world, {"i1": (FAILED, 500, "oops")}, "b", "x")  # as badly
        await run(world, {}, "c", operation="more")
        assert brief(await world.hub.failures()) == [(422, "odd", 3, 0), (500, "oops", 1, 0)]
        fixed = await run(world, {}, "y", "z", "c", "a")
        groups = await world.hub.failures()
        assert brief(groups) == [(422, "odd", 1, 2), (500, "oops", 1, 0)]
        assert fixed.id not in {example.job_id for example in groups[0].examples}
        await run(world, {}, "b")
        groups = await world.hub.failures()
        assert brief(groups) == [(422, "odd", 0, 3), (500, "oops", 0, 1)]
        assert len(groups[0].examples) == 3


async def test_items_without_a_target_are_never_written_again() -> None:
    """Nobody can tell that a later item was the same."""
    async with scripted_world() as world:
        world.vendor.default_report = report({"i1": (FAILED, 500, "oops")})
        await (await world.hub.submit("shop", numbered(2))).wait()
        world.vendor.default_report = report({})
        await (await world.hub.submit("shop", numbered(2))).wait()
        assert brief(await world.hub.failures()) == [(500, "oops", 1, 0)]


async def test_one_account_s_success_says_nothing_of_another(tmp_path: Path) -> None:
    """Targets are the account's own; a filter by account and by time takes what fits."""
    vendor = Vendor()
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        await run(world, BAD, "a", "b")
        await world.clock.sleep(1.0)
        middle = world.clock.now()
        await world.clock.sleep(1.0)
        other = ScriptedAccount(name="two", vendor=vendor)
        async with BatchHub(tmp_path / "jobs.db", {"web": other}, clock=world.clock, seed=2) as hub:
            elsewhere = World(hub, world.clock, vendor)
            await run(elsewhere, {}, "a", account="web")
            await run(elsewhere, {"i1": (FAILED, 500, "oops")}, "b", account="web")
        groups = await world.hub.failures()
        assert [(g.account, *b) for g, b in zip(groups, brief(groups), strict=True)] == [
            ("shop", 422, "price of A-… is odd", 2, 0),
            ("web", 500, "oops", 1, 0),
        ]
        assert brief(await world.hub.failures(account="web")) == [(500, "oops", 1, 0)]
        assert brief(await world.hub.failures(since=middle)) == [(500, "oops", 1, 0)]
        assert await world.hub.failures(account="nobody") == []
        with pytest.raises(UsageError, match="since must be an aware datetime"):
            await world.hub.failures(since=datetime(2026, 1, 1))  # noqa: DTZ001  # what is tried


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_many_are_read_by_chunks(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few are read at once, each is counted once, and found if it was written again."""
    monkeypatch.setattr(reading, "PAGE", size)
    monkeypatch.setattr(reading, "_TICKETS", size)
    monkeypatch.setattr(gathering, "_AT_ONCE", size)
    async with scripted_world() as world:
        all_bad: Outcomes = {f"i{n}": (FAILED, 422, f"odd {n}") for n in range(1, 9)}
        await run(world, all_bad, *"abcdefgh")
        await run(world, all_bad, *"ijkl")
        await run(world, {"i2": (FAILED, 422, "odd 9")}, *"aip")
        for target in "bcz":
            await run(world, {}, target)
        assert brief(await world.hub.failures()) == [(422, "odd …", 10, 3)]


async def test_many_messages_are_one_group_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and no item is left out of the count."""
    monkeypatch.setattr(gathering, "MOST_GROUPS", 2)
    async with scripted_world() as world:
        outcomes: Outcomes = {f"i{n}": (FAILED, 400, "x" * n) for n in range(1, 7)}
        await run(world, outcomes, *"abcdef")
        groups = await world.hub.failures()
        assert sorted(brief(groups)) == [(400, "x", 1, 0), (400, "xx", 1, 0), (400, "…", 4, 0)]


async def test_pruned_jobs_are_gone() -> None:
    """What is deleted is no failure any more."""
    async with scripted_world() as world:
        await run(world, BAD, "a", "b")
        await world.clock.sleep(10.0)
        await world.hub.prune(5.0)
        assert await world.hub.failures() == []


async def test_the_index_of_open_failures_is_used(tmp_path: Path) -> None:
    """Results that succeeded are not looked at: there may be millions."""

    async with scripted_world(store=tmp_path / "jobs.db") as world:
        await run(world, BAD, "a", "b")
    text = str(reading._OPEN.compile(dialect=sqlite.dialect(paramstyle="named")))
    with closing(open_raw(tmp_path / "jobs.db")) as store:
        plan = store.execute(
            f"EXPLAIN QUERY PLAN {text}", {"this_job": 1, "after": 0, "most": 9, "param_1": 9}
        ).fetchall()
    assert any("ix_results_open_failures" in row[3] for row in plan), plan


def test_from_a_plain_thread(tmp_path: Path) -> None:
    """The sync hub has it too."""
    with batchhub.sync.BatchHub(tmp_path / "jobs.db", {}) as hub:
        assert hub.failures() == []


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
        return CliRunner().invoke(app, ["failures", *arguments], prog_name="batchhub")

    return call


async def fill_store() -> list[str]:
    """Make a store with two groups of failures, one of which was written again; return the ids."""
    async with scripted_world(store=Path("jobs.db")) as world:
        first = await run(world, BAD, "a", "b")
        second = await run(world, {"i1": (FAILED, 500, "oops")}, "c")
        await run(world, {}, "c")
        return [first.id, second.id]


def test_the_command_shows_them(command: Command) -> None:
    """A line a group, those that were written again with --all only, and how to go on."""
    first, second = asyncio.run(fill_store())
    shown = command()
    assert shown.exit_code == 0
    assert [line.split()[:4] for line in shown.stdout.splitlines()] == [
        ["items", "account", "state", "code"],
        ["2", "shop", "failed", "422"],
    ]
    assert f"price of A-… is odd  i1, i2 ({first})" in shown.stdout
    assert shown.stderr.splitlines() == [
        "items with code 422 fail again as they are: change them first",
        "1 more item written again by later jobs (--all shows them)",
    ]
    everything = command("--all")
    assert f"i1 ({second})" in everything.stdout
    assert "retry the newest" not in everything.stderr
    assert "(--all shows them)" not in everything.stderr
    assert command("--quiet").stdout == "2 shop failed 422\n"


@pytest.mark.sqlite_only("shows a file as it was given")
def test_the_command_names_the_newest_job_that_a_retry_helps(command: Command) -> None:
    """Not one whose items fail again as they are, or were written again."""

    async def fail() -> str:
        async with scripted_world(store=Path("jobs.db")) as world:
            passing = await run(world, {"i1": (FAILED, 503, "busy")}, "a")
            await run(world, BAD, "b", "c")
            await run(world, {"i1": (FAILED, 500, "oops")}, "d")
            await run(world, {}, "d")
            return passing.id

    job_id = asyncio.run(fail())
    for arguments in ((), ("--all",)):
        last = command(*arguments).stderr.splitlines()[-1]
        assert last == f"  retry the newest  batchhub retry {job_id} --store jobs.db"


@pytest.mark.sqlite_only("shows a file as it was given")
def test_a_retry_of_unknown_items_is_named_with_what_it_needs(command: Command) -> None:
    """Without its option it would leave them all out."""

    async def fail() -> str:
        async with scripted_world(store=Path("jobs.db")) as world:
            return (await run(world, {"i1": (ItemState.UNKNOWN, None, "busy")}, "a")).id

    job_id = asyncio.run(fail())
    assert command().stderr.splitlines()[-1] == (
        f"  retry the newest; may run twice  batchhub retry {job_id} --unknown --store jobs.db"
    )


def test_the_command_as_json(command: Command) -> None:
    """The groups as the library has them."""
    first, _ = asyncio.run(fill_store())
    [group] = json.loads(command("--json").stdout)
    assert (group["account"], group["code"], group["count"]) == ("shop", 422, 2)
    assert group["examples"][0] == {"id": "i1", "job_id": first}
    assert len(json.loads(command("--json", "--all").stdout)) == 2
    assert json.loads(command("--json", "--since", "1min").stdout) == []


@pytest.mark.sqlite_only("a file that is not there")
def test_the_command_finds_nothing(command: Command) -> None:
    """No store, none open, an account that is not there, and a time that is none: one line each."""
    assert command().stderr == "store jobs.db does not exist yet\n"
    assert json.loads(command("--json").stdout) == []
    assert not Path("jobs.db").exists()

    async def succeed() -> None:
        async with scripted_world(store=Path("jobs.db")) as world:
            await run(world, {}, "a")

    asyncio.run(succeed())
    assert command().stderr == "no open failures in jobs.db\n"
    unknown = command("--account", "shp")
    assert (unknown.exit_code, unknown.stderr) == (
        2,
        "error: no account named 'shp'; known: shop\n",
    )
    assert command("--account", "shop").exit_code == 0
    odd = command("--since", "yesterdayish")
    assert odd.exit_code == 2
    assert "--since takes a time span" in odd.stderr

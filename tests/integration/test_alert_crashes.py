"""Processes that look for alerts, killed at every step: each change is told, with one id."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.alerting import Receiver, receiving
from support.crash_lab import KILLED, Lab
from support.crashing import ALERT, Plan
from support.patience import PATIENCE_S
from support.stores import add_job, end_all

from batchhub._store import Store
from batchhub.models import ItemState

RULE = ("oldest_open", "shop")


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        await asyncio.sleep(0.01)


async def all_marked(path: Path) -> bool:
    """Whether the store knows of every message that it was taken."""
    store = await Store.open(path)
    try:
        return all(each.taken_at for each in await store.alerts.deliveries())
    finally:
        await store.aclose()


async def look(lab: Lab, path: Path, receiver: Receiver, plan: Plan) -> None:
    """Run a process that looks for alerts, until it is killed as planned."""
    running = lab.start(path.parent, ALERT, str(path), receiver.url, plan=plan)
    with closing(running):
        assert (await asyncio.to_thread(running.wait)).code == KILLED


async def look_until(lab: Lab, path: Path, receiver: Receiver, number: int) -> None:
    """Run a process that looks for alerts, until so many messages are told and marked."""
    with closing(lab.start(path.parent, ALERT, str(path), receiver.url)) as running:
        await until(lambda: len(receiver.ids) >= number)
        end_s = time.monotonic() + PATIENCE_S
        while not await all_marked(path):
            assert time.monotonic() < end_s
        await asyncio.to_thread(running.kill)


@pytest.mark.parametrize(
    ("at", "nth", "repeats"),
    [
        *[(name, nth, 0) for name in ("commit.begun", "commit.done") for nth in (1, 3, 4)],
        ("alert.kept", 1, 0),
        ("alert.sent", 1, 1),
    ],
)
async def test_alerts_killed_at_a_step(
    lab: Lab, tmp_path: Path, at: str, nth: int, repeats: int
) -> None:
    """What fires and what recovers is told by whoever comes next, and a repeat has its id."""
    path = tmp_path / "jobs.db"
    store = await Store.open(path)
    job = await add_job(store, 1, created_at=datetime.now(UTC) - timedelta(hours=1))
    plan = Plan(at=at, nth=nth)
    try:
        async with receiving() as receiver:
            await look(lab, path, receiver, plan)
            await look_until(lab, path, receiver, 1)
            await end_all(store, job.job_id, ItemState.SUCCEEDED)
            await look(lab, path, receiver, plan)
            await look_until(lab, path, receiver, 2)
    finally:
        await store.aclose()
    assert receiver.told == [("firing", *RULE), ("recovered", *RULE)]
    assert len(receiver.messages) - len(receiver.ids) <= 2 * max(repeats, at == "commit.begun")
    assert len(receiver.messages) - len(receiver.ids) >= 2 * repeats
    assert len(set(receiver.data)) == len(receiver.ids)

"""A stand-in of a vendor that answers at once, with the results, and takes its time over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiohttp
import pytest
from support.calls import Answer, send

from batchhub.adapter import Account
from batchhub.models import BatchItem
from batchhub.sandbox import AnswerError, Batch, Call, Item, Sandbox, route
from batchhub.testing import FakeClock

LOGIN = {"Authorization": "basic bmFtZTphOmI="}


class AtOnceSandbox(Sandbox):
    """Runs what it is sent, waits as long as that takes, and answers with what came of it."""

    def __init__(self, *, clock: FakeClock) -> None:
        super().__init__(clock=clock)
        self.has_run = asyncio.Event()

    def account(self, base_url: str) -> Account:
        raise NotImplementedError

    def demo_items(self, count: int) -> Iterable[BatchItem]:
        return []

    def admits(self, call: Call) -> bool:
        if call.basic is None:
            raise AnswerError(403, {"code": "no_login"})
        return call.basic == ("name", "a:b")

    @route("POST", "/batch", verb="submit")
    async def take(self, call: Call) -> list[int]:
        batch = self.batches.run_now(Batch(items=[Item(id=name) for name in call.json()]))
        await self.clock.sleep(self.switches.item_time_s * len(batch.items))
        return [outcome.status for outcome in batch.outcomes.values()]

    def run_item(self, batch: Batch, item: Item) -> None:
        self.has_run.set()
        if item.id == "wrong":
            raise self.refuse(409)


@pytest.fixture
def sandbox(clock: FakeClock) -> AtOnceSandbox:
    return AtOnceSandbox(clock=clock)


@pytest.fixture
async def url(sandbox: AtOnceSandbox) -> AsyncIterator[str]:
    async with sandbox.running() as url:
        yield url


async def post(session: aiohttp.ClientSession, url: str, *names: str, **kwargs: Any) -> Answer:
    return await send(
        session, "POST", f"{url}/batch", **{"json": names, "headers": LOGIN, **kwargs}
    )


async def test_results_come_with_the_answer(
    sandbox: AtOnceSandbox, clock: FakeClock, session: aiohttp.ClientSession, url: str
) -> None:
    """All items ran when the call came; the answer comes when their time has passed."""
    sandbox.switches.item_time_s = 5.0
    async with clock.running():
        answer = await post(session, url, "a", "wrong", "b")
    assert answer.json == [200, 409, 200]
    assert clock.monotonic() == 15.0
    assert [(run.item_id, run.status) for run in sandbox.executions] == [
        ("a", 200),
        ("wrong", 409),
        ("b", 200),
    ]
    assert len({run.ticket for run in sandbox.executions} - {None}) == 1
    assert [*sandbox.batches] == []


async def test_faults_of_submits_and_items(
    sandbox: AtOnceSandbox, clock: FakeClock, session: aiohttp.ClientSession, url: str
) -> None:
    """The usual faults strike a vendor that takes its time as they do any other."""
    sandbox.switches.item_time_s = 0.0
    sandbox.switches.item_fails = 1
    assert (await post(session, url, "a", "b")).json == [400, 200]
    sandbox.switches.submit_5xx = 1
    sandbox.switches.submit_5xx_executes = True
    assert (await post(session, url, "c")).status == 500
    sandbox.switches.lost_submit_answers = 1
    with pytest.raises(aiohttp.ClientConnectionError):
        await post(session, url, "d")
    assert [run.item_id for run in sandbox.executions] == ["a", "b", "c", "d"]


async def test_who_hangs_up_undoes_nothing(
    sandbox: AtOnceSandbox, clock: FakeClock, session: aiohttp.ClientSession, url: str
) -> None:
    """A client that waits no longer has had its items run all the same."""
    sandbox.switches.item_time_s = 3600.0
    waiting = asyncio.create_task(post(session, url, "a"))
    await sandbox.has_run.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(sandbox.executions) == 1


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 403),
        ({"Authorization": "Basic !"}, 403),
        ({"Authorization": "Basic /w=="}, 403),
        ({"Authorization": "Bearer x"}, 403),
        (LOGIN, 200),
        ({"Authorization": "Basic bmFtZTph"}, 401),
    ],
)
async def test_basic(
    session: aiohttp.ClientSession, url: str, header: dict[str, str], status: int
) -> None:
    """A name and a password are read; `admits` may say by itself what is wrong with them."""
    answer = await post(session, url, headers=header)
    assert answer.status == status
    assert status != 403 or answer.json == {"code": "no_login"}

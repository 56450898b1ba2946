"""Jobs go on in the copy of their store: each batch is sent once, and what was held stays so."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from support.copying import make_target
from support.hubs import numbered, results_of
from support.sharing import GreedyEngine
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, BatchState, Outcome
from batchhub._copying import copy_store
from batchhub.adapter import Observation, TicketRef
from batchhub.errors import NoAnswerError
from batchhub.testing import FakeClock


class SlowVendor(Vendor):
    """A vendor that takes its time, until it is told to be done."""

    is_done = False

    def answer(self, tickets: Sequence[TicketRef]) -> list[Observation]:
        """Return what it says of tickets."""
        return [Observation(words=("Done" if self.is_done else "Running",)) for _ in tickets]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_jobs_go_on_in_the_copy(tmp_path: Path, database_url: str, kind: str) -> None:
    """One is held, one is at the vendor, one was not sent: each batch is sent once, no more."""
    vendor = SlowVendor(submits=deque([NoAnswerError("silence")]))
    vendor.answer_poll = vendor.answer
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    source, clock = tmp_path / "jobs.db", FakeClock()
    async with clock.running():
        async with BatchHub(source, accounts, clock=clock, seed=1) as hub:
            held = await hub.submit("shop", numbered(2), options={"parallel": 1}, label="held")
            assert (await held.wait()).state is BatchState.UNCONFIRMED
            sent = await hub.submit("shop", numbered(7), label="sent")
            while len(vendor.submissions) < 4:
                await clock.sleep(1.0)
            await clock.sleep(5.0)
        async with BatchHub(source, accounts, clock=clock, drives=False) as hub:
            waiting = await hub.submit("shop", numbered(3), label="waiting", key="once")
        target = await make_target(kind, tmp_path, database_url)
        await copy_store(str(source), target)
        vendor.is_done = True
        async with AsyncExitStack() as stack:
            hub = await stack.enter_async_context(BatchHub(target, accounts, clock=clock, seed=2))
            engine = GreedyEngine(clock) if kind == "postgres" else None
            driving = asyncio.create_task(hub.drive(engine))
            for job_id, items in ((sent.id, 7), (waiting.id, 3)):
                job = await hub.job(job_id)
                assert (await job.wait()).outcome is Outcome.SUCCEEDED
                assert len(await results_of(job)) == items
            again = await hub.submit("shop", numbered(3), label="waiting", key="once")
            assert again.id == waiting.id
            assert (await (await hub.job(held.id)).refresh()).state is BatchState.UNCONFIRMED
            driving.cancel()
            with suppress(asyncio.CancelledError):
                await driving
    keys = Counter(each.idempotency_key for each in vendor.submissions)
    assert set(keys.values()) == {1}
    assert len(keys) == 1 + 3 + 1

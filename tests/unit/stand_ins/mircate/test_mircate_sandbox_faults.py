"""The Mircate stand-in misbehaves as it is told to."""

from __future__ import annotations

import aiohttp
import pytest
from support.mircate_calls import (
    PRICE,
    Caller,
    prices,
)

from batchhub.testing import FakeClock
from batchhub_mircate.sandbox import MircateSandbox


class TestFaults:
    async def test_lost_submit_answers(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A submit whose answer is lost has run; sent again, it runs again."""
        sandbox.switches.lost_submit_answers = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.submit(prices(2))
        assert [(e.method, e.status) for e in sandbox.journal] == [("POST", 0)]
        await call.submit(prices(2))
        await clock.advance(10.0)
        assert len(sandbox.executions) == 4

    async def test_busy(self, call: Caller, sandbox: MircateSandbox, clock: FakeClock) -> None:
        """A busy instance answers 570 to any call and has not run it."""
        sandbox.switches.busy_570 = 2
        answers = [await call("POST", PRICE, json={"products": prices(1)}) for _ in range(3)]
        assert [answer.status for answer in answers] == [570, 570, 200]
        sandbox.switches.busy_570 = 1
        assert (await call.ask("x")).status == 570
        await clock.advance(10.0)
        assert len(sandbox.executions) == 1

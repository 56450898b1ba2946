"""The Mircate stand-in misbehaves as it is told to."""

from __future__ import annotations

import json

import aiohttp
import pytest
from support.mircate_calls import (
    NOT_FOUND,
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

    async def test_cut_before_submit(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A submit that is cut before it is looked at has run nothing."""
        sandbox.switches.cut_before_submit = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.submit(prices(2))
        await clock.advance(10.0)
        assert sandbox.executions == []
        await call.submit(prices(2))

    @pytest.mark.parametrize("executes", [True, False])
    async def test_submit_5xx(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock, executes: bool
    ) -> None:
        """A submit answered 500 has run or not, as the switch and the journal say."""
        sandbox.switches.submit_5xx = 1
        sandbox.switches.submit_5xx_executes = executes
        assert (await call("POST", PRICE, json={"products": prices(2)})).status == 500
        await clock.advance(10.0)
        assert len(sandbox.executions) == (2 if executes else 0)
        assert sandbox.journal[0].note == ("executed" if executes else "not executed")

    async def test_busy(self, call: Caller, sandbox: MircateSandbox, clock: FakeClock) -> None:
        """A busy instance answers 570 to any call and has not run it."""
        sandbox.switches.busy_570 = 2
        answers = [await call("POST", PRICE, json={"products": prices(1)}) for _ in range(3)]
        assert [answer.status for answer in answers] == [570, 570, 200]
        sandbox.switches.busy_570 = 1
        assert (await call.ask("x")).status == 570
        await clock.advance(10.0)
        assert len(sandbox.executions) == 1

    async def test_status_troubles(self, call: Caller, sandbox: MircateSandbox) -> None:
        """Status calls can be cut, answered 5xx, or answered 404; then all is well again."""
        batch_id = await call.submit(prices(1))
        sandbox.switches.cut_polls = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.ask(batch_id)
        sandbox.switches.answer_5xx = 3
        sandbox.switches.forget_batches = 1
        answers = [await call.ask(batch_id) for _ in range(5)]
        assert [answer.status for answer in answers] == [500, 502, 503, 404, 200]
        assert answers[3].json == NOT_FOUND

    async def test_html_error(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A proxy's page is HTML of any status, and nothing runs."""
        sandbox.switches.html_error = 2
        for status in (502, 200):
            sandbox.switches.html_error_status = status
            answer = await call("POST", PRICE, json={"products": prices(1)})
            assert answer.status == status
            assert answer.headers["Content-Type"].startswith("text/html")
        await clock.advance(10.0)
        assert sandbox.executions == []

    async def test_cut_json(self, call: Caller, sandbox: MircateSandbox, clock: FakeClock) -> None:
        """An answer whose JSON breaks off is whole to HTTP; its submit has run."""
        sandbox.switches.cut_json = 1
        answer = await call("POST", PRICE, json={"products": prices(1)})
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == len(answer.text)
        with pytest.raises(ValueError):
            json.loads(answer.text)
        await clock.advance(1.0)
        assert len(sandbox.executions) == 1

    async def test_answer_delay(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """An answer is held back for so many seconds of the clock."""
        sandbox.switches.answer_delay_s = 30.0
        async with clock.running():
            await call.submit(prices(1))
        assert clock.monotonic() == 30.0

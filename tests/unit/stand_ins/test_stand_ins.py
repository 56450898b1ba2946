"""What holds for every stand-in: its faults, its chance, its journal, its account."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from support.callers import make_caller
from support.calls import Caller
from support.stand_ins import STAND_INS
from yarl import URL

from batchhub.sandbox import Sandbox
from batchhub.testing import FakeClock


class _Misspelling:
    """A session that adds a parameter to each of its calls."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def request(self, method: str, url: str | URL, **kwargs: Any) -> Any:
        params = {**(kwargs.pop("params", None) or {}), "lmit": "1"}
        url = URL(url, encoded=True) if isinstance(url, str) else url
        return self._session.request(method, url.extend_query(params), **kwargs)


each_vendor = pytest.mark.parametrize("vendor", [*STAND_INS])
"""Those without a caller too."""


class TestFaults:
    async def test_lost_submit_answers(
        self, call: Caller, sandbox: Sandbox, clock: FakeClock
    ) -> None:
        """A submit whose answer is lost has run."""
        sandbox.switches.lost_submit_answers = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.submit(call.prices(2))
        assert [(e.method, e.status) for e in sandbox.journal] == [("POST", 0)]
        await clock.advance(10.0)
        assert len(sandbox.executions) == 2

    async def test_cut_before_submit(
        self, call: Caller, sandbox: Sandbox, clock: FakeClock
    ) -> None:
        """A submit that is cut before it is looked at has run nothing."""
        sandbox.switches.cut_before_submit = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.submit(call.prices(2))
        await clock.advance(10.0)
        assert sandbox.executions == []
        await call.submit(call.prices(2))

    @pytest.mark.parametrize("executes", [True, False])
    async def test_submit_5xx(
        self, call: Caller, sandbox: Sandbox, clock: FakeClock, executes: bool
    ) -> None:
        """A submit answered 500 has run or not, as the switch and the journal say."""
        sandbox.switches.submit_5xx = 1
        sandbox.switches.submit_5xx_executes = executes
        assert (await call.post(call.prices(2))).status == 500
        await clock.advance(10.0)
        assert len(sandbox.executions) == (2 if executes else 0)
        assert sandbox.journal[0].note == ("executed" if executes else "not executed")

    async def test_troubled_polls(self, call: Caller, sandbox: Sandbox) -> None:
        """Status calls can be cut, answered 5xx, or answered 404; then all is well again."""
        batch = await call.submit(call.prices(1))
        sandbox.switches.cut_polls = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.ask(batch)
        sandbox.switches.answer_5xx = 3
        sandbox.switches.forget_tickets = 1
        answers = [await call.ask(batch) for _ in range(5)]
        assert [answer.status for answer in answers] == [500, 502, 503, 404, 200]
        assert answers[3].json == (await call.ask("unknown")).json

    async def test_html_error(self, call: Caller, sandbox: Sandbox, clock: FakeClock) -> None:
        """A proxy's page is HTML of any status, and nothing runs."""
        sandbox.switches.html_error = 2
        for status in (502, 200):
            sandbox.switches.html_error_status = status
            answer = await call.post(call.prices(1))
            assert answer.status == status
            assert answer.headers["Content-Type"].startswith("text/html")
        await clock.advance(10.0)
        assert sandbox.executions == []

    async def test_cut_json(self, call: Caller, sandbox: Sandbox, clock: FakeClock) -> None:
        """An answer whose JSON breaks off is whole to HTTP; its submit has run."""
        sandbox.switches.cut_json = 1
        answer = await call.post(call.prices(1))
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == len(answer.text)
        with pytest.raises(ValueError):
            json.loads(answer.text)
        await clock.advance(1.0)
        assert len(sandbox.executions) == 1

    async def test_answer_delay(self, call: Caller, sandbox: Sandbox, clock: FakeClock) -> None:
        """An answer is held back for that many seconds of the clock."""
        sandbox.switches.answer_delay_s = 30.0
        async with clock.running():
            await call.submit(call.prices(1))
        assert clock.monotonic() == 30.0

    async def test_unknown_parameter(
        self, call: Caller, sandbox: Sandbox, session: aiohttp.ClientSession
    ) -> None:
        """With the switch `strict` a parameter that a call does not have is refused by name."""
        batch = await call.submit(call.prices(1))
        tracing = make_caller(_Misspelling(session), sandbox, call.url)  # type: ignore[arg-type]
        sandbox.switches.strict = True
        assert (await call.ask(batch)).status == 200
        ran = len(sandbox.executions)
        for answer in (await tracing.ask(batch), await tracing.post(call.prices(1))):
            assert answer.status == 400
            assert "lmit" in answer.text
        assert len(sandbox.executions) == ran
        sandbox.switches.strict = False
        assert (await tracing.ask(batch)).status == 200

    async def test_revoked_credentials(self, call: Caller, sandbox: Sandbox) -> None:
        """Credentials are refused after some calls, and taken again when the switch is set back."""
        batch = await call.submit(call.prices(1))
        sandbox.switches.revoke_after = 2
        refused = sandbox.switches.unauthorized_status
        assert [(await call.ask(batch)).status for _ in range(4)] == [200, 200, refused, refused]
        sandbox.switches.revoke_after = -1
        assert (await call.ask(batch)).status == 200


class TestSandbox:
    @each_vendor
    def test_every_rate_has_its_times(self, sandbox: Sandbox) -> None:
        """A rate belongs to the switch it is named after."""
        names = {info.name for info in sandbox.describe_switches()}
        assert {n.removesuffix("_rate") for n in names if n.endswith("_rate")} <= names

    async def test_same_seed_same_story(
        self, vendor: str, kind: Callable[..., Sandbox], session: aiohttp.ClientSession
    ) -> None:
        """The same calls get the same answers from a sandbox with the same seed."""

        async def tell(seed: int) -> list[Any]:
            clock = FakeClock()
            sandbox = kind(clock=clock, seed=seed)
            sandbox.change_switches({"answer_5xx_rate": 0.4, **STAND_INS[vendor].chance})
            async with sandbox.running() as url:
                call = make_caller(session, sandbox, url)
                batch = await call.submit(call.prices(10))
                await clock.advance(10.0)
                return [batch, *[(await call.ask(batch)).text for _ in range(9)]]

        assert await tell(7) == await tell(7)
        assert await tell(7) != await tell(8)

    async def test_state_survives_a_stop(
        self, sandbox: Sandbox, session: aiohttp.ClientSession, clock: FakeClock
    ) -> None:
        """A sandbox that is stopped and started is a vendor that was away: it forgot nothing."""
        async with sandbox.running() as url:
            call = make_caller(session, sandbox, url)
            batch = await call.submit(call.prices(2))
        await clock.advance(2.0)
        async with sandbox.running() as url:
            assert (await make_caller(session, sandbox, url).ask(batch)).status == 200
        assert {execution.ticket for execution in sandbox.executions} == {batch}

    @each_vendor
    def test_demo_items(self, sandbox: Sandbox) -> None:
        """Demo items have unique ids and are the same each time."""
        items = [*sandbox.demo_items(200)]
        assert items == [*sandbox.demo_items(200)]
        assert len({item.id for item in items}) == 200

    @each_vendor
    def test_account(self, sandbox: Sandbox) -> None:
        """The account reaches the sandbox, and its table is what a user pastes."""
        account = sandbox.account("http://127.0.0.1:8080")
        assert account.base_url == "http://127.0.0.1:8080"
        table = tomllib.loads(sandbox.settings_toml("http://127.0.0.1:8080", "shop one"))
        values = table["accounts"]["shop one"]
        assert values.pop("adapter") == account.adapter
        assert type(account)(**values) == account

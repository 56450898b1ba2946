"""A stand-in with one POST and one GET, made of parts."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable

import aiohttp
import pytest
from support.acme import AcmeSandbox
from support.globex import GlobexSandbox
from support.part_callers import AcmeCaller

from batchhub.errors import SettingsError
from batchhub.sandbox import (
    Batch,
    Batches,
    Item,
    Sandbox,
)
from batchhub.testing import FakeClock


class TestAcme:
    """A vendor with one POST and one GET."""

    def test_about_thirty_lines(self) -> None:
        """It is as short as promised: code lines of the class, without docstrings."""
        source = inspect.getsource(AcmeSandbox)
        blank = {n for n, line in enumerate(source.splitlines(), 1) if not line.strip()}
        docs = {
            line
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            for line in range(node.lineno, (node.end_lineno or 0) + 1)
        }
        assert len(source.splitlines()) - len(blank | docs) <= 30

    async def test_story(self, acme: AcmeCaller, clock: FakeClock) -> None:
        """A batch runs item by item, by the clock; its results come with the answer."""
        batch = await acme.submit(9.9, -1.0, 4.5)
        seen = []
        for _ in range(4):
            document = (await acme.poll(batch)).json
            seen.append((document["state"], round(document["progress"], 2)))
            await clock.advance(1.0)
        assert seen == [("queued", 0.0), ("running", 0.33), ("running", 0.67), ("done", 1.0)]
        assert [result["code"] for result in document["results"]] == [200, 409, 200]
        assert acme.sandbox.prices == {"A-0": 9.9, "A-2": 4.5}
        assert [e.status for e in acme.sandbox.executions] == [200, 409, 200]

    async def test_credentials(self, acme: AcmeCaller) -> None:
        """A wrong token is refused in the vendor's form, and the journal does not have it."""
        acme.token = "other-token"
        answer = await acme.poll("x")
        assert (answer.status, answer.json) == (401, {"error": "Unauthorized"})
        assert "other-token" not in repr([entry.to_json() for entry in acme.sandbox.journal])

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/batches/none", 404), ("GET", "/nowhere", 404), ("PUT", "/batches", 405)],
    )
    async def test_nothing_there(
        self, acme: AcmeCaller, method: str, path: str, status: int
    ) -> None:
        """What does not exist is refused in the vendor's form, too."""
        answer = await acme(method, path)
        assert (answer.status, [*answer.json]) == (status, ["error"])

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[NaN]", b"[" * 100_000])
    async def test_no_json(self, acme: AcmeCaller, body: bytes) -> None:
        """A body that is no JSON is answered 400, not 500."""
        assert (await acme("POST", "/batches", data=body)).status == 400

    async def test_a_handler_that_fails(
        self, acme: AcmeCaller, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A mistake in a handler is answered 500, logged, and named in the journal."""
        assert (await acme("POST", "/batches", json=[{}])).status == 500
        assert "KeyError: 'sku'" in caplog.text
        [entry] = acme.sandbox.journal
        assert (entry.status, entry.note) == (500, "the handler failed: KeyError('sku')")

    async def test_retention(self, acme: AcmeCaller, clock: FakeClock) -> None:
        """Results are kept so many seconds after the end, then there is the status chosen."""
        acme.sandbox.change_switches({"results_kept_s": 60.0, "gone_status": 410})
        batch = await acme.submit(1.0)
        await clock.advance(60.9)
        assert (await acme.poll(batch)).status == 200
        await clock.advance(0.1)
        assert (await acme.poll(batch)).status == 410
        assert (await acme.poll("other")).status == 404
        assert acme.sandbox.batches.find(batch) is None

    async def test_running_batches_are_kept(self, acme: AcmeCaller, clock: FakeClock) -> None:
        """What has not ended is kept, however long it takes."""
        acme.sandbox.change_switches({"results_kept_s": 60.0, "item_time_s": 1000.0})
        batch = await acme.submit(1.0)
        await clock.advance(999.0)
        assert (await acme.poll(batch)).json["state"] == "queued"

    @pytest.mark.parametrize("verb", ["submit", "poll"])
    async def test_answer_lost(self, acme: AcmeCaller, verb: str, clock: FakeClock) -> None:
        """Accepted, answer lost: on whichever route is named, and there once."""
        batch = await acme.submit(1.0)
        acme.sandbox.change_switches({"lost_answers": 1, "network_verbs": verb})
        lost = 0
        for call in (lambda: acme.submit(2.0), lambda: acme.poll(batch)):
            try:
                await call()
            except aiohttp.ClientConnectionError:
                lost += 1
        assert lost == 1
        assert [entry.note for entry in acme.sandbox.journal if entry.status == 0] == [
            "executed, and cut before the answer"
        ]
        await clock.advance(10.0)
        assert len(acme.sandbox.executions) == 2

    async def test_a_refusal_is_not_lost(self, acme: AcmeCaller) -> None:
        """Only what was accepted is lost."""
        acme.sandbox.change_switches({"lost_answers": 1})
        assert (await acme.poll("none")).status == 404
        with pytest.raises(aiohttp.ClientConnectionError):
            await acme.submit(1.0)

    async def test_cut_before(self, acme: AcmeCaller, clock: FakeClock) -> None:
        """A call that is cut before it is looked at has no effect."""
        acme.sandbox.change_switches({"cut_calls": 1})
        with pytest.raises(aiohttp.ClientConnectionError):
            await acme.submit(1.0)
        await clock.advance(10.0)
        assert acme.sandbox.executions == []

    async def test_unknown_verb(self, acme: AcmeCaller) -> None:
        """A verb that no call has is refused, with those there are."""
        with pytest.raises(SettingsError, match="takes submit, poll, results, cancel, separated"):
            acme.sandbox.change_switches({"network_verbs": "upload"})


@pytest.mark.parametrize("make", [AcmeSandbox, GlobexSandbox])
async def test_same_seed_same_story(
    make: Callable[..., Sandbox], session: aiohttp.ClientSession
) -> None:
    """Ids, tokens and signatures depend on the seed alone."""

    async def tell(seed: int) -> list[str]:
        sandbox = make(clock=FakeClock(), seed=seed)
        batches = Batches(sandbox, lambda _, __: None)
        story = [batches.add(Batch(items=[Item()])).id for _ in range(3)]
        if isinstance(sandbox, GlobexSandbox):
            async with sandbox.running():
                url = sandbox.files.make_url("x").partition("?")[2]
                story += [sandbox.tokens.issue(), url]
        return story

    assert await tell(1) == await tell(1) != await tell(2)

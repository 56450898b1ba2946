"""What every vendor's sandbox shares: switches, journal, control over HTTP, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from attrs import define, frozen

from batchhub.adapter import Account, Budget
from batchhub.errors import NotKnownError, SettingsError
from batchhub.models import BatchItem
from batchhub.sandbox import (
    KNOCK,
    Call,
    HangUpError,
    RequestLimiter,
    Sandbox,
    Switches,
    rate,
    route,
    switch,
    times,
)
from batchhub.testing import FakeClock


@define(kw_only=True)
class ToySwitches(Switches):
    greeting: str = switch("hello", "what it says")
    polite: bool = switch(True, "whether it says it")
    pause_s: float = switch(0.5, "seconds before it does", at_least=0.0)
    edition: int = switch(2, "which edition it is", choices=(1, 2))
    cuts: int = times("the connection is cut")
    cuts_rate: float = rate("cuts")


@frozen(kw_only=True)
class ToyAccount(Account):
    adapter = "toy"
    number: int
    flag: bool = False
    words: tuple[str, ...] = ("a",)

    @property
    def identity(self) -> str:
        return str(self.number)

    @property
    def budget(self) -> Budget:
        return Budget(requests=1, per_s=1.0)


class ToySandbox(Sandbox):
    switches_type = ToySwitches
    switches: ToySwitches
    max_body_bytes = 100

    def account(self, base_url: str) -> Account:
        return ToyAccount(number=7, base_url=base_url, words=("b",))

    def demo_items(self, count: int) -> Iterable[BatchItem]:
        return [BatchItem(payload={}) for _ in range(count)]

    @route("*", "/greet")
    def greet(self, call: Call) -> web.Response:
        if self.strikes("cuts"):
            raise HangUpError("cut on purpose")
        self.note(call, KNOCK)
        return web.Response(text=self.switches.greeting)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(clock: FakeClock) -> ToySandbox:
    return ToySandbox(clock=clock)


@pytest.fixture
async def client(sandbox: ToySandbox) -> AsyncIterator[aiohttp.ClientSession]:
    async with sandbox.running() as url, aiohttp.ClientSession(url) as session:
        yield session


class TestSwitches:
    def test_described(self, sandbox: ToySandbox) -> None:
        """Every switch has a name, a default and a help."""
        infos = sandbox.describe_switches()
        assert infos[0] == ("greeting", "hello", "what it says")
        assert [info.name for info in infos] == [*sandbox.switches.to_json()]

    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("polite", "true", True),
            ("polite", "OFF", False),
            ("cuts", "-1", -1),
            ("pause_s", "0.25", 0.25),
            ("pause_s", 2, 2.0),
            ("greeting", "12", "12"),
        ],
    )
    def test_parsed(self, sandbox: ToySandbox, name: str, text: Any, value: Any) -> None:
        """A text is read by the type of its switch."""
        sandbox.set_switch(name, text)
        got = getattr(sandbox.switches, name)
        assert (got, type(got)) == (value, type(value))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("polite", "perhaps"),
            ("polite", 1),
            ("cuts", True),
            ("cuts", "1.5"),
            ("cuts", -2),
            ("cuts_rate", 1.5),
            ("pause_s", "nan"),
            ("pause_s", "-1"),
            ("edition", 3),
            ("greeting", None),
        ],
    )
    def test_refused(self, sandbox: ToySandbox, name: str, value: Any) -> None:
        """A wrong value is refused in one line that names the switch; nothing changes."""
        before = sandbox.switches.to_json()
        with pytest.raises(SettingsError, match=f"switch '{name}' takes .+, not .+") as caught:
            sandbox.set_switch(name, value)
        assert "\n" not in str(caught.value)
        assert sandbox.switches.to_json() == before

    def test_assigned(self, sandbox: ToySandbox) -> None:
        """A plain assignment is held to the bounds too."""
        with pytest.raises(SettingsError):
            sandbox.switches.cuts = -2

    def test_all_or_none(self, sandbox: ToySandbox) -> None:
        """Several switches change together or not at all."""
        before = sandbox.switches.to_json()
        with pytest.raises(SettingsError):
            sandbox.change_switches({"cuts": 1, "edition": 3})
        with pytest.raises(NotKnownError, match="cuts"):
            sandbox.change_switches({"cuts": 1, "cutz": 1})
        assert sandbox.switches.to_json() == before

    def test_times(self, sandbox: ToySandbox) -> None:
        """A fault strikes as often as it is told to, or with -1 every time."""
        sandbox.switches.cuts = 2
        assert [sandbox.strikes("cuts") for _ in range(4)] == [True, True, False, False]
        sandbox.switches.cuts = -1
        assert all(sandbox.strikes("cuts") for _ in range(4))

    def test_rates_are_seeded(self) -> None:
        """What is left to chance comes out the same for the same seed."""

        def draw(seed: int) -> list[bool]:
            sandbox = ToySandbox(seed=seed)
            sandbox.switches.cuts_rate = 0.5
            return [sandbox.strikes("cuts") for _ in range(50)]

        assert draw(1) == draw(1) != draw(2)
        assert 10 < sum(draw(1)) < 40


class TestJournal:
    async def test_every_request(self, sandbox: ToySandbox, client: aiohttp.ClientSession) -> None:
        """Whatever was asked is in the journal, with what it was answered, in order."""
        await client.get("/greet?a=1&b=%2B")
        await client.put("/nowhere", data=b"x")
        await client.post("/greet", data=b"x" * 101)
        sandbox.switches.cuts = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.post("/greet")
        assert [(e.method, e.path, e.status, e.body, e.note) for e in sandbox.journal] == [
            ("GET", "/greet", 200, None, KNOCK),
            ("PUT", "/nowhere", 404, b"x", None),
            ("POST", "/greet", 413, None, None),
            ("POST", "/greet", 0, None, "cut on purpose"),
        ]
        assert sandbox.journal[0].query == {"a": "1", "b": "+"}
        assert sandbox.knocks == 1

    async def test_no_secret(self, sandbox: ToySandbox, client: aiohttp.ClientSession) -> None:
        """Headers, and the credentials in them, are not kept."""
        await client.get("/greet", headers={"Authorization": "Bearer secret_1"})
        async with client.get("/_sandbox/journal") as response:
            assert "secret_1" not in await response.text()
        assert "secret_1" not in repr(sandbox.journal)


class TestControl:
    async def test_journal(self, client: aiohttp.ClientSession) -> None:
        """The journal is read over HTTP, and reading it is not in it."""
        await client.post("/greet", data=b"\xff")
        for _ in range(2):
            async with client.get("/_sandbox/journal") as response:
                journal = await response.json()
        assert journal == {
            "requests": [
                {
                    "at": "2026-01-01T00:00:00+00:00",
                    "method": "POST",
                    "path": "/greet",
                    "query": {},
                    "status": 200,
                    "body": "\ufffd",
                    "note": KNOCK,
                    "host": "",
                }
            ],
            "executions": [],
            "knocks": 1,
        }

    async def test_switches(self, sandbox: ToySandbox, client: aiohttp.ClientSession) -> None:
        """Switches are read and changed over HTTP."""
        async with client.put("/_sandbox/switches", json={"greeting": "hi"}) as response:
            assert (await response.json())["greeting"] == "hi"
        async with client.get("/_sandbox/switches") as response:
            assert await response.json() == sandbox.switches.to_json()
        assert sandbox.switches.greeting == "hi"

    async def test_wrong_switches(self, client: aiohttp.ClientSession) -> None:
        """A wrong name is answered 400 with the names there are; so is what is no object."""
        async with client.put("/_sandbox/switches", json={"nonsense": 1}) as response:
            assert response.status == 400
            assert "greeting" in (await response.json())["error"]
        for body in (b"[]", b"{", b"\xff", b"[" * 50):
            async with client.put("/_sandbox/switches", data=body) as response:
                assert response.status == 400

    async def test_clock(self, clock: FakeClock, client: aiohttp.ClientSession) -> None:
        """A clock that is driven can be driven over HTTP."""
        async with client.post("/_sandbox/clock", json={"advance_s": 90}) as response:
            assert await response.json() == {"now": "2026-01-01T00:01:30+00:00"}
        assert clock.monotonic() == 90.0
        wrong: list[Any] = [{"advance_s": -1}, {"advance_s": "1"}, {"advance_s": True}, {}, []]
        for body in wrong:
            async with client.post("/_sandbox/clock", json=body) as response:
                assert response.status == 400

    async def test_machine_clock(self) -> None:
        """The machine's clock can't be driven."""
        async with (
            ToySandbox().running() as url,
            aiohttp.ClientSession(url) as client,
            client.post("/_sandbox/clock", json={"advance_s": 1}) as response,
        ):
            assert response.status == 409


class TestRunning:
    async def test_starts_once(self, sandbox: ToySandbox) -> None:
        """A sandbox that runs can't be started again; a port that is taken leaves it stopped."""
        async with sandbox.running() as url:
            with pytest.raises(RuntimeError):
                await sandbox.start()
            port = int(url.rpartition(":")[2])
            second = ToySandbox()
            with pytest.raises(OSError, match=str(port)):
                await second.start(port=port)
            async with second.running():
                pass
        await sandbox.aclose()

    async def test_comes_back(self, sandbox: ToySandbox) -> None:
        """A sandbox that was stopped can be started again, with the journal it had."""
        for _ in range(2):
            async with sandbox.running() as url, aiohttp.ClientSession(url) as client:
                await client.get("/greet")
        assert len(sandbox.journal) == 2

    def test_settings(self, sandbox: ToySandbox) -> None:
        """The settings to paste hold what is no default; odd names are quoted."""
        assert sandbox.settings_toml("http://h", "my-toy") == (
            '[accounts.my-toy]\nadapter = "toy"\nbase_url = "http://h"\nnumber = 7\nwords = ["b"]\n'
        )
        assert sandbox.settings_toml("http://h", "a.b").startswith('[accounts."a.b"]\n')


class TestRequestLimiter:
    def test_limit(self) -> None:
        """So many requests pass in any window; the next one begins a block."""
        limiter = RequestLimiter(per_s=60.0)
        assert [limiter.passes(t, 2, 30.0) for t in (0.0, 40.0, 70.0)] == [True] * 3
        assert not limiter.passes(80.0, 2, 30.0)
        assert limiter.retry_after_s(90.0) == 20.0

    def test_fresh_start(self) -> None:
        """After a block the count starts at nothing."""
        limiter = RequestLimiter()
        assert [limiter.passes(0.0, 1, 5.0) for _ in range(2)] == [True, False]
        assert limiter.passes(5.0, 1, 5.0)

    def test_knocking(self) -> None:
        """Knocking beyond the patience doubles the block, up to the longest."""
        limiter = RequestLimiter(patience=2, longest_block_s=50.0)
        limiter.block(0.0, 20.0)
        lengths = []
        for _ in range(6):
            limiter.passes(10.0, 100, 20.0)
            lengths.append(limiter.retry_after_s(10.0))
        assert lengths == [10.0, 10.0, 40.0, 40.0, 40.0, 50.0]

    def test_patience_recovers(self) -> None:
        """Knocks older than the window are forgiven."""
        limiter = RequestLimiter(per_s=60.0, patience=1)
        limiter.block(0.0, 1000.0)
        for now in (1.0, 62.0, 123.0):
            assert not limiter.passes(now, 100, 5.0)
        assert limiter.retry_after_s(123.0) == 877.0

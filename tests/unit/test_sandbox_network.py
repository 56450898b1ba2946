"""The faults of the network before a sandbox: answers late, in dribbles, endless, reset."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from support.calls import open_client, send
from support.patience import PATIENCE_S

from batchhub.adapter import Account
from batchhub.errors import SettingsError
from batchhub.models import BatchItem
from batchhub.sandbox import AnswerError, Call, Sandbox, route
from batchhub.testing import FakeClock

BODY = b"0123456789" * 5


class EchoSandbox(Sandbox):
    """A vendor whose paths are the verbs."""

    def find_verb(self, call: Call) -> str:
        """Return the path."""
        return call.params["verb"]

    def account(self, base_url: str) -> Account:
        """Have none."""
        raise NotImplementedError

    def demo_items(self, count: int) -> Iterable[BatchItem]:
        """Have none."""
        raise NotImplementedError

    @route("GET", "/{verb}")
    def echo(self, call: Call) -> web.Response:
        """Answer everything but ``/refuse``."""
        if call.params["verb"] == "refuse":
            raise AnswerError(418, {"why": "a teapot"})
        return web.Response(body=BODY, headers={"X-Kept": "yes"})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(clock: FakeClock) -> EchoSandbox:
    return EchoSandbox(clock=clock)


@pytest.fixture
async def url(sandbox: EchoSandbox) -> AsyncIterator[str]:
    async with sandbox.running() as url:
        yield url


@asynccontextmanager
async def asked(url: str, path: str = "/poll") -> AsyncIterator[asyncio.StreamReader]:
    """Ask on a bare connection, and read past the headers; hangs up at the end."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            await reader.readuntil(b"\r\n\r\n")
            yield reader
    finally:
        writer.close()


async def until_hung_up(sandbox: EchoSandbox) -> None:
    """Wait until the sandbox has no call in hand."""
    async with asyncio.timeout(PATIENCE_S):
        while sandbox._places:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(("after", "size"), [(0, 0), (7, 7), (50, 49), (10_000, 49)])
async def test_reset(sandbox: EchoSandbox, url: str, after: int, size: int) -> None:
    """A reset answer breaks off after so many bytes, never whole, by a reset and no mere end."""
    sandbox.change_switches({"reset_answers": 1, "reset_after_bytes": after})
    async with asked(url) as reader:
        assert await reader.readexactly(size) == BODY[:size]
        with pytest.raises(ConnectionResetError):
            await reader.read()
    [entry] = sandbox.journal
    assert (entry.status, entry.note) == (0, f"reset after {size} of 50 bytes of the answer")


async def test_trickle(sandbox: EchoSandbox, url: str, clock: FakeClock) -> None:
    """A trickled answer is the same answer, and takes its size by the bytes a second."""
    sandbox.change_switches({"trickled_answers": 1, "trickle_bytes_per_s": 100.0})
    async with clock.running(), open_client() as session:
        slow = await send(session, "GET", f"{url}/poll")
        quick = await send(session, "GET", f"{url}/poll")
    assert clock.monotonic() == pytest.approx(0.5)
    assert slow.text.encode() == BODY
    assert {**slow.headers, "Date": ""} == {**quick.headers, "Date": ""}
    assert [(e.status, e.note) for e in sandbox.journal] == [(200, "trickled"), (200, None)]


async def test_endless(sandbox: EchoSandbox, url: str, clock: FakeClock) -> None:
    """An endless answer goes on with spaces until its reader hangs up."""
    sandbox.change_switches(
        {"trickled_answers": -1, "trickle_endless": True, "trickle_bytes_per_s": 500.0}
    )
    async with clock.running():
        async with asked(url) as reader:
            assert b" " * 20 in await reader.readexactly(4 * len(BODY))
        await until_hung_up(sandbox)
    assert sandbox.journal[0].status == 0


async def test_nothing_comes(sandbox: EchoSandbox, url: str) -> None:
    """At no byte a second only the headers come, until the reader hangs up."""
    sandbox.change_switches({"trickled_answers": -1, "trickle_bytes_per_s": 0.0})
    async with asked(url) as reader:
        await asyncio.sleep(0)
        assert not reader.at_eof()
        assert len(sandbox._places) == 1
    await until_hung_up(sandbox)
    assert [(e.status, e.note) for e in sandbox.journal] == [(0, "trickled")]


@pytest.mark.parametrize(
    ("switches", "struck"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"network_verbs": "poll"}, [1, 3, 5]),
        ({"network_verbs": "submit, results"}, [0, 2, 4]),
        ({"network_every": 2}, [1, 3, 5]),
        ({"network_verbs": "poll", "network_every": 2}, [3]),
        ({"network_every": 2, "reset_answers": 2}, [1, 3]),
        ({"network_verbs": "cancel"}, []),
    ],
)
async def test_which(
    sandbox: EchoSandbox, url: str, switches: dict[str, Any], struck: list[int]
) -> None:
    """A fault strikes the answers to the calls that are named, each n-th, so many times."""
    await ask_all(url, ["poll"])  # what came before a fault was switched on is not counted
    sandbox.change_switches({"reset_answers": -1} | switches)
    await ask_all(url, ["submit", "poll", "results", "poll", "submit", "poll"])
    assert [n for n, entry in enumerate(sandbox.journal[1:]) if entry.status == 0] == struck


async def ask_all(url: str, verbs: list[str]) -> None:
    """Ask one after another, and take what comes."""
    for verb in verbs:
        async with asked(url, f"/{verb}") as reader:
            with suppress(ConnectionError):
                await reader.readexactly(len(BODY))


async def test_delay_where_it_is_meant(sandbox: EchoSandbox, url: str, clock: FakeClock) -> None:
    """Answers are held back only where the switches say so."""
    sandbox.change_switches({"answer_delay_s": 30.0, "network_verbs": "submit"})
    async with clock.running():
        await ask_all(url, ["poll", "submit", "poll"])
    assert clock.monotonic() == 30.0


async def test_a_proxy(sandbox: EchoSandbox, url: str) -> None:
    """A proxy's page comes instead of the vendor's answer, where the switches say so."""
    sandbox.change_switches({"html_error": -1, "html_error_status": 504, "network_verbs": "poll"})
    async with open_client() as session:
        answers = [await send(session, "GET", f"{url}/{verb}") for verb in ("submit", "poll")]
    assert [answer.status for answer in answers] == [200, 504]
    assert "<html>" in answers[1].text


async def test_a_refusal_trickles_too(sandbox: EchoSandbox, url: str, clock: FakeClock) -> None:
    """An `AnswerError` from a handler is an answer like any other."""
    sandbox.change_switches({"trickled_answers": 1})
    async with clock.running(), open_client() as session:
        answer = await send(session, "GET", f"{url}/refuse")
    assert (answer.status, answer.json) == (418, {"why": "a teapot"})
    assert clock.monotonic() > 0.0


@pytest.mark.parametrize("value", ["polls", "submit,", "submit;poll"])
def test_wrong_verbs(sandbox: EchoSandbox, value: str) -> None:
    """What no call is for is refused, with what there is."""
    with pytest.raises(SettingsError, match="takes submit, poll, results, cancel, separated"):
        sandbox.set_switch("network_verbs", value)

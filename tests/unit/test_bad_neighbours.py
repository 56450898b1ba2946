"""A vendor that answers no poll well moves nothing of another account; over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.ports import silent_port
from yarl import URL

from batchhub import BatchHub, Outcome
from batchhub._http.limits import Limits
from batchhub._http.transport import Transport
from batchhub.polling import Fixed
from batchhub.testing import FakeClock
from batchhub_ecwid import EcwidAccount

_ITEM = {"method": "POST", "path": "/products", "body": {}}
_MAX_ANSWER_BYTES = 4096
_GOOD_JOBS = 2
_BAD_JOBS = 5
_DONE_AFTER_S = 30.0

Answer = Callable[[asyncio.StreamWriter, FakeClock], Awaitable[None]]


def _write(writer: asyncio.StreamWriter, body: bytes, status: str = "200 OK") -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)


async def _hang(_: asyncio.StreamWriter, clock: FakeClock) -> None:
    await clock.sleep(10_000.0)


async def _trickle(writer: asyncio.StreamWriter, clock: FakeClock) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await clock.sleep(1.0)


async def _refuse(writer: asyncio.StreamWriter, _: FakeClock) -> None:
    _write(writer, b"{}", "429 Too Many Requests")


async def _cut(writer: asyncio.StreamWriter, _: FakeClock) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"status":')
    writer.close()


async def _flood(writer: asyncio.StreamWriter, _: FakeClock) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"400\r\n" + b" " * 1024 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


BAD: dict[str, Answer] = {
    "hangs": _hang,
    "trickles": _trickle,
    "429 for ever": _refuse,
    "cuts connections": _cut,
    "answers beyond the limit": _flood,
}


class Vendors:
    """A good vendor and a bad one at one address; a store's number says which it is."""

    def __init__(self, clock: FakeClock, poll: Answer | None) -> None:
        self._clock = clock
        self._poll = poll
        self.good: list[str] = []
        self.bad_polls = 0
        self._began_s: dict[str, float] = {}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what comes over a connection."""
        try:
            while not writer.is_closing():
                await self._answer(reader, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"\r\ncontent-length:")
        await reader.readexactly(int(length.split(b"\r\n", 1)[0] or 0))
        method, path = head.decode().split(" ", 2)[:2]
        is_good = "/1001/" in path
        if is_good:
            self.good.append(method)
        if method == "POST":
            ticket = f"t{len(self._began_s)}"
            self._began_s[ticket] = self._clock.monotonic()
            _write(writer, b'{"ticket":"%s"}' % ticket.encode())
        elif is_good:
            _write(writer, self._tell(URL(path).query["ticket"]))
        else:
            self.bad_polls += 1
            assert self._poll is not None
            await self._poll(writer, self._clock)

    def _tell(self, ticket: str) -> bytes:
        if self._clock.monotonic() < self._began_s[ticket] + _DONE_AFTER_S:
            return b'{"status":"IN_PROGRESS","totalRequests":1,"completedRequests":0}'
        return (
            b'{"status":"COMPLETED","totalRequests":1,"completedRequests":1,'
            b'"responses":[{"id":"1","status":"COMPLETED","httpStatusCode":200}]}'
        )


@asynccontextmanager
async def listening(vendors: Vendors) -> AsyncIterator[str]:
    """Serve vendors on loopback; give their address."""
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(vendors.talk(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _run(path: Path, beside: str | None, silent: int = 0) -> tuple[list[str], float]:
    """Return the requests of a good account until its jobs have ended, and when that was."""
    clock = FakeClock()
    vendors = Vendors(clock, BAD.get(beside or ""))
    async with listening(vendors) as url, clock.running():
        bad_url = f"http://127.0.0.1:{silent}" if beside == "refuses connections" else url
        accounts = {"good": EcwidAccount(store_id=1001, token="secret_abcdefgh", base_url=url)}
        if beside is not None:
            accounts["bad"] = EcwidAccount(store_id=2001, token="secret_ijklmnop", base_url=bad_url)
        async with BatchHub(
            path / "s.db", accounts, clock=clock, seed=1, polling=Fixed(5.0)
        ) as hub:
            if beside is not None:
                for _ in range(_BAD_JOBS):
                    await hub.submit("bad", [_ITEM])
                await clock.sleep(15.0)
            begin_s = clock.monotonic()
            jobs = [await hub.submit("good", [_ITEM]) for _ in range(_GOOD_JOBS)]
            assert {(await job.wait()).outcome for job in jobs} == {Outcome.SUCCEEDED}
            took_s = clock.monotonic() - begin_s
        assert vendors.bad_polls > 0 or beside in {None, "refuses connections"}
    return vendors.good, took_s


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], float]:
    """What the good account does without a neighbour."""
    return asyncio.run(_run(tmp_path_factory.mktemp("alone"), None))


@pytest.mark.parametrize("kind", [*BAD, "refuses connections"])
async def test_a_bad_vendor_moves_nothing_of_another_account(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    alone: tuple[list[str], float],
    kind: str,
) -> None:
    """The good one's jobs end as early as alone, with as many requests, whatever the other does."""
    defaults: Any = Transport.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "limits", Limits(max_answer_bytes=_MAX_ANSWER_BYTES))
    with silent_port() as port:
        requests, took_s = await _run(tmp_path, kind, port)
    assert requests.count("POST") == alone[0].count("POST") == _GOOD_JOBS
    assert len(requests) == pytest.approx(len(alone[0]), abs=1)  # polls are spread at random
    assert took_s == pytest.approx(alone[1], abs=2.5)

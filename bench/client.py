"""
What the way of a poll through the client costs in CPU time, against a plain GET on aiohttp.

    python -m bench.client [--rounds N] [--polls N] [--paced POLLS_PER_S] [--uvloop] [--usual]

One process, one connection each, a vendor in another process: a GET and the reading of its answer
by aiohttp's client; the same by an adapter's `poll_one`, with the account's budget, credentials
and limits; the short way of a poll alone; and, as the floor, a protocol that knows no HTTP. In
turn, in rounds; the ratios are medians of each round's. `--paced` lets so many go in a second, each
after a wait of its own, as tickets do that are asked about every 5 s: most of a poll's CPU time is
then that of a cold start. With `--usual` polls go through aiohttp's client.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import aiohttp
from yarl import URL

from batchhub._base.clock import SystemClock
from batchhub._base.loops import make_loop
from batchhub._http.direct import Head
from batchhub.adapter import Budget, TicketRef
from batchhub.models import BatchState
from batchhub.transport import Limits, Session, Transport, open_session
from batchhub_ecwid import EcwidAccount, EcwidAdapter

from ._status_server import serving
from ._versions import show_versions

_TOKEN = "secret_abcdefghijklmnop"
_PATH = "/api/v3/1/batch?ticket=t0000001"
_HEADERS = {"Authorization": f"Bearer {_TOKEN}"}

Candidate = Callable[[], Awaitable[object]]


class _Bare(asyncio.Protocol):
    """Writes bytes, and takes what comes for the whole answer."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._answered: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._answered is not None
        self._answered.set_result(data)

    async def ask(self) -> bytes:
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(self._request)
        return await self._answered


async def _open(url: str, stack: AsyncExitStack) -> Mapping[str, Candidate]:
    plain = await stack.enter_async_context(aiohttp.ClientSession(headers=_HEADERS))
    session = await stack.enter_async_context(open_session())
    adapter = _make_adapter(url, session)
    ticket = TicketRef(
        vendor_refs=("t0000001",),
        operation="batch",
        total=100,
        group="g",
        options={},
        state=BatchState.IN_PROGRESS,
        submitted_at=datetime.now(UTC),
    )
    head = Head(url, _HEADERS, Limits())
    request = f"GET {_PATH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {_TOKEN}\r\n\r\n"
    _, bare = await asyncio.get_running_loop().create_connection(
        lambda: _Bare(request.encode()), "127.0.0.1", URL(url).port or 0
    )

    async def get() -> bytes:
        async with plain.get(f"{url}{_PATH}") as answer:
            return await answer.read()

    async def ask() -> bytes:
        answer = await session.ask(head, _PATH, is_kept=True)
        try:
            return answer.content.read_nowait()
        finally:
            answer.release()

    return {
        "plain get and read": get,
        "poll_one": lambda: adapter.poll_one(ticket),
        "the short way alone": ask,
        "no HTTP at all": bare.ask,
    }


def _make_adapter(url: str, session: Session) -> EcwidAdapter:
    account = EcwidAccount(store_id=1, token=_TOKEN, base_url=url)
    transport = Transport(
        session=session,
        clock=SystemClock(),
        vendor=EcwidAdapter.name,
        account=account,
        budget=Budget(requests=10**9, per_s=1.0),
        explain=EcwidAdapter.explain,
    )
    adapter = EcwidAdapter(account, transport)
    transport.bind(adapter.authorize)
    return adapter


async def _measure(url: str, options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the CPU seconds of a poll, by the candidate's name, one of each round."""
    pause_s = 1 / options.paced if options.paced else None
    used: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        candidates = await _open(url, stack)
        for number in range(options.rounds + 1):
            for name, poll in candidates.items():
                gc.collect()
                began_s = time.process_time()
                for _ in range(options.polls):
                    if pause_s is not None:
                        await asyncio.sleep(pause_s)
                    await poll()
                if number:  # the first one made its connection
                    used.setdefault(name, []).append(
                        (time.process_time() - began_s) / options.polls
                    )
    return used


def _read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.client", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--polls", type=int, default=200, help="of each in a round")
    parser.add_argument("--paced", type=float, default=0.0, metavar="POLLS_PER_S")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--usual", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    options = _read_options(arguments)
    if options.usual:
        Session.asks_directly = False
    factory: Any = make_loop if options.uvloop else asyncio.new_event_loop
    with serving() as url, asyncio.Runner(loop_factory=factory) as runner:
        used = runner.run(_measure(url, options))
    show_versions("batchhub", "aiohttp", *(["uvloop"] if options.uvloop else []))
    base = used["plain get and read"]
    for name, each in used.items():
        ratio = statistics.median(one / other for one, other in zip(each, base, strict=True))
        median_us, least_us = statistics.median(each) * 1e6, min(each) * 1e6
        print(f"  {name:<20} {median_us:7.1f} us a poll, least {least_us:6.1f}  {ratio:5.2f} x")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])

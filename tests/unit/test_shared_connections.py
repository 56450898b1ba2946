"""What accounts share: connections, and a way to the vendor; over real HTTP, through the hub."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.patience import PATIENCE_S

from batchhub import BatchHub, BatchState, Contact, Outcome
from batchhub._http import session as _session
from batchhub.testing import FakeClock
from batchhub_ecwid import EcwidAccount

_ITEM = {"method": "POST", "path": "/products", "body": {}}
_HANGING = 2000
_CHALLENGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def create(_: web.Request) -> web.Response:
    """Take a batch."""
    return web.json_response({"ticket": "t1"})


async def done(_: web.Request) -> web.Response:
    """Say that it is finished."""
    response = {"id": "1", "status": "COMPLETED", "httpStatusCode": 200}
    counts = {"totalRequests": 1, "completedRequests": 1}
    return web.json_response({"status": "COMPLETED", **counts, "responses": [response]})


@asynccontextmanager
async def vendor(post: Handler = create, get: Handler = done) -> AsyncIterator[str]:
    """A vendor on loopback."""
    app = web.Application()
    app.router.add_post("/api/v3/{store}/batch", post)
    app.router.add_get("/api/v3/{store}/batch", get)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


async def test_accounts_that_hang_leave_connections_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    More requests hang than there are connections, of many accounts at one host.

    Of the three that an account has, polls leave it one: what is submitted to it still goes out.
    """
    monkeypatch.setattr(_session, "_find_limit", lambda lanes: 24)
    hanging = 0
    taken: Counter[str] = Counter()
    full = asyncio.Event()

    async def get(request: web.Request) -> web.StreamResponse:
        nonlocal hanging
        if int(request.match_info["store"]) < _HANGING:
            return await done(request)
        hanging += 1
        if hanging == 6 * 2:
            full.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def post(request: web.Request) -> web.Response:
        taken[request.match_info["store"]] += 1
        return await create(request)

    clock = FakeClock()
    async with vendor(post, get) as url, clock.running():
        accounts = {
            f"{kind}{number}": EcwidAccount(
                store_id=first + number,
                token="secret_abcdefgh",
                base_url=url,
                requests_per_minute=6000,
            )
            for kind, first, count in (("bad", _HANGING, 6), ("good", 1000, 2))
            for number in range(count)
        }
        async with BatchHub(tmp_path / "s.db", accounts, clock=clock, seed=1) as hub:
            for number in range(6):
                for _ in range(8):
                    await hub.submit(f"bad{number}", [_ITEM])
            await asyncio.wait_for(full.wait(), PATIENCE_S)
            jobs = [await hub.submit(f"good{number}", [_ITEM]) for number in range(2)]
            outcomes = {(await job.wait()).outcome for job in jobs}
            for number in range(6):
                late = await hub.submit(f"bad{number}", [_ITEM])
                while (await late.refresh()).state is BatchState.PENDING:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert hanging == 6 * 2

    assert outcomes == {Outcome.SUCCEEDED}
    assert [taken[str(_HANGING + number)] for number in range(6)] == [9] * 6


async def test_one_page_of_a_firewall_stops_no_job(tmp_path: Path) -> None:
    """A challenge in place of a poll's answer is asked again; nobody is told to fix a token."""
    polls = 0

    async def get(request: web.Request) -> web.StreamResponse:
        nonlocal polls
        polls += 1
        if polls == 1:
            return web.Response(status=403, text=_CHALLENGE, content_type="text/html")
        return await done(request)

    seen: set[tuple[Contact, str | None]] = set()
    clock = FakeClock()
    async with vendor(get=get) as url, clock.running():
        account = EcwidAccount(store_id=1, token="secret_abcdefgh", base_url=url)
        async with BatchHub(tmp_path / "s.db", {"shop": account}, clock=clock, seed=1) as hub:
            job = await hub.submit("shop", [_ITEM])
            async for status in job.watch():
                seen.add((status.contact, status.contact_note))
            status = await job.wait()

    assert status.outcome is Outcome.SUCCEEDED
    assert Contact.PAUSED not in {contact for contact, _ in seen}
    assert any("Just a moment" in (note or "") for _, note in seen)

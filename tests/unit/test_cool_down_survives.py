"""A cool-down holds for the lane, not for a process: over real HTTP, through the whole hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from batchhub import BatchHub, Outcome
from batchhub._store import Hold, Traffic
from batchhub.testing import FakeClock
from batchhub_ecwid import EcwidAccount

_ITEM = {"method": "POST", "path": "/products", "body": {}}
_RETRY_AFTER_S = 120


class Vendor:
    """A vendor that asks for two minutes of silence at its first request."""

    def __init__(self, clock: FakeClock) -> None:
        self.asked_at: list[float] = []
        self._clock = clock

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen on loopback."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/")

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked_at.append(self._clock.monotonic())
        if len(self.asked_at) == 1:
            return web.json_response({}, status=429, headers={"Retry-After": str(_RETRY_AFTER_S)})
        if request.method == "POST":
            return web.json_response({"ticket": "t1"})
        done = {"id": "1", "status": "COMPLETED", "httpStatusCode": 200}
        counts = {"totalRequests": 1, "completedRequests": 1}
        return web.json_response({"status": "COMPLETED", **counts, "responses": [done]})


async def wait_until_asked(vendor: Vendor, clock: FakeClock) -> None:
    """Let time pass until the vendor has been asked, and has answered."""
    while not vendor.asked_at:
        await clock.sleep(0.1)
    await clock.sleep(2.0)


async def test_no_later_process_sends_during_a_cool_down(tmp_path: Path) -> None:
    """Four processes one after the other, each closed cleanly; the last one waits for its end."""
    clock = FakeClock()
    vendor = Vendor(clock)
    async with clock.running(), vendor.listening() as url:
        accounts = {"shop": EcwidAccount(store_id=1, token="secret_abcdefgh", base_url=url)}
        async with BatchHub(tmp_path / "s.db", accounts, clock=clock, seed=1) as hub:
            await hub.submit("shop", [_ITEM])
            await wait_until_asked(vendor, clock)
        for _ in range(3):
            async with BatchHub(tmp_path / "s.db", accounts, clock=clock, seed=1) as hub:
                opened = await hub._open()
                opened.driver.drive(opened.get_lane("shop"))
                await clock.sleep(10.0)
        async with BatchHub(tmp_path / "s.db", accounts, clock=clock, seed=1) as hub:
            (job,) = await hub.resume()

    assert job.status.outcome is Outcome.SUCCEEDED
    assert vendor.asked_at[1] - vendor.asked_at[0] >= _RETRY_AFTER_S


async def test_a_cool_down_is_kept_before_the_process_can_be_killed(tmp_path: Path) -> None:
    """It is in the store once it has begun, not with the next sign of life."""
    clock = FakeClock()
    vendor = Vendor(clock)
    async with clock.running(), vendor.listening() as url:
        accounts = {"shop": EcwidAccount(store_id=1, token="secret_abcdefgh", base_url=url)}
        async with BatchHub(tmp_path / "s.db", accounts, clock=clock, seed=1) as hub:
            opened = await hub._open()
            saved: list[float] = []
            save = opened.store.lanes.note_traffic

            async def note(hold: Hold, traffic: Traffic, at: datetime) -> bool:
                saved.append(clock.monotonic())
                return await save(hold, traffic, at)

            opened.store.lanes.note_traffic = note  # type: ignore[method-assign]
            job = await hub.submit("shop", [_ITEM])
            await wait_until_asked(vendor, clock)
            row = await opened.store.lanes.get(job.lane)
            until = opened.get_lane("shop").cooling_until

    assert len(saved) == 1
    assert until is not None
    assert until.isoformat() in str(row.cooled)


async def test_what_is_handed_over_waits_for_no_cool_down(tmp_path: Path) -> None:
    """`submit` of the command returns while the vendor asks for silence: the job is durable."""
    clock = FakeClock()
    vendor = Vendor(clock)
    async with clock.running(), vendor.listening() as url:
        accounts = {"shop": EcwidAccount(store_id=1, token="secret_abcdefgh", base_url=url)}
        async with BatchHub(tmp_path / "s.db", accounts, clock=clock, seed=1) as hub:
            await hub.submit("shop", [_ITEM])
            await wait_until_asked(vendor, clock)
            job = await hub.submit("shop", [_ITEM])
            began_s = clock.monotonic()
            await job.hand_over(timeout_s=30.0)
            waited_s = clock.monotonic() - began_s

    assert waited_s < 5.0

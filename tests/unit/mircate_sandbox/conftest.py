"""The Mircate stand-in on a clock that stands still, and a caller."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.calls import open_client
from support.mircate_calls import Caller

from batchhub.testing import FakeClock
from batchhub_mircate.sandbox import MircateSandbox


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(clock: FakeClock) -> MircateSandbox:
    sandbox = MircateSandbox(clock=clock, products=20)
    sandbox.switches.item_time_s = 1.0
    return sandbox


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_client() as session:
        yield session


@pytest.fixture
async def call(sandbox: MircateSandbox, session: aiohttp.ClientSession) -> AsyncIterator[Caller]:
    async with sandbox.running() as url:
        yield Caller(session, sandbox, url)

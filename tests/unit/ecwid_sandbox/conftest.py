"""The Ecwid stand-in on a clock that stands still, and a caller."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.calls import open_client
from support.ecwid_calls import Caller

from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(clock: FakeClock) -> EcwidSandbox:
    sandbox = EcwidSandbox(clock=clock, products=20)
    sandbox.switches.item_time_s = 1.0
    return sandbox


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_client() as session:
        yield session


@pytest.fixture
async def call(sandbox: EcwidSandbox, session: aiohttp.ClientSession) -> AsyncIterator[Caller]:
    async with sandbox.running() as url:
        yield Caller(session, sandbox, url)

"""Stand-ins of vendors there are not, and callers of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.acme import AcmeSandbox
from support.calls import open_client
from support.globex import GlobexSandbox
from support.part_callers import AcmeCaller, GlobexCaller

from batchhub.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_client() as session:
        yield session


@pytest.fixture
async def acme(clock: FakeClock, session: aiohttp.ClientSession) -> AsyncIterator[AcmeCaller]:
    sandbox = AcmeSandbox(clock=clock)
    sandbox.switches.item_time_s = 1.0
    async with sandbox.running() as url:
        yield AcmeCaller(session, sandbox, url)


@pytest.fixture
async def globex(clock: FakeClock, session: aiohttp.ClientSession) -> AsyncIterator[GlobexCaller]:
    sandbox = GlobexSandbox(clock=clock)
    sandbox.switches.item_time_s = 1.0
    async with sandbox.running() as url:
        yield GlobexCaller(session, sandbox, url)

"""A stand-in on a clock that stands still, and a caller; of each vendor in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.callers import CALLED, make_caller
from support.calls import Caller, open_client
from support.stand_ins import STAND_INS

from batchhub.sandbox import Sandbox
from batchhub.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=CALLED)
def vendor(request: pytest.FixtureRequest) -> str:
    """The adapter's name; the folders of the vendors need none."""
    name: str = request.param
    return name


@pytest.fixture
def kind(vendor: str) -> type[Sandbox]:
    """The class of the stand-in; the folders of the vendors have theirs."""
    return STAND_INS[vendor].sandbox


@pytest.fixture
def sandbox(kind: type[Sandbox], clock: FakeClock) -> Sandbox:
    sandbox = kind(clock=clock, products=20)  # type: ignore[call-arg]  # each of ours has them
    sandbox.switches.item_time_s = 1.0
    return sandbox


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_client() as session:
        yield session


@pytest.fixture
async def call(sandbox: Sandbox, session: aiohttp.ClientSession) -> AsyncIterator[Caller]:
    async with sandbox.running() as url:
        yield make_caller(session, sandbox, url)

"""A stand-in on a clock that stands still, and a caller; of each vendor in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.callers import make_caller
from support.calls import Caller, open_client

from batchhub.sandbox import Sandbox
from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=[EcwidSandbox, MircateSandbox])
def kind(request: pytest.FixtureRequest) -> type[EcwidSandbox] | type[MircateSandbox]:
    """The class of the stand-in; the folders of the vendors have theirs."""
    found: type[EcwidSandbox] | type[MircateSandbox] = request.param
    return found


@pytest.fixture
def sandbox(
    kind: type[EcwidSandbox] | type[MircateSandbox], clock: FakeClock
) -> EcwidSandbox | MircateSandbox:
    sandbox = kind(clock=clock, products=20)
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

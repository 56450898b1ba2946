"""The Amazon stand-in alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.feed_calls import FeedCaller

from batchhub.testing import FakeClock
from batchhub_amazon.sandbox import AmazonSandbox


@pytest.fixture
def sandbox(clock: FakeClock) -> AmazonSandbox:
    sandbox = AmazonSandbox(clock=clock, products=20)
    sandbox.switches.item_time_s = 1.0
    return sandbox


@pytest.fixture
async def call(sandbox: AmazonSandbox, session: aiohttp.ClientSession) -> AsyncIterator[FeedCaller]:
    async with sandbox.running() as url:
        yield FeedCaller(session, sandbox, url)

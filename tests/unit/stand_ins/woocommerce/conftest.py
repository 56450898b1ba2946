"""The WooCommerce stand-in alone; items take no time unless a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.shop_calls import Caller

from batchhub.testing import FakeClock
from batchhub_woocommerce.sandbox import WooCommerceSandbox


@pytest.fixture
def sandbox(clock: FakeClock) -> WooCommerceSandbox:
    sandbox = WooCommerceSandbox(clock=clock, products=20)
    sandbox.switches.item_time_s = 0.0
    return sandbox


@pytest.fixture
async def call(
    sandbox: WooCommerceSandbox, session: aiohttp.ClientSession
) -> AsyncIterator[Caller]:
    async with sandbox.running() as url:
        yield Caller(session, sandbox, url)

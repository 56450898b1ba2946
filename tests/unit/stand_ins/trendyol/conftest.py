"""The Trendyol stand-in alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.trendyol_calls import Caller

from batchhub_trendyol.sandbox import TrendyolSandbox


@pytest.fixture
def kind() -> type[TrendyolSandbox]:
    return TrendyolSandbox


@pytest.fixture
async def call(sandbox: TrendyolSandbox, session: aiohttp.ClientSession) -> AsyncIterator[Caller]:
    async with sandbox.running() as url:
        yield Caller(session, sandbox, url)

"""An adapter of Mircate, and the vendor it calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aioresponses import aioresponses
from support.mircate_verbs import (
    MakeAdapter,
    make_account,
)
from support.verbs import make_transport, mocked_calls

from batchhub.testing import FakeClock
from batchhub.transport import open_session
from batchhub_mircate import MircateAdapter


@pytest.fixture
def vendor() -> Iterator[aioresponses]:
    with mocked_calls() as mocked:
        yield mocked


@pytest.fixture
async def make_adapter() -> AsyncIterator[MakeAdapter]:
    session, clock = open_session(), FakeClock()

    def make(**settings: Any) -> MircateAdapter:
        account = make_account(**settings)
        transport = make_transport(MircateAdapter, account, session, clock)
        return MircateAdapter(account, transport)

    async with clock.running():
        yield make
    await session.close()


@pytest.fixture
def adapter(make_adapter: MakeAdapter) -> MircateAdapter:
    return make_adapter()

"""A transport to a scripted vendor on loopback, in time that passes by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from support import hosts
from support.hosts import Host, MakeTransport, open_host

from batchhub.testing import FakeClock
from batchhub.transport import Session, Transport, open_session


@pytest.fixture
async def clock() -> AsyncIterator[FakeClock]:
    """Time that passes whenever nothing else is going on."""
    clock = FakeClock()
    async with clock.running():
        yield clock


@pytest.fixture
async def vendor() -> AsyncIterator[Host]:
    """A vendor on loopback."""
    async with open_host() as vendor:
        yield vendor


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    """The session of a hub."""
    async with open_session() as session:
        yield session


@pytest.fixture
def make_transport(vendor: Host, session: Session, clock: FakeClock) -> MakeTransport:
    """Make a transport to the scripted vendor; keywords replace what it usually gets."""

    def make(**others: Any) -> Transport:
        return hosts.make_transport(session, clock, vendor.url, **others)

    return make

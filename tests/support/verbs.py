"""Adapters without a server: answers out of a list, mocked calls, tickets, JSON of any kind."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientSession
from aioresponses import aioresponses
from hypothesis import strategies as st
from yarl import URL

from batchhub.adapter import Account, Adapter, Budget, Submission, TicketRef, WireItem
from batchhub.models import BatchState
from batchhub.testing import FakeClock
from batchhub.transport import Reply, Transport

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
"""Any JSON."""


class Answers:
    """A transport that gives one answer after the other, and begins anew after the last."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = bodies
        self.asked = 0

    async def request(self, *_: Any, **__: Any) -> Reply:
        self.asked += 1
        return Reply(status=200, body=self.bodies[(self.asked - 1) % len(self.bodies)])


def make_transport(
    adapter: type[Adapter[Any]], account: Account, session: ClientSession, clock: FakeClock
) -> Transport:
    """Make the transport of an account, with a budget that never holds it up."""
    return Transport(
        session=session,
        clock=clock,
        vendor=adapter.name,
        account=account,
        budget=Budget(requests=100_000, per_s=1.0),
        explain=adapter.explain,
        not_executed_statuses=adapter.not_executed_statuses,
        rng=random.Random(1),
    )


def make_ticket(*refs: str, operation: str, total: int) -> TicketRef:
    """Make a ticket as the verbs get it."""
    return TicketRef(
        vendor_refs=refs,
        operation=operation,
        total=total,
        group="group 1",
        options={},
        state=BatchState.QUEUED,
        submitted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def make_submission(operation: str, items: Sequence[WireItem], **changes: Any) -> Submission:
    """Make a request to be sent, as `submit` gets it."""
    usual: dict[str, Any] = {
        "options": {},
        "stop_on_first_failure": False,
        "group": "group 1",
        "idempotency_key": "6f1c1bb0-0000-4000-8000-000000000001",
    }
    return Submission(operation=operation, items=items, **(usual | changes))


def only_call(vendor: aioresponses) -> tuple[str, URL, dict[str, Any]]:
    """Return method, address and arguments of the one call that was made."""
    ((method, url), (call,)) = next(iter(vendor.requests.items()))
    assert len(vendor.requests) == 1
    return method, url, call.kwargs

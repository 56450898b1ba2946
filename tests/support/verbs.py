"""Adapters without a server: answers out of a list, mocked calls, tickets, JSON of any kind."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from aioresponses import aioresponses
from hypothesis import strategies as st
from yarl import URL

from batchhub._engine.guarded import GuardedAdapter
from batchhub._engine.verb_calls import VerbCalls
from batchhub.adapter import Account, Adapter, Budget, Submission, TicketRef, WireItem
from batchhub.models import BatchState
from batchhub.testing import FakeClock
from batchhub.transport import Reply, Session, Transport

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


def guard(adapter: Adapter[Any]) -> GuardedAdapter:
    """Return an adapter as the engine calls it; one without a transport knows no secrets."""
    transport: Any = adapter.transport or NoTransport()
    return GuardedAdapter(adapter, transport, f"{adapter.name!r} (test 1)", VerbCalls())


class NoTransport:
    """In place of a transport where nothing is sent."""

    def redact_body(self, body: bytes) -> bytes:
        """Return bytes as they are."""
        return body

    def redact(self, value: Any) -> Any:
        return value


class NoSteps:
    """Steps of a submit that keeps nothing."""

    kept: Mapping[str, str] = MappingProxyType({})

    async def keep(self, **values: str | None) -> None:
        raise AssertionError(f"kept: {values}")


NO_STEPS = NoSteps()


class Answers:
    """A transport that gives one answer after the other, and begins anew after the last."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = bodies
        self.asked = 0

    async def request(self, *_: Any, **__: Any) -> Reply:
        self.asked += 1
        return Reply(status=200, body=self.bodies[(self.asked - 1) % len(self.bodies)])


def make_transport(
    adapter: type[Adapter[Any]], account: Account, session: Session, clock: FakeClock
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


@contextmanager
def mocked_calls() -> Iterator[aioresponses]:
    """Answer what goes out in place of aiohttp's client, which polls pass by otherwise."""
    with patch.object(Session, "asks_directly", False), aioresponses() as mocked:
        yield mocked


def only_call(vendor: aioresponses) -> tuple[str, URL, dict[str, Any]]:
    """Return method, address and arguments of the one call that was made."""
    ((method, url), (call,)) = next(iter(vendor.requests.items()))
    assert len(vendor.requests) == 1
    return method, url, call.kwargs

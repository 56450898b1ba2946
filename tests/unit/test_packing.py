"""Tickets that wait are kept packed; nobody can tell by what is shown of them."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve
from support.hubs import numbered, scripted_world
from support.vendor import Vendor, capable

from batchhub import BatchState
from batchhub._store import TicketList, TicketRecord
from batchhub._store.packing import glance, pack, unpack
from batchhub.adapter import Observation
from batchhub.models import Finding

AT = datetime(2026, 11, 29, 3, 4, 5, 678901, tzinfo=UTC)
PLAIN = TicketRecord(job_no=1, position=70_000, first_item=350_001, total=500)
FULL = TicketRecord(
    job_no=2**40,
    position=1,
    first_item=1,
    total=500,
    state=BatchState.IN_PROGRESS,
    waits_for_previous=True,
    attempt_id="0d0cbeb2-55ee-4d1c-bd6b-6d9eb15d2d26",
    attempted_at=AT,
    attempted_boot="boot",
    attempted_boot_s=1234.000001,
    sends=2,
    accepted_at=AT.astimezone(timezone(timedelta(hours=5, minutes=30))),
    finished_as=BatchState.CANCELLED,
    finished_at=AT + timedelta(microseconds=1),
    settling_since=datetime.min.replace(tzinfo=UTC),
    vendor_refs=("r1", "r2"),
    vendor_state="Läuft",
    vendor={"n": None, "list": [1, -2.5, True, {"x": "y"}], "big": 2**63},
    progress=0.1,
    message="late",
    findings=(Finding(code="c", message="m", count=3, examples=("a", "b")),),
    succeeded=1,
    failed=2,
    not_executed=3,
    unknown=4,
)


@pytest.mark.parametrize("ticket", [PLAIN, FULL, evolve(PLAIN, progress=1)])
def test_a_packed_ticket_is_the_same_ticket(ticket: TicketRecord) -> None:
    """Each of its fields comes back as it was."""
    packed = pack(ticket)

    assert isinstance(packed, bytes)
    assert unpack(packed) == ticket
    assert repr(unpack(packed)) == repr(unpack(pack(unpack(packed))))
    assert hash(unpack(packed).findings) == hash(ticket.findings)
    assert (glance(packed).state, glance(packed).findings) == (ticket.state, ticket.findings)
    assert pack(packed) is packed
    assert unpack(ticket) is ticket
    assert glance(ticket) is ticket


@pytest.mark.parametrize(
    "odd",
    [
        {"vendor": {"n": 10**30}},
        {"vendor": {"text": "\ud800"}},
        {"vendor_state": "half \udc00"},
        {"message": "\ud800"},
        {"findings": (Finding(code="c", message="m", examples=("\ud800",)),)},
    ],
)
def test_what_has_no_packed_form_stays_as_it_is(odd: dict[str, Any]) -> None:
    """A number of 20 digits, or half of a character."""
    ticket = evolve(FULL, **odd)
    assert pack(ticket) is ticket


def test_a_packed_ticket_takes_little() -> None:
    """One that is at the vendor, as nearly all of them are."""
    ticket = evolve(FULL, vendor={}, findings=(), message=None, finished_as=None, finished_at=None)
    assert len(pack(ticket)) < 160  # type: ignore[arg-type]


def test_views_of_packed_tickets_are_equal() -> None:
    """Whether a ticket is packed makes no difference, nor in which order fields came."""
    plain, packed = TicketList([FULL, PLAIN]), TicketList([FULL, PLAIN])
    packed.pack(1)
    assert plain.view() == packed.view()
    assert packed.view() == plain.view()
    again = evolve(FULL, vendor=dict(reversed(list(FULL.vendor.items()))))
    plain.replace(again)
    plain.pack(1)
    assert plain.view() == packed.view()
    plain.replace(evolve(FULL, progress=0.2))
    plain.pack(1)
    assert plain.view() != packed.view()
    assert tuple(packed.view()) == (FULL.public(), PLAIN.public())
    assert packed.view()[0] == FULL.public()


async def test_odd_words_are_shown_between_polls() -> None:
    """A ticket is packed after each poll, if that is possible, and shows what was said."""
    said: list[dict[str, Any]] = [{"n": 10**30}, {"n": 1}, {"text": "x" * 300}]
    vendor = capable(Vendor(), poll_s=60.0, min_poll_s=60.0)
    vendor.polls = deque(Observation(words=("Running",), vendor=fields) for fields in said)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(1))
        for number, fields in enumerate(said, 1):
            while len(vendor.polled) < number:
                await world.clock.sleep(10.0)
            await world.clock.sleep(10.0)
            assert job.status.tickets[0].vendor == fields

"""What is done for one ticket looks at no other, however many a job has."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.hubs import World, numbered, scripted_world
from support.vendor import Vendor, capable

from batchhub import BatchJob, BatchState, BatchStatus, Ticket
from batchhub._store import TicketList, TicketRecord
from batchhub.adapter import Observation
from batchhub.models.status import vendor_words
from batchhub.polling import Fixed

MANY = 600


def records(count: int) -> list[TicketRecord]:
    """Make tickets of one item."""
    return [TicketRecord(job_no=1, position=n, first_item=n, total=1) for n in range(1, count + 1)]


class Looks:
    """Counts how often all tickets of a job are looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.all = self.one = 0
        walk, get = TicketList.look, TicketList.get

        def count_walk(tickets: TicketList) -> Iterator[Any]:
            self.all += 1
            return walk(tickets)

        def count_get(tickets: TicketList, position: int) -> TicketRecord:
            self.one += 1
            return get(tickets, position)

        monkeypatch.setattr(TicketList, "look", count_walk)
        monkeypatch.setattr(TicketList, "get", count_get)


async def running(world: World, count: int) -> None:
    """Submit a job all of whose tickets are at the vendor, which is slow."""
    job = await world.hub.submit("shop", numbered(count))
    while job.status.state is not BatchState.IN_PROGRESS or any(
        ticket.vendor_state is None for ticket in job.status.tickets
    ):
        await world.clock.sleep(5.0)


@pytest.mark.parametrize("count", [6, MANY])
async def test_a_poll_looks_at_one_ticket(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a poll nor a status of a job goes through its tickets."""
    vendor = capable(Vendor(), max_items=1, tickets_per_job=10_000, poll_s=60.0, min_poll_s=60.0)
    vendor.polls = deque(
        Observation(words=("Running",), progress=n / 10**6) for n in range(10 * count)
    )
    async with scripted_world(vendor) as world:
        await running(world, count)
        (job,) = await world.hub.jobs()
        looks, polled = Looks(monkeypatch), len(vendor.polled)
        while len(vendor.polled) < polled + 5:
            await world.clock.sleep(1.0)
            assert job.status.counts.total == count
        polls = len(vendor.polled) - polled
        assert looks.all == 0
        assert looks.one <= 20 * (polls + 8)  # some may be under way


async def test_resume_keeps_no_handle_before_its_turn(tmp_path: Path) -> None:
    """There may be 100,000 jobs, which their lanes know already."""
    path, vendor = tmp_path / "jobs.db", capable(Vendor(), poll_s=60.0, min_poll_s=60.0)
    async with scripted_world(vendor, path, polling=Fixed(60.0)) as world:
        world.hub._opened.driver.drive = lambda _: None  # type: ignore[union-attr,method-assign]
        wanted = [(await world.hub.submit("shop", numbered(1))).id for _ in range(20)]
    vendor.polls = deque([Observation(words=("Running",))] * 50)
    async with scripted_world(vendor, path, polling=Fixed(60.0)) as world:
        resuming = asyncio.create_task(world.hub.resume())
        while len(vendor.polls) > 20:
            await world.clock.sleep(5.0)
        gc.collect()  # what submits left behind is no handle of `resume`
        kept = [each for each in gc.get_objects() if isinstance(each, BatchJob)]
        handles = sum(each.id in wanted for each in kept)
        assert handles <= 2
        assert [job.id for job in await resuming] == wanted


def test_a_view_is_of_its_moment() -> None:
    """It stays as it was while the tickets change, and shares what did not."""
    tickets = TicketList(records(MANY))
    before = tickets.view()
    tickets.replace(evolve(tickets.get(300), state=BatchState.QUEUED))
    after = tickets.view()
    tickets.replace(evolve(tickets.get(300), state=BatchState.IN_PROGRESS))

    assert before[299].state is BatchState.PENDING
    assert after[299].state is BatchState.QUEUED
    assert tickets.view()[299].state is BatchState.IN_PROGRESS
    assert before != after
    assert before == TicketList(records(MANY)).view()
    assert [a is b for a, b in zip(before._blocks, after._blocks, strict=True)] == [
        True,
        False,
        True,
    ]


def test_a_display_makes_no_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor's words are drawn again and again, for jobs with many tickets too."""
    made = [evolve(each, vendor_state="PONDERING") for each in records(MANY)]
    view = TicketList(made).view()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    status = BatchStatus(
        job_id="j",
        account="a",
        adapter="x",
        operation="o",
        tickets=view,
        created_at=now,
        updated_at=now,
    )
    monkeypatch.setattr(TicketRecord, "public", None)
    assert vendor_words(status) == "PONDERING"


def test_a_view_is_a_sequence_of_tickets() -> None:
    """As the tuple that it stands for."""
    made = records(MANY)
    view, plain = TicketList(made).view(), tuple(record.public() for record in made)

    assert len(view) == MANY
    assert isinstance(view[0], Ticket)
    assert (view[0], view[-1], view[250:260]) == (plain[0], plain[-1], plain[250:260])
    assert tuple(view) == plain
    assert view == plain
    assert plain == view
    assert view != plain[:-1]
    assert view != "tickets"
    assert plain[7] in view
    assert deepcopy(view) == view
    assert repr(view) == "<600 tickets>"
    assert not TicketList([]).view()
    for beyond in (MANY, -MANY - 1):
        with pytest.raises(IndexError, match=str(beyond)):
            view[beyond]


def test_a_view_equals_one_of_the_same_tickets_however_they_came() -> None:
    """One that changed to and fro is what it was before."""
    tickets, before = TicketList(records(300)), TicketList(records(300)).view()
    first = tickets.get(1)
    tickets.replace(evolve(first, message="changed"))
    assert tickets.view() != before
    tickets.replace(first)
    assert tickets.view() == before

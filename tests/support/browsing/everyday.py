"""A store as it is on a Tuesday morning: what the pictures of the docs show."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from attrs import evolve

from batchhub._store import JobRecord, TicketRecord
from batchhub.models import BatchState, Counts, Finding, ItemState
from support.page_store import Made, make_record, make_ticket, write_store

NOW: Final = datetime(2026, 11, 24, 9, 41, 20, tzinfo=UTC)

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_DAYS: Final = 5
_REASONS: Final = (
    (ItemState.FAILED, 404, "product not found"),
    (ItemState.FAILED, 404, "product not found"),
    (ItemState.FAILED, 503, "the catalogue is being rebuilt, try again later"),
    (ItemState.FAILED, 404, "product not found"),
    (ItemState.FAILED, 422, "price must be above zero"),
    (ItemState.FAILED, 503, "the catalogue is being rebuilt, try again later"),
    (ItemState.FAILED, 409, "a newer price is there already"),
    (ItemState.NOT_EXECUTED, None, "not executed: the batch was stopped before it"),
    (ItemState.UNKNOWN, None, "the vendor has no result for it any more"),
)
_STALLED: Final = Finding(code="stalled", message="the vendor makes no progress")

_FIELDS: Final = ("succeeded", "failed", "not_executed", "unknown")

# Items that succeeded, failed, were not executed, and are unknown.
_Ended = tuple[int, int, int, int]


def fill_everyday_store(path: Path) -> str:
    """
    Make the store.

    Returns:
        The id of the job that is worth a look: it ended, and some of its items failed.
    """
    maker = _Maker()
    made = sorted(maker.make(), key=lambda one: one.job.created_at)
    for number, one in enumerate(made, 1):
        job = evolve(one.job, job_no=number)
        made[number - 1] = evolve(
            one, job=job, tickets=[evolve(each, job_no=number) for each in one.tickets]
        )
    asyncio.run(write_store(path, made, NOW))
    return maker.partial_id


class _Maker:
    def __init__(self) -> None:
        self._rng = random.Random(24)
        self.partial_id = ""

    def make(self) -> Iterator[Made]:
        """Make the jobs of some days, and what is open now."""
        for day in range(_DAYS):
            night = NOW.replace(hour=2, minute=0, second=4) - timedelta(days=day)
            yield self._ended("north-shop", "prices", night, "nightly prices", [(500, 0, 0, 0)] * 4)
            lost = (480, 0, 0, 20) if day == 2 else (500, 0, 0, 0)
            yield self._ended("warehouse", "products", night, None, [(500, 0, 0, 0), lost])
            yield self._ended(
                "marketplace", "prices", night + timedelta(minutes=31), None, [(900, 0, 0, 0)]
            )
            yield self._ended(
                "south-shop", "prices", night, "nightly prices", self._nightly(is_today=not day)
            )
            for hour in (4, 7) if not day else (4, 7, 10, 13, 16, 19):
                tills = night.replace(hour=hour, minute=15)
                for account in ("north-shop", "south-shop"):
                    counts = [(self._rng.randint(60, 240), 0, 0, 0)]
                    yield self._ended(account, "stock", tills, "stock from the tills", counts)
        yield from self._open()

    def _nightly(self, *, is_today: bool) -> Sequence[_Ended]:
        if not is_today:
            return [(500, 0, 0, 0)] * 6
        return [
            (500, 0, 0, 0),
            (463, 37, 0, 0),
            (500, 0, 0, 0),
            (488, 12, 0, 0),
            (500, 0, 0, 0),
            (331, 9, 0, 0),
        ]

    def _ended(
        self,
        account: str,
        operation: str,
        began: datetime,
        label: str | None,
        parts: Sequence[_Ended],
    ) -> Made:
        tickets = []
        at, first = began + timedelta(seconds=self._rng.randint(1, 9)), 1
        for position, part in enumerate(parts, 1):
            counts = Counts(**dict(zip(_FIELDS, part, strict=True)))
            ended = at + timedelta(seconds=counts.total / 6 + self._rng.randint(5, 40))
            ticket = make_ticket(
                0, position, first, counts.total, BatchState.COMPLETED, at, ended
            ).with_counts(counts)
            tickets.append(self._name(ticket, position))
            first += counts.total
            at = ended if account != "warehouse" else at + timedelta(seconds=2)
        job = self._record(account, operation, began, label, "", tickets[-1].finished_at)
        if any(failed for _, failed, _, _ in parts):
            self.partial_id = job.job_id
        return Made(job=job, tickets=tickets, reasons=_REASONS)

    def _open(self) -> Iterator[Made]:
        began = NOW - timedelta(minutes=9, seconds=12)
        yield self._running("north-shop", "prices", began, "winter sale", "running", 12, 7)
        began = NOW - timedelta(minutes=2, seconds=5)
        yield self._running("warehouse", "stock", began, "stock from the tills", "running", 3, 1)
        began = NOW - timedelta(minutes=48)
        stalled = self._running("warehouse", "products", began, "new images", "running", 2, 0)
        tickets = [
            evolve(each, findings=(_STALLED,), vendor_state="PROCESSING")
            if each.state is BatchState.IN_PROGRESS
            else each
            for each in stalled.tickets
        ]
        yield evolve(stalled, tickets=tickets)
        began = NOW - timedelta(hours=1, minutes=22)
        ticket = make_ticket(0, 1, 1, 240, BatchState.UNCONFIRMED, began, None)
        ticket = evolve(ticket, message="no answer within 120 s", vendor_refs=(), accepted_at=None)
        job = self._record("south-shop", "products", began, "descriptions, Danish", "held", None)
        yield Made(job=job, tickets=[ticket])

    def _running(
        self,
        account: str,
        operation: str,
        began: datetime,
        label: str,
        kind: str,
        tickets: int,
        done: int,
    ) -> Made:
        made = []
        at = began + timedelta(seconds=3)
        for position in range(1, tickets + 1):
            state, ended = BatchState.PENDING, None
            if position <= done:
                ended = at + timedelta(seconds=68 + self._rng.randint(0, 9))
                state = BatchState.COMPLETED
            elif position == done + 1:
                state = BatchState.IN_PROGRESS
            ticket = make_ticket(0, position, 1 + 500 * (position - 1), 500, state, at, ended)
            if state is BatchState.COMPLETED:
                ticket = ticket.with_counts(Counts(succeeded=500))
            elif state is BatchState.IN_PROGRESS:
                ticket = evolve(ticket, progress=0.42, vendor_state="IN_PROGRESS")
            made.append(self._name(ticket, position))
            at = ended or at
        job = self._record(account, operation, began, label, kind, None)
        return Made(job=evolve(job, observed_at=NOW - timedelta(seconds=4)), tickets=made)

    def _record(
        self,
        account: str,
        operation: str,
        began: datetime,
        label: str | None,
        kind: str,
        ended: datetime | None,
    ) -> JobRecord:
        job_id = f"{began:%y%m%d}-" + "".join(self._rng.choices(_ALPHABET, k=8))
        record = make_record(0, job_id, account, began, kind, 1, ended)
        key = f"prices-{account}-{began:%m-%d}" if label == "nightly prices" else None
        return evolve(record, operation=operation, label=label, key=key)

    def _name(self, ticket: TicketRecord, position: int) -> TicketRecord:
        if not ticket.vendor_refs:
            return ticket
        return evolve(ticket, vendor_refs=(f"{self._rng.randrange(16**6):06x}-{position}",))

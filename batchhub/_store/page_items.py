"""Items as a page shows them: those of a job with their results, and a search over all jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, and_, bindparam, func, select

from batchhub.models import ItemState

from .codec import from_text
from .tables import LARGEST, items, jobs, results, tickets
from .targets import HASH_BYTES
from .ticket_rows import PAGE as MOST_VALUES

CHUNK: Final = 20_000
"""Items that are looked at in one transaction: others read between two of them."""

_MOST_JOBS: Final = 500
"""Jobs that are looked at in one transaction, at most."""

_FIELDS: Final = (
    items.c.position,
    items.c.item_id,
    results.c.state,
    results.c.code,
    results.c.message,
    results.c.vendor_ref,
    results.c.retried_in,
)
_RESULT_OF: Final = and_(results.c.job_no == items.c.job_no, results.c.position == items.c.position)
_PAGE: Final = (
    select(*_FIELDS)
    .where(items.c.job_no == bindparam("this_job"), items.c.position > bindparam("after"))
    .order_by(items.c.position)
    .limit(bindparam("most"))
)
_ALL: Final = _PAGE.select_from(items.outerjoin(results, _RESULT_OF))
_WAITING: Final = _ALL.where(results.c.position.is_(None))
# The results come first, so that the search for a state reads no items.
_IN_STATES: Final = (
    select(*_FIELDS)
    .select_from(results.join(items, _RESULT_OF))
    .where(
        results.c.job_no == bindparam("this_job"),
        results.c.position > bindparam("after"),
        results.c.state.in_(bindparam("states", expanding=True)),
    )
    .order_by(results.c.position)
    .limit(bindparam("most"))
)
_SPAN: Final = (
    select(jobs.c.job_no, jobs.c.total)
    .where(jobs.c.job_no <= bindparam("newest"), jobs.c.place.is_not(None))
    .order_by(jobs.c.job_no.desc())
    .limit(_MOST_JOBS)
)
_BY_ID: Final = select(items.c.job_no, items.c.position).where(
    items.c.job_no >= bindparam("oldest"),
    items.c.job_no <= bindparam("newest"),
    items.c.position > bindparam("after"),
    items.c.position <= bindparam("until"),
    items.c.item_id == bindparam("text"),
)
_TARGETS: Final = select(tickets.c.job_no, tickets.c.first_item, tickets.c.targets).where(
    tickets.c.job_no >= bindparam("oldest"),
    tickets.c.job_no <= bindparam("newest"),
    tickets.c.first_item <= bindparam("until"),
    tickets.c.first_item + tickets.c.total > bindparam("after"),
    func.length(tickets.c.targets) > 0,
)
_HITS: Final = (
    select(jobs.c.job_no, jobs.c.job_id, jobs.c.account, jobs.c.created_at, *_FIELDS)
    .select_from(jobs.join(items, items.c.job_no == jobs.c.job_no).outerjoin(results, _RESULT_OF))
    .where(
        jobs.c.place.is_not(None),
        jobs.c.job_no == bindparam("this_job"),
        items.c.position.in_(bindparam("positions", expanding=True)),
    )
    .order_by(items.c.position)
)
_NEWEST: Final = select(func.max(jobs.c.job_no)).where(jobs.c.place.is_not(None))


@frozen(kw_only=True)
class ShownItem:
    """
    An item and what came of it, without the vendor's answer.

    Attributes:
        position: Its position in the job.
        item_id: Its id.
        state: How it went; `None` while it has no result.
        code: Its own status.
        message: The vendor's message.
        vendor_ref: The vendor's id for it.
        retried_in: The job that repeats it; `None` if none does.
    """

    position: int
    item_id: str
    state: ItemState | None
    code: int | None
    message: str | None
    vendor_ref: str | None
    retried_in: str | None


@frozen(kw_only=True)
class Hit:
    """
    An item that was searched for.

    Attributes:
        job_id: Its job.
        account: The job's account.
        created_at: When the job was submitted; `None` if that can't be read.
        item: The item.
        is_by_id: Whether its id is what was searched for.
        is_by_target: Whether what it changes is.
    """

    job_id: str
    account: str
    created_at: datetime | None
    item: ShownItem
    is_by_id: bool
    is_by_target: bool


@frozen(kw_only=True)
class Spot:
    """
    Where a search goes on: behind an item of a job, then with the jobs before it.

    Attributes:
        job_no: The number of the job.
        after: The position of the item in it, from 0.
    """

    job_no: int
    after: int = 0


@frozen(kw_only=True)
class Searched:
    """
    A part of a search.

    Attributes:
        hits: What was found, newest jobs first.
        jobs: How many jobs were looked at to their end.
        items: How many items were looked at, at most.
        next: Where to go on; `None` after the oldest job.
    """

    hits: Sequence[Hit]
    jobs: int
    items: int
    next: Spot | None


def items_page(
    connection: Connection,
    job_no: int,
    *,
    after: int,
    most: int,
    states: Collection[ItemState] | None,
) -> list[ShownItem]:
    """
    Return items of a job behind a position, in order.

    Args:
        connection: Of a transaction.
        job_no: The job.
        after: The position.
        most: How many at most.
        states: Only items in these states; none of them for items without a result yet; `None` for
            all items.
    """
    facts: dict[str, Any] = {"this_job": job_no, "after": after, "most": most}
    if states:
        facts["states"] = [state.value for state in states]
    query = _ALL if states is None else _IN_STATES if states else _WAITING
    return [_read_item(row) for row in connection.execute(query, facts)]


def newest_job(connection: Connection) -> Spot | None:
    """Return where a search begins; `None` in a store without jobs."""
    newest = connection.execute(_NEWEST).scalar()
    return None if newest is None else Spot(job_no=newest)


def search_items(
    connection: Connection, text: str, target: bytes, spot: Spot, most: int
) -> Searched:
    """
    Look for items by their id or by what they change, in one part of the store.

    Ids that batchhub gave, which are the items' positions, are not looked for: every job has them.

    Args:
        connection: Of a transaction.
        text: The id.
        target: The hash of the target.
        spot: Where to begin.
        most: How many hits at most, above 0.
    """
    rows = connection.execute(_SPAN, {"newest": spot.job_no}).all()
    after = spot.after if rows and rows[0].job_no == spot.job_no else 0
    numbers, looked_at, until = _choose([(row.job_no, row.total) for row in rows], after)
    if not numbers:
        return Searched(hits=(), jobs=0, items=0, next=None)
    span = {"newest": numbers[0], "oldest": numbers[-1], "after": after, "until": until}
    by_id = {
        (job_no, position)
        for job_no, position in connection.execute(_BY_ID, {**span, "text": text})
        if str(position) != text
    }
    by_target = set(_find_targets(connection.execute(_TARGETS, span), target, after, until))
    found = sorted(by_id | by_target, key=lambda at: (-at[0], at[1]))
    hits = [
        _read_hit(row, by_id, by_target)
        for job_no, some in groupby(found[:most], key=itemgetter(0))
        for row in _read_some(connection, job_no, [position for _, position in some])
    ]
    following = _go_on(numbers, rows, until)
    ended = len(numbers) if until == _NO_END else 0
    if len(found) > most:
        following = Spot(job_no=found[most - 1][0], after=found[most - 1][1])
        ended = numbers.index(following.job_no)
    return Searched(hits=hits, jobs=ended, items=looked_at, next=following)


def _go_on(numbers: Sequence[int], rows: Sequence[Any], until: int) -> Spot | None:
    """Return where the part after this one begins."""
    if until != _NO_END:
        return Spot(job_no=numbers[0], after=until)
    if len(numbers) < len(rows):
        return Spot(job_no=rows[len(numbers)].job_no)
    return Spot(job_no=numbers[-1] - 1) if len(rows) == _MOST_JOBS else None


def _read_some(connection: Connection, job_no: int, positions: Sequence[int]) -> Iterator[Any]:
    for at in range(0, len(positions), MOST_VALUES):
        these = {"this_job": job_no, "positions": positions[at : at + MOST_VALUES]}
        yield from connection.execute(_HITS, these)


_NO_END: Final = LARGEST


def _choose(found: Sequence[tuple[int, int]], after: int) -> tuple[list[int], int, int]:
    """
    Choose the jobs of a part: several small ones, or a piece of a large one.

    Returns:
        Their numbers, how many items are looked at, and the position at which a piece ends.
    """
    numbers: list[int] = []
    looked_at = 0
    for job_no, total in found:
        left = total - after if not numbers else total
        if not numbers and (left > CHUNK or after):
            # A piece of one job, for a span of positions holds for all jobs of a part.
            is_last = left <= CHUNK
            return [job_no], max(0, min(left, CHUNK)), _NO_END if is_last else after + CHUNK
        if looked_at + left > CHUNK:
            break
        numbers.append(job_no)
        looked_at += left
    return numbers, looked_at, _NO_END


def _find_targets(
    rows: Iterable[Any], target: bytes, after: int, until: int
) -> Iterator[tuple[int, int]]:
    for job_no, first_item, packed in rows:
        if not isinstance(packed, bytes):
            continue  # damaged: as good as unknown
        at = packed.find(target)
        while at >= 0:
            position = first_item + at // HASH_BYTES
            if not at % HASH_BYTES and after < position <= until:
                yield job_no, position
            at = packed.find(target, at + 1)


def _read_hit(row: Any, by_id: set[tuple[int, int]], by_target: set[tuple[int, int]]) -> Hit:
    try:
        created_at = from_text(row.created_at)
    except (TypeError, ValueError):  # damaged, which is said when the job is read
        created_at = None
    at = (row.job_no, row.position)
    return Hit(
        job_id=row.job_id,
        account=str(row.account),
        created_at=created_at,
        item=_read_item(row),
        is_by_id=at in by_id,
        is_by_target=at in by_target,
    )


def _read_item(row: Any) -> ShownItem:
    return ShownItem(
        position=row.position,
        item_id=str(row.item_id),
        state=ItemState(row.state) if row.state in {*ItemState} else None,
        code=row.code if isinstance(row.code, int) else None,
        message=row.message if isinstance(row.message, str) else None,
        vendor_ref=row.vendor_ref if isinstance(row.vendor_ref, str) else None,
        retried_in=row.retried_in if isinstance(row.retried_in, str) else None,
    )

"""What the items of tickets change at the vendor, as it is stored: hashes, in the items' order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence, Set
from typing import Any, Final, TypeGuard

from sqlalchemy import Connection, bindparam, or_, select

from batchhub.models import BatchState, ItemState

from .database import Database
from .records import JobRecord
from .tables import LARGEST, jobs, results, tickets
from .works import Work

HASH_BYTES: Final = 8
"""The bytes of a target's hash."""

NOTHING: Final = bytes(HASH_BYTES)
"""In place of the hash of an item that has no target."""

TicketKey = tuple[int, int]
"""A ticket: the number of its job, and its position."""

TargetSet = frozenset[bytes] | None
"""The targets of a ticket's items; `None` if nobody knows them, so that it may be anything."""

_OF_TICKETS: Final = select(tickets.c.position, tickets.c.targets).where(
    tickets.c.job_no == bindparam("this_job"),
    tickets.c.position.in_(bindparam("positions", expanding=True)),
)
_PAGE: Final = 100
_NEWEST: Final[tuple[int, int] | None] = (LARGEST, 0)

# Newest first. A ticket that certainly ended without the vendor having it changed nothing.
_NEWER: Final = (
    select(jobs.c.place, tickets.c.position, jobs.c.job_id, tickets.c.targets)
    .join_from(jobs, tickets, jobs.c.job_no == tickets.c.job_no)
    .where(
        jobs.c.lane == bindparam("lane"),
        jobs.c.operation == bindparam("operation"),
        jobs.c.place > bindparam("after_place"),
        # The first says what the second implies, so that the index by place is used from there on.
        jobs.c.place <= bindparam("place"),
        or_(jobs.c.place < bindparam("place"), tickets.c.position > bindparam("position")),
        tickets.c.targets.is_not(None),
        or_(
            tickets.c.accepted_at.is_not(None),
            tickets.c.unknown > 0,
            tickets.c.state.not_in([BatchState.FAILED.value, BatchState.CANCELLED.value]),
        ),
    )
    .order_by(jobs.c.place.desc(), tickets.c.position)
    .limit(bindparam("most"))
)
_OF_JOB: Final = (
    select(tickets.c.position, tickets.c.first_item, tickets.c.targets)
    .where(
        tickets.c.job_no == bindparam("this_job"),
        tickets.c.position > bindparam("after"),
        tickets.c.targets.is_not(None),
    )
    .order_by(tickets.c.position)
    .limit(bindparam("most"))
)
_RAN: Final = (
    select(results.c.position, results.c.state, results.c.code)
    .where(
        results.c.job_no == bindparam("this_job"),
        results.c.position.in_(bindparam("positions", expanding=True)),
        results.c.state.in_([ItemState.SUCCEEDED.value, ItemState.UNKNOWN.value]),
    )
    .order_by(results.c.position)
)
_COVERING: Final = (
    select(tickets.c.first_item, tickets.c.total, tickets.c.targets)
    .where(
        tickets.c.job_no == bindparam("this_job"),
        tickets.c.first_item <= bindparam("last"),
        tickets.c.first_item + tickets.c.total > bindparam("first"),
    )
    .order_by(tickets.c.position)
)


def pack_targets(hashes: bytes | bytearray) -> bytes:
    """Return the hashes of a ticket's items as they are stored: nothing if no item has one."""
    return bytes(hashes) if any(hashes) else b""


def _is_sound(packed: object) -> TypeGuard[bytes]:
    """Whether a ticket's targets are known; a damaged value is as good as none."""
    return isinstance(packed, bytes) and not len(packed) % HASH_BYTES


def read_targets(packed: bytes | None) -> TargetSet:
    """Return the targets of a ticket from what is stored."""
    if not _is_sound(packed):
        return None
    hashes = {packed[n : n + HASH_BYTES] for n in range(0, len(packed), HASH_BYTES)}
    return frozenset(hashes - {NOTHING})


def target_of_each(
    connection: Connection, job_no: int, positions: Sequence[int]
) -> list[bytes | None]:
    """
    Return the hashes of the targets of some items of a job.

    Args:
        connection: The transaction.
        job_no: The job.
        positions: The items' positions in the job, ascending.

    Returns:
        One each; `NOTHING` for an item without a target, `None` if nobody knows.
    """
    if not positions:
        return []
    span = {"this_job": job_no, "first": positions[0], "last": positions[-1]}
    return list(_pick(iter(connection.execute(_COVERING, span).all()), positions))


class Targets:
    """
    The targets in a store.

    Every method raises `StoreError` when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def read(self, keys: Collection[TicketKey]) -> dict[TicketKey, TargetSet]:
        """Return the targets of some tickets; those that are gone have none."""
        by_job: dict[int, list[int]] = {}
        for job_no, position in keys:
            by_job.setdefault(job_no, []).append(position)

        def work(connection: Connection) -> dict[TicketKey, TargetSet]:
            found: dict[TicketKey, TargetSet] = {key: frozenset() for key in keys}
            for job_no, positions in by_job.items():
                for at in range(0, len(positions), _PAGE):
                    this = {"this_job": job_no, "positions": positions[at : at + _PAGE]}
                    for position, packed in connection.execute(_OF_TICKETS, this):
                        found[job_no, position] = read_targets(packed)
            return found

        return await self._db.read(work)

    async def find_newer(self, job: JobRecord, wanted: Set[bytes]) -> dict[bytes, str]:
        """
        Find which of some targets are changed by jobs of the same lane and operation that came
        later, or are still to be.

        They are looked at newest first, a chunk of tickets at a time.

        Args:
            job: The older job.
            wanted: The hashes of the targets.

        Returns:
            The id of the newest such job, by hash.
        """
        found: dict[bytes, str] = {}
        left, start = set(wanted), _NEWEST
        while left and start is not None:
            page, start = await self._db.read(_newer_page(job, left, start))
            found |= page
            left -= page.keys()
        return found

    async def find_last(
        self,
        job: JobRecord,
        wanted: Set[bytes],
        is_left: Callable[[ItemState, int | None], bool],
    ) -> dict[bytes, int]:
        """
        Find the last item of a job that changed, or may have changed, each of some targets.

        Args:
            job: The job.
            wanted: The hashes of the targets.
            is_left: Whether an item in a state, with an HTTP status of its own, does not count, as
                one that is to be repeated itself.

        Returns:
            The item's position in the job, by hash.
        """
        found: dict[bytes, int] = {}
        after: int | None = 0
        while after is not None:
            page, after = await self._db.read(_last_page(job, wanted, is_left, after))
            found |= page
        return found


def _last_page(
    job: JobRecord,
    wanted: Set[bytes],
    is_left: Callable[[ItemState, int | None], bool],
    after: int,
) -> Work[tuple[dict[bytes, int], int | None]]:
    """Look at a job's tickets behind a position; tells where to go on."""
    this = {"this_job": job.job_no}

    def work(connection: Connection) -> tuple[dict[bytes, int], int | None]:
        found: dict[bytes, int] = {}
        rows = connection.execute(_OF_JOB, {**this, "after": after, "most": _PAGE}).all()
        for _, first_item, packed in rows:
            hashes = packed if _is_sound(packed) else b""
            at = {
                first_item + n // HASH_BYTES: hashes[n : n + HASH_BYTES]
                for n in range(0, len(hashes), HASH_BYTES)
                if hashes[n : n + HASH_BYTES] in wanted
            }
            positions = sorted(at)
            for start in range(0, len(positions), _PAGE):
                some = {"positions": positions[start : start + _PAGE]}
                for position, state, code in connection.execute(_RAN, {**this, **some}):
                    if not is_left(ItemState(state), code):
                        found[at[position]] = position
        return found, rows[-1].position if len(rows) == _PAGE else None

    return work


def _newer_page(
    job: JobRecord, wanted: Set[bytes], start: tuple[int, int]
) -> Work[tuple[dict[bytes, str], tuple[int, int] | None]]:
    """Look at tickets from a job's place, behind a position, on; tells where to go on."""
    values = {
        "lane": job.lane,
        "operation": job.operation,
        "after_place": job.place,
        "place": start[0],
        "position": start[1],
        "most": _PAGE,
    }

    def work(connection: Connection) -> tuple[dict[bytes, str], tuple[int, int] | None]:
        found: dict[bytes, str] = {}
        at: tuple[int, int] | None = None
        rows = connection.execute(_NEWER, values).all()
        for place, position, job_id, packed in rows:
            at = (place, position)
            for target in (read_targets(packed) or frozenset()) & wanted:
                found.setdefault(target, job_id)
        return found, at if len(rows) == _PAGE else None

    return work


def _pick(rows: Iterator[Any], positions: Sequence[int]) -> Iterator[bytes | None]:
    end, start, packed = 0, 0, None
    for position in positions:
        while position >= end:
            start, total, packed = next(rows)
            end = start + total
        if not _is_sound(packed):
            yield None
        else:
            at = (position - start) * HASH_BYTES
            yield packed[at : at + HASH_BYTES] or NOTHING

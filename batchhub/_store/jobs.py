"""Jobs in the store: those of a key, those that are open, and what is known of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve
from sqlalchemy import Connection

from batchhub.models import BatchState, BatchStatus, Contact, Finding

from . import job_rows, lane_rows, ticket_rows
from .codec import read_job, read_summary
from .damage import DamagedError, note
from .database import Database
from .job_names import Named, find_named
from .job_rows import StoredJob
from .job_search import find_rows
from .lane_records import Hold
from .lane_rows import take_place
from .open_jobs import OpenJob, open_page
from .records import JobRecord, TicketRecord, make_status
from .ticket_view import TicketView

_PAGE: Final = 200
"""How many lanes are asked about in one transaction."""


class Jobs:
    """
    The jobs of a store that have come whole.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def find_by_key(self, lane: str, key: str, fingerprint: str) -> JobRecord | None:
        """
        Return the job that has a key in a lane; `None` if none has.

        Raises:
            KeyConflictError: The job has another fingerprint.
        """

        def work(connection: Connection) -> JobRecord | None:
            return job_rows.find_by_key(connection, lane, key, fingerprint)

        return await self._db.read(work)

    async def find_named(self, name: str) -> Named:
        """Return the jobs that a user may mean by a name: an id, a key, or the like."""
        return await self._db.read(lambda connection: find_named(connection, name))

    async def get(self, job_id: str) -> StoredJob:
        """
        Return a job and what is known of it.

        Raises:
            NotKnownError: The store has no such job.
        """
        job, status, _ = await self.look_at(job_id, tickets=True)
        return job, status

    async def look_at(self, job_id: str, *, tickets: bool) -> tuple[JobRecord, BatchStatus, str]:
        """
        Return a job, what is known of it, and its stamp: see `stamps`.

        Args:
            job_id: Its id.
            tickets: Whether to read its tickets.

        Raises:
            NotKnownError: The store has no such job.
        """

        def work(connection: Connection) -> tuple[JobRecord, BatchStatus, str]:
            row = job_rows.get_row(connection, job_id)
            job, status = job_rows.get_stored(connection, row, with_tickets=tickets)
            return job, status, job_rows.stamp_of(row)

        return await self._db.read(work)

    async def find(
        self,
        *,
        account: str | None = None,
        label: str | None = None,
        states: Collection[BatchState] | None = None,
        since: datetime | None = None,
        before: str | None = None,
        limit: int | None = None,
        tickets: bool = True,
    ) -> list[StoredJob]:
        """
        Return the jobs of an account, in certain states, made since a time.

        Args:
            account: The account; `None` for any.
            label: What is in their label, in any case of letters; `None` for any.
            states: The states; `None` for any.
            since: When they were made, at the earliest.
            before: The id of the job that they are older than; `None` for any.
            limit: How many at most; `None` for all.
            tickets: Whether to read their tickets.

        Returns:
            The jobs, oldest first; with `before` or `limit` newest first.

        Raises:
            NotKnownError: The store has no job `before`.
        """

        def work(connection: Connection) -> list[StoredJob]:
            rows = find_rows(
                connection,
                label,
                limit,
                account=account,
                states=states,
                since=since,
                before=None if before is None else job_rows.get_job(connection, before).job_no,
            )
            numbers = [row["job_no"] for row in rows] if tickets else []
            theirs = ticket_rows.tickets_of_jobs(connection, numbers)
            found: list[StoredJob] = []
            for row in rows:
                try:
                    job = read_job(row)
                    view = TicketView.of(_tickets_in(theirs, job)) if tickets else ()
                    status = make_status(job, read_summary(row), view)
                except DamagedError as error:  # one job's, which hides no other
                    note(error)
                else:
                    found.append((job, status))
            return found

        return await self._db.read(work)

    async def find_open_ids(self) -> list[tuple[str, str, str]]:
        """Return id, account and lane of each unfinished job, oldest first."""

        def work(connection: Connection) -> list[tuple[str, str, str]]:
            return job_rows.open_ids(connection)

        return await self._db.read(work)

    async def open_page(self, after: int, most: int) -> tuple[list[OpenJob], int | None]:
        """Return the next open jobs in brief, and where to go on; see `open_jobs.open_page`."""
        return await self._db.read(lambda connection: open_page(connection, after, most))

    async def find_open(
        self, lane: str, *, after: int = 0
    ) -> list[tuple[JobRecord, list[TicketRecord]]]:
        """Return the unfinished jobs of a lane with their tickets, those after a place."""

        def work(
            connection: Connection,
        ) -> list[tuple[JobRecord, list[TicketRecord]]]:
            rows = job_rows.open_jobs(connection, lane, after)
            theirs = ticket_rows.tickets_of_jobs(connection, [row["job_no"] for row in rows])
            found: list[tuple[JobRecord, list[TicketRecord]]] = []
            for row in rows:
                try:
                    job = read_job(row)
                    read_summary(row)  # nothing of it could be written, if this can't be read
                    # Of a job that was taken in long ago nobody asks for the fingerprint.
                    found.append((evolve(job, fingerprint=""), _tickets_in(theirs, job)))
                except DamagedError as error:  # one job's, which stops no other
                    note(error)
            return found

        return await self._db.read(work)

    async def find_open_lanes(self, lanes: Sequence[str]) -> list[str]:
        """Return which of some lanes have unfinished jobs."""
        found: list[str] = []
        for at in range(0, len(lanes), _PAGE):
            page = lanes[at : at + _PAGE]

            def work(connection: Connection, page: Sequence[str] = page) -> list[str]:
                return [lane for lane in page if job_rows.has_open(connection, lane)]

            found += await self._db.read(work)
        return found

    async def open_marks(self, lanes: Sequence[str]) -> dict[str, str]:
        """Return of each lane a text that is another whenever its unfinished jobs have changed."""
        found: dict[str, str] = {}
        for lane in lanes:

            def work(connection: Connection, lane: str = lane) -> str:
                return job_rows.open_mark(connection, lane)

            found[lane] = await self._db.read(work)
        return found

    async def find_cancelled(self, lane: str) -> dict[int, datetime]:
        """Return when the unfinished jobs of a lane were asked to stop, by job number."""

        def work(connection: Connection) -> dict[int, datetime]:
            found: dict[int, datetime] = {}
            for row in job_rows.cancelled_jobs(connection, lane):
                try:
                    job = read_job(row)
                except DamagedError:  # said by who looked for open jobs
                    continue
                if job.cancelled_at is not None:
                    found[job.job_no] = job.cancelled_at
            return found

        return await self._db.read(work)

    async def save_cancel(self, job_id: str, at: datetime) -> None:
        """Keep that a job is to be cancelled; whoever drives it acts on it."""

        def work(connection: Connection) -> None:
            job_rows.cancel_job(connection, job_id, at)
            take_place(connection, job_rows.get_job(connection, job_id).lane)  # its driver looks

        await self._db.write(work)

    async def save_contact(
        self,
        job_nos: Collection[int],
        contact: Contact,
        note: str | None,
        hold: Hold | None = None,
    ) -> None:
        """Keep how well the vendor of some jobs is heard, if their lane is held."""

        def work(connection: Connection) -> None:
            if hold is None or lane_rows.is_held(connection, hold):
                job_rows.save_contact(connection, job_nos, contact, note)

        await self._db.write(work, lanes=None if hold is None else [hold.lane])

    async def stamps(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Return of each job a text that is another whenever its status is."""

        def work(connection: Connection) -> dict[str, str]:
            return job_rows.stamps(connection, job_ids)

        return await self._db.read(work)

    async def add_finding(self, job_id: str, finding: Finding) -> None:
        """Give a job that has ended a finding, in place of one with the same code."""

        def work(connection: Connection) -> None:
            job = job_rows.get_job(connection, job_id)
            kept = tuple(each for each in job.findings if each.code != finding.code)
            job_rows.save_findings(connection, job.job_no, (*kept, finding))

        await self._db.write(work)


def _tickets_in(
    found: Mapping[int, list[TicketRecord] | DamagedError], job: JobRecord
) -> list[TicketRecord]:
    theirs = found[job.job_no]
    if isinstance(theirs, DamagedError):
        raise theirs.of(job.job_id)
    return theirs

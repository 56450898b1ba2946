"""The handle of one job: wait for it, watch it, read its results, cancel or retry it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import suppress
from copy import copy
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from ._base.choices import read_choices
from ._base.handles import JOB, Handle
from ._base.log import get_logger
from ._base.scalars import to_python
from ._base.show import draw_html, draw_table
from ._base.threads import in_thread
from ._engine.adopt import adopt, find_unconfirmed, read_refs
from ._engine.exports import save_export
from ._engine.job_view import JobView
from ._engine.open_hub import OpenHub
from ._engine.retry import make_superseded, store_retry
from ._engine.retry_reasons import explain_nothing
from ._exchanges import read_record
from ._store import JobRecord
from ._store.retry_rows import Selection
from .errors import (
    NotKnownError,
    SettingsError,
    UnsupportedError,
    UsageError,
    WaitTimeoutError,
)
from .models import (
    BatchState,
    BatchStatus,
    Exchange,
    FailureGroup,
    InputRows,
    ItemResult,
    ItemState,
)
from .models.advice import Retries
from .models.status import facts, make_line, tally_of

if TYPE_CHECKING:
    # Whoever has them gets their types; to a checker without them they are `Any`.
    import pandas
    import polars
    import pyarrow
    from rich.table import Table

_OPEN: Final = frozenset(state for state in BatchState if not state.is_terminal)
_FAILED: Final = frozenset({ItemState.FAILED, ItemState.NOT_EXECUTED})
_UNKNOWN: Final = frozenset({ItemState.UNKNOWN})
_GIVE_UP_S: Final = 60.0
"""Seconds in which another process that drives a held job's account ends it, once cancelled."""

_AT_VENDOR: Final = frozenset({BatchState.QUEUED, BatchState.IN_PROGRESS})

__all__ = ["BatchJob"]

_log = get_logger()


class BatchJob(Handle):
    """
    One job of a hub.

    Attributes:
        id: Its id.
    """

    __slots__ = ("_view", "id")

    _handed_over_as = JOB

    def __init__(self, opened: OpenHub, record: JobRecord, status: BatchStatus) -> None:
        self.id = record.job_id
        self._view = JobView(opened, record, status)

    def __repr__(self) -> str:
        """Return its last known status in one line."""
        return make_line("BatchJob", self._view.last)

    def _repr_html_(self) -> str:
        """Return its status as a table for a notebook."""
        return draw_html(facts(self.status))

    def __rich__(self) -> Table:
        """Return its status as a table for a terminal."""
        return draw_table(facts(self.status))

    @property
    def key(self) -> str | None:
        """Its idempotency key, which no other job of its lane has; `None` without one."""
        return self._view.record.key

    @property
    def lane(self) -> str:
        """Its lane: adapter and identity of its account."""
        return self._view.record.lane

    @property
    def is_ours(self) -> bool:
        """Whether its account is one of this hub's, so that this hub can send it."""
        try:
            return self._view.opened.find_lane(self._view.record.lane) is not None
        except SettingsError:
            return False

    @property
    def needs_worker(self) -> bool:
        """
        Whether a worker has to drive it: its store is on PostgreSQL, and this hub is none.

        What is submitted, retried, cancelled or adopted here is handed over through the store then.
        """
        opened = self._view.opened
        return opened.store.is_cluster and not opened.driver.may_drive(self.lane)

    @property
    def status(self) -> BatchStatus:
        """Its last known status; `refresh` reads it again."""
        return self._view.status

    @property
    def cooling_until(self) -> datetime | None:
        """
        Time until which nothing is sent for its account, because the vendor asked for a pause.

        `None` if there is no cool-down, or if another process sends for this account.
        """
        return self._view.opened.driver.find_cooling(self._view.record.lane)

    async def refresh(self) -> BatchStatus:
        """Read its status again and return it."""
        return await self._view.refresh()

    async def wait(self, timeout_s: float | None = None) -> BatchStatus:
        """
        Wait until the job has ended, or is held because an unconfirmed ticket needs a decision.

        Waiting drives nothing. If the process that drove the job is gone, and this hub neither
        submits to its account nor runs `BatchHub.resume`, it waits for one that does. Where the
        store is on PostgreSQL, it waits for a worker; while none lives that has the account, the
        contact is ``stale`` and its note says what to start.

        Args:
            timeout_s: Seconds to wait at most; `None` for no limit.

        Raises:
            WaitTimeoutError: The time is up; the job goes on, and you can wait for it again.
            CredentialsError: The vendor refused the credentials; fix them and resume.
            StoreError: The store can't be read.
        """
        async for _ in self._view.watch(timeout_s, tickets=False):
            pass
        status, trouble = self._view.last, self._view.trouble
        if trouble is not None and not self._view.is_settled(status):
            # All jobs of the lane share the error; each raises its own, with its id.
            mine = copy(trouble)
            mine.job_id = self.id
            raise mine
        return status

    async def watch(self, *, tickets: bool = True) -> AsyncIterator[BatchStatus]:
        """
        Yield the status now and at each change, until the job has ended, is held or can't go on.

        Args:
            tickets: Whether each status has the tickets. Without them `status.tickets` may be empty
                if another process drives the job, and a change of a large one is read faster.

        Raises:
            StoreError: The store can't be read.
        """
        async for status in self._view.watch(None, tickets=tickets):
            yield status

    def results(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
        with_retries: bool = False,
    ) -> AsyncIterator[ItemResult]:
        """
        Iterate over the results so far, in the order of the items, one page in memory at a time.

        Args:
            only: Only results in this state or these states; `None` for all.
            code: Only items with this HTTP status or these statuses, such as 404; `None` for all,
                also for items without one.
            with_retries: Whether an item that was retried has its last word: the result of the
                newest retry that has one, also of a retry of a retry. While a retry has none yet,
                and where it was pruned, the result before it stands. `only` and `code` are about
                that last word.

        Raises:
            UsageError: There is no such state, or a code is not an integer.
        """
        results = self._view.opened.store.results
        find = results.last_words if with_retries else results.of_job
        return find(self.id, read_choices("only", ItemState, only), _read_codes(code))

    async def failures(self) -> list[FailureGroup]:
        """
        Return why items did not succeed so far: groups of items with the same reason.

        Those of the most items come first. They are at most a thousand, and one for each state and
        status of what has other messages, so every item is in one of them.

        Raises:
            StoreError: The store can't be read.
        """
        return await self._view.opened.store.results.failures(self.id)

    async def rows(self, *, with_retries: bool = False) -> InputRows:
        """
        Return the rows that the items were made of, in their order, each with its result so far.

        Rows that were refused are among them, with the reason. A job that retries others has the
        rows of the items it repeats, and no refused ones.

        Args:
            with_retries: Whether an item that was retried has the result of the newest retry that
                has one.

        Returns:
            An async iterable that knows the header: see `InputRows`. A block of rows is in memory
            at a time.

        Raises:
            UsageError: No rows were kept: the items were not made of rows, or taken with
                ``keep_input=False`` or by an earlier version; or the job that had them was deleted.
        """
        kept = await self._view.opened.store.inputs.get(self.id)
        read = self._view.opened.store.inputs.read
        return InputRows(kept.head, lambda: read(kept, with_retries=with_retries))

    async def exchanges(
        self,
        *,
        ticket: int | None = None,
        limit: int | None = 100,
        before: int | None = None,
        bodies: bool = False,
    ) -> list[Exchange]:
        """
        Return what was exchanged with the vendor about this job, oldest first: for an argument.

        That is each request of a submit, a search, a cancel and a fetch, and each request that was
        refused or not answered; not the polls that went well. They are kept for 7 days, in a file
        beside the store (``jobs.exchanges.db``), by the process that made them: what a process on
        another machine sent is there. Of a store on PostgreSQL the file is in the user's folder for
        state (``~/.local/state/batchhub``) of each machine that sends. Where the file can't be
        written, they are not kept, and the job goes on.

        Args:
            ticket: Only those about this ticket, by its position; `None` for all.
            limit: How many at most, the newest ones; `None` for all.
            before: Only those with a lower `Exchange.number`, for the page before; `None` for any.
            bodies: Whether to read their bodies, where the account has ``exchanges = "bodies"``.

        Returns:
            None of a store in memory.

        Raises:
            UsageError: `ticket` or `limit` is no such number.
            StoreVersionError: The file was written by a newer batchhub.
            StoreError: The file can't be read.
        """
        for name, value in (("ticket", ticket), ("limit", limit)):
            if value is not None and (isinstance(value, bool) or value < 1):
                raise UsageError(f"{name} must be a number from 1 on, not {value!r}")
        opened = self._view.opened
        if opened.exchanges.is_running:
            await in_thread(opened.exchanges.flush)
        read = partial(
            read_record,
            opened.exchanges.path,
            job_id=self.id,
            ticket=ticket,
            limit=limit,
            before=before,
            bodies=bodies,
        )
        return await in_thread(read)

    async def to_arrow(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
        with_retries: bool = False,
        fields: Iterable[str] = (),
        as_type: type[Any] | str | None = None,
        explode: str | None = None,
    ) -> pyarrow.Table:
        """
        Return the results so far as a `pyarrow.Table`, a row each, in the order of the items.

        All of them are in memory; `batchhub.tables.write_results` writes any number to a file.
        The columns are those of a Parquet file: ``id``, ``state``, ``code``, ``message``,
        ``vendor_ref`` and ``body``, which is JSON text. What could not be read as it was to be is
        a warning.

        Args:
            only: As for `results`.
            code: As for `results`.
            with_retries: As for `results`.
            fields: The columns, in order: keys of a result, else paths in its body such as
                ``items.sku``.
            as_type: What bodies of items that succeeded are read as, so that columns are typed: a
                `msgspec.Struct`, an attrs class, a dataclass or a `TypedDict`; or the
                name of a type of the account's adapter, such as ``order``.
            explode: The path of a list in bodies, such as ``items``, for a row for each of its
                elements; as for `batchhub.tables.write_results`.

        Raises:
            UsageError: There is no such state, field or type, or `batchhub[parquet]` is not
                installed.
        """
        return await self._read_into_arrow(
            "parquet",
            self.results(only, code=code, with_retries=with_retries),
            fields,
            as_type,
            explode,
        )

    async def to_pandas(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
        with_retries: bool = False,
        fields: Iterable[str] = (),
        as_type: type[Any] | str | None = None,
        explode: str | None = None,
    ) -> pandas.DataFrame:
        """
        Return the results so far as a `pandas.DataFrame`, as `to_arrow` does.

        Whole numbers are ``Int64``, so that one that is missing makes no fractions of the others;
        money is exact (`decimal.Decimal`), times are aware.

        Args:
            only: As for `results`.
            code: As for `results`.
            with_retries: As for `results`.
            fields: As for `to_arrow`.
            as_type: As for `to_arrow`.
            explode: As for `to_arrow`.

        Raises:
            UsageError: As for `to_arrow`, or `batchhub[pandas]` is not installed.
        """
        from ._tables.writing.frames import load_pandas, make_pandas  # noqa: PLC0415

        pandas = load_pandas()
        found = await self._read_into_arrow(
            "pandas",
            self.results(only, code=code, with_retries=with_retries),
            fields,
            as_type,
            explode,
        )
        return make_pandas(pandas, found)

    async def to_polars(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
        with_retries: bool = False,
        fields: Iterable[str] = (),
        as_type: type[Any] | str | None = None,
        explode: str | None = None,
    ) -> polars.DataFrame:
        """
        Return the results so far as a `polars.DataFrame`, as `to_arrow` does.

        Args:
            only: As for `results`.
            code: As for `results`.
            with_retries: As for `results`.
            fields: As for `to_arrow`.
            as_type: As for `to_arrow`.
            explode: As for `to_arrow`.

        Raises:
            UsageError: As for `to_arrow`, or `batchhub[polars]` is not installed.
        """
        from ._tables.writing.frames import load_polars  # noqa: PLC0415

        polars = load_polars()
        return polars.from_arrow(
            await self._read_into_arrow(
                "polars",
                self.results(only, code=code, with_retries=with_retries),
                fields,
                as_type,
                explode,
            )
        )

    async def _read_into_arrow(
        self,
        extra: str,
        results: AsyncIterator[ItemResult],
        fields: Iterable[str],
        as_type: type[Any] | str | None,
        explode: str | None,
    ) -> Any:
        # Whoever has no frames need not load what writes tables.
        from ._tables.writing.frames import read_into_arrow  # noqa: PLC0415

        adapter = None
        if isinstance(as_type, str):
            lane = self._view.opened.find_lane(self._view.record.lane)
            if lane is None:
                raise UsageError(
                    f"as_type={as_type!r} is of the adapter of account "
                    f"{self._view.record.account!r}, which is not one of this hub's"
                )
            adapter = type(lane.adapter.adapter)
        return await read_into_arrow(
            results,
            fields=fields,
            as_type=as_type,
            explode=explode,
            adapter=adapter,
            extra=extra,
        )

    async def cancel(self) -> BatchStatus:
        """
        Cancel the job: do not send the rest, and cancel at the vendor what was sent.

        Returns the status at once; `wait` returns what came of it. A job that has ended stays as
        it is. An unconfirmed ticket ends CANCELLED, its items UNKNOWN.

        Raises:
            UnsupportedError: Everything open is at the vendor, which can't cancel.
        """
        status = await self.refresh()
        lane = self._view.opened.find_lane(self._view.record.lane)
        if status.state.is_terminal:
            return status
        tally = tally_of(status)
        open_states = {state for state in BatchState if tally.number(state)} & _OPEN
        if lane is not None and open_states <= _AT_VENDOR:
            capabilities = lane.adapter.capabilities(status.operation)
            if not capabilities.can_cancel:
                raise UnsupportedError(
                    f"job {self.id} is with {status.adapter}, which can't cancel; it goes on"
                )
        now = self._view.opened.clock.now()
        await self._view.opened.store.jobs.save_cancel(self.id, now)
        self._view.record = evolve(self._view.record, cancelled_at=now)
        _log.info(
            "job.cancelled",
            job_id=self.id,
            account=self._view.record.account,
            lane=self._view.record.lane,
        )
        self._view.opened.drive_lane(self._view.record.lane)
        return await self.refresh()

    async def retry(
        self,
        *,
        unknown: bool = False,
        superseded: bool = False,
        code: int | Collection[int] | None = None,
        but_code: int | Collection[int] = (),
    ) -> BatchJob:
        """
        Submit the items that failed or were not executed as a new job.

        Called again with the same arguments, it returns the same new job. An item is in one retry
        at most: what an earlier one has stays there, and if nothing else is left of the selection,
        the newest of those that have some of it is returned. Items stay out if a newer job of the
        account changes the same thing, or a later item of this job did, so that they do not
        overwrite it: the new job then has the finding ``superseded``, which names the newer jobs,
        or this one.

        Args:
            unknown: Also retry items with unknown outcome; they may run twice. This ends a job
                that is held.
            superseded: Also retry items that change what a newer job or a later item changes.
            code: Only items with this HTTP status or these statuses, such as 429; `None` for all,
                also for items without one.
            but_code: No items with this HTTP status or these;
                `batchhub.models.failures.FAILS_AGAIN` has those with which the same fails again.

        Raises:
            UsageError: The job has not ended, waits for another one, a code is not an integer, or
                there is nothing to retry. If that is since newer jobs change the same, this one
                gets the finding.
            WaitTimeoutError: This hub does not drive, and no process that does has ended a held
                job after a minute.
        """
        codes, but_codes = _read_codes(code), _read_codes(but_code) or frozenset()
        status = await self.refresh()
        if status.is_held and status.held_by is not None:
            older = status.held_by
            raise UsageError(f"job {self.id} waits for job {older}: decide about that one first")
        if status.is_held and unknown and codes is not None:  # nothing of it would be repeated
            raise UsageError(
                f"job {self.id} is held, and the items that nobody knows of have no code: retry "
                "them without one, adopt the ticket, or cancel the job first"
            )
        if status.is_held and unknown:  # what is unconfirmed ends UNKNOWN, and can be retried then
            status = await self._give_up()
        if not status.state.is_terminal:
            hint = "retry its unknown items too, or cancel it" if status.is_held else "wait for it"
            raise UsageError(f"job {self.id} is {status.state.value}: {hint}")
        selection = Selection(
            states=_FAILED | _UNKNOWN if unknown else _FAILED, codes=codes, but_codes=but_codes
        )
        left_out: Counter[str] = Counter()
        new = await store_retry(
            self._view.opened, self._view.record, selection, None if superseded else left_out
        )
        if new is None:
            if left_out:
                await self._view.opened.store.jobs.add_finding(
                    self.id, make_superseded(self.id, left_out)
                )
            groups = await self.failures()
            raise UsageError(explain_nothing(status, selection, groups, left_out))
        _, new_status = await self._view.opened.store.jobs.get(new.job_id)
        self._view.opened.drive_lane(new.lane)
        return BatchJob(self._view.opened, new, new_status)

    async def _give_up(self) -> BatchStatus:
        """Cancel a held job; return its status once it has ended."""
        await self.cancel()
        if self._view.opened.driver.may_drive(self.lane):
            return await self.wait()
        try:
            return await self.wait(_GIVE_UP_S)
        except WaitTimeoutError:
            raise WaitTimeoutError(
                f"job {self.id} was cancelled, and no process that drives its account has ended it "
                "yet; retry it once it has ended",
                job_id=self.id,
            ) from None

    async def adopt(self, ref: str | Collection[str], *, ticket: int | None = None) -> BatchStatus:
        """
        Say by which id the vendor has an unconfirmed ticket; it is followed to its results then.

        The vendor is asked about the id first. Nothing changes if it does not know it, if the batch
        it knows has another number of items, or if another ticket of the account has that id. The
        ticket gets the finding ``adopted``. The same again changes nothing.

        Where another process drives the account, that one asks: the wish goes through the store,
        and is withdrawn if it has no answer after two minutes, or is not taken up after 20 s.

        Args:
            ref: The vendor's id of the batch; several, where the vendor gave several for it.
            ticket: The ticket's position, from 1; by default the only unconfirmed one.

        Returns:
            The status after it.

        Raises:
            UsageError: There is no such ticket, or several are unconfirmed; the id is not this
                ticket's; the process that drives the account does not answer; or the ticket was
                given up meanwhile, which then has the finding ``late_ticket``.
            NotKnownError: The account is not one of this hub's.
            UnsupportedError: The vendor gives no ids that could be asked about.
            CredentialsError: The vendor refused the credentials.
            VendorError: The vendor could not answer.
            ContactError: There was no answer.
            StoreError: The store can't be read or written.
        """
        refs = read_refs(ref)
        status = await self.refresh()
        found = find_unconfirmed(status, ticket, refs)
        if found is None:
            return status  # the same again
        await adopt(self._view.opened, self._view.record, found, refs)
        return await self.refresh()

    async def find_retry(self, *, unknown: bool = False) -> str | None:
        """
        Return the id of the newest job that retries items of this one; `None` if none does.

        Args:
            unknown: Look at the items with unknown outcome, in place of those that failed or were
                not executed.
        """
        return await self._view.opened.store.results.find_retry(
            self.id, Selection(states=_UNKNOWN if unknown else _FAILED)
        )

    async def find_retries(self) -> list[BatchJob]:
        """Return the jobs that retry items of this one, oldest first."""
        jobs = self._view.opened.store.jobs
        found: list[BatchJob] = []
        for job_id in await self._view.opened.store.results.find_retry_ids(self.id):
            with suppress(NotKnownError):  # pruned meanwhile
                record, status, _ = await jobs.look_at(job_id, tickets=False)
                found.append(BatchJob(self._view.opened, record, status))
        return found

    async def find_original(self) -> BatchJob | None:
        """Return the job whose items this one retries; `None` if there is none, or no more."""
        job_id = self.status.retry_of
        if job_id is None:
            return None
        try:
            record, status, _ = await self._view.opened.store.jobs.look_at(job_id, tickets=False)
        except NotKnownError:
            return None
        return BatchJob(self._view.opened, record, status)

    async def save_export(
        self, path: str | os.PathLike[str], written: str | os.PathLike[str] | None = None
    ) -> None:
        """
        Note that a file has results of this job, so that later ones of it may take their place.

        `BatchHub.find_export` says of a file whether it still has what was noted.

        Args:
            path: The file.
            written: A complete file that is about to take its place. Results of this job that are
                there until then may be written over, too, so that a process that is killed in
                between leaves a file that is known. `save_export` is not called again for it.

        Raises:
            StoreError: The store can't be written, such as one that is only read.
            OSError: The file can't be read.
        """
        opened = self._view.opened
        await save_export(opened.store, opened.clock, self.id, path, written)

    async def find_driver(self) -> str | None:
        """
        Return which other process drives the job's account, such as ``process 4711``.

        That is also one that drives it until it is stopped (`BatchHub.drive`, ``batchhub worker``)
        and has nothing to do there at this moment. `None` if there is none.

        Raises:
            StoreError: The store can't be read.
        """
        driver, lane = self._view.opened.driver, self._view.record.lane
        return await driver.find_other(lane) or await driver.find_attendant(lane)

    async def find_absence(self) -> str | None:
        """
        Return in a sentence that no worker drives the job's account, and what to start.

        `None` if one does, or gave a sign of life in the last 10 seconds; and of a store that is
        not on PostgreSQL, where this process drives the account itself.

        Raises:
            StoreError: The store can't be read.
        """
        record = self._view.record
        return await self._view.opened.driver.find_absence(record.lane, record.account)

    async def hand_over(self, timeout_s: float = 30.0) -> BatchStatus:
        """
        Wait until everything that may be sent now is sent, but not for the results.

        Returns early when another process works on the lane, or the vendor can't be reached.

        Args:
            timeout_s: Seconds to wait at most.
        """
        return await self._view.hand_over(timeout_s)


def _read_codes(code: int | Collection[int] | None) -> frozenset[int] | None:
    """Check and return the wanted HTTP statuses; `None` for all."""
    if code is None:
        return None
    # A number of numpy's, as a column of a frame gives it, is one; an array is several.
    wanted = to_python(code)
    given = wanted if isinstance(wanted, Collection) else [wanted]
    codes = frozenset(given if isinstance(given, str) else map(to_python, given))
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in codes):
        raise UsageError(f"code takes HTTP statuses such as 404, not {code!r}")
    return codes


async def find_other_hosts(job: BatchJob) -> list[str]:
    """
    Return which other machines may have exchanges of a job, as far as their workers are at work.

    Returns:
        Their names, in order; none where the record is beside the store.

    Raises:
        StoreError: The store can't be read.
    """
    opened = job._view.opened  # noqa: SLF001  # of this module
    if not opened.exchanges.is_elsewhere:
        return []
    hosts = {each.owner.host for each in await opened.store.attendants.find(job.lane)}
    if (owner := (await opened.store.lanes.get(job.lane)).owner) is not None:
        hosts.add(owner.host)
    return sorted(hosts - {opened.driver.me.host})


async def find_all_retries(job: BatchJob) -> Retries:
    """Find the newest jobs that retry items of a job, and the one it retries; for advice."""
    counts, original = job.status.counts, await job.find_original()
    return Retries(
        original=None if original is None else original.id,
        failed=await job.find_retry() if counts.failed + counts.not_executed else None,
        unknown=await job.find_retry(unknown=True) if counts.unknown else None,
    )

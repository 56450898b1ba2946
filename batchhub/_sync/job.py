"""The handle of one job, for plain threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from batchhub import job as _job
from batchhub._base.handles import JOB, Handle
from batchhub._base.show import draw_html, draw_table
from batchhub.models import BatchStatus, Exchange, FailureGroup, ItemResult, ItemState
from batchhub.models.status import facts

from .bridge import CHUNK, Bridge
from .iterators import InputRows, iterate
from .like import like

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
    from rich.table import Table

T = TypeVar("T")


class BatchJob(Handle):
    """
    One job of a hub, made by the hub.

    Attributes:
        id: Its id.
    """

    __slots__ = ("_bridge", "_job", "_owner", "id")

    _handed_over_as = JOB

    def __init__(self, job: _job.BatchJob, bridge: Bridge, hub: object) -> None:
        self.id = job.id
        self._owner = hub  # keeps the hub open as long as there are handles of its jobs
        self._bridge = bridge
        self._job = job

    def __repr__(self) -> str:
        """Return its last known status in one line."""
        return repr(self._job)

    def _repr_html_(self) -> str:
        """Return its status as a table for a notebook."""
        return draw_html(facts(self.status))

    def __rich__(self) -> Table:
        """Return its status as a table for a terminal."""
        return draw_table(facts(self.status))

    @property
    def needs_worker(self) -> bool:
        """Whether a worker has to drive it, as `batchhub.BatchJob.needs_worker` says."""
        return self._job.needs_worker

    @property
    def key(self) -> str | None:
        """Its idempotency key, which no other job of its lane has; `None` without one."""
        return self._job.key

    @property
    def lane(self) -> str:
        """Its lane: adapter and identity of its account."""
        return self._job.lane

    @property
    def is_ours(self) -> bool:
        """Whether its account is one of this hub's, so that this hub can send it."""
        return self._look(lambda job: job.is_ours)

    @property
    def status(self) -> BatchStatus:
        """Its last known status; `refresh` reads it again."""
        return self._look(lambda job: job.status)

    @property
    def cooling_until(self) -> datetime | None:
        """
        Time until which nothing is sent for its account, because the vendor asked for a pause.

        `None` if there is no cool-down, or if another process sends for this account.
        """
        return self._look(lambda job: job.cooling_until)

    @like(_job.BatchJob.refresh)
    def refresh(self) -> BatchStatus:
        """Read its status again, as `batchhub.BatchJob.refresh` does."""
        return self._bridge.call(self._job.refresh)

    @like(_job.BatchJob.wait)
    def wait(self, timeout_s: float | None = None) -> BatchStatus:
        """
        Wait until the job has ended or is held, as `batchhub.BatchJob.wait` does.

        An interrupt (Ctrl-C) ends the wait; the job goes on.
        """
        return self._bridge.call(self._job.wait, timeout_s)

    @like(_job.BatchJob.watch)
    def watch(self, *, tickets: bool = True) -> Iterator[BatchStatus]:
        """Yield the status now and at each change, as `batchhub.BatchJob.watch` does."""
        return iterate(self._bridge, self._job.watch(tickets=tickets), 1)

    @like(_job.BatchJob.results)
    def results(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
        with_retries: bool = False,
    ) -> Iterator[ItemResult]:
        """Iterate over the results so far, as `batchhub.BatchJob.results` does."""
        found = self._job.results(only, code=code, with_retries=with_retries)
        return iterate(self._bridge, found, CHUNK)

    @like(_job.BatchJob.exchanges)
    def exchanges(
        self,
        *,
        ticket: int | None = None,
        limit: int | None = 100,
        before: int | None = None,
        bodies: bool = False,
    ) -> list[Exchange]:
        """Return what was exchanged about it, as `batchhub.BatchJob.exchanges` does."""
        return self._bridge.call(
            self._job.exchanges, ticket=ticket, limit=limit, before=before, bodies=bodies
        )

    @like(_job.BatchJob.failures)
    def failures(self) -> list[FailureGroup]:
        """Return why items did not succeed, as `batchhub.BatchJob.failures` does."""
        return self._bridge.call(self._job.failures)

    @like(_job.BatchJob.rows)
    def rows(self, *, with_retries: bool = False) -> InputRows:
        """Return the rows the items were made of, as `batchhub.BatchJob.rows` does."""
        found = self._bridge.call(self._job.rows, with_retries=with_retries)
        return InputRows(found, self._bridge)

    @like(_job.BatchJob.to_arrow)
    def to_arrow(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
        with_retries: bool = False,
        fields: Iterable[str] = (),
        as_type: type[Any] | str | None = None,
        explode: str | None = None,
    ) -> pyarrow.Table:
        """Return the results as a `pyarrow.Table`, as `batchhub.BatchJob.to_arrow` does."""
        return self._bridge.call(
            self._job.to_arrow,
            only,
            code=code,
            with_retries=with_retries,
            fields=fields,
            as_type=as_type,
            explode=explode,
        )

    @like(_job.BatchJob.to_pandas)
    def to_pandas(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
        with_retries: bool = False,
        fields: Iterable[str] = (),
        as_type: type[Any] | str | None = None,
        explode: str | None = None,
    ) -> pandas.DataFrame:
        """Return the results as a `pandas.DataFrame`, as `batchhub.BatchJob.to_pandas` does."""
        return self._bridge.call(
            self._job.to_pandas,
            only,
            code=code,
            with_retries=with_retries,
            fields=fields,
            as_type=as_type,
            explode=explode,
        )

    @like(_job.BatchJob.to_polars)
    def to_polars(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
        with_retries: bool = False,
        fields: Iterable[str] = (),
        as_type: type[Any] | str | None = None,
        explode: str | None = None,
    ) -> polars.DataFrame:
        """Return the results as a `polars.DataFrame`, as `batchhub.BatchJob.to_polars` does."""
        return self._bridge.call(
            self._job.to_polars,
            only,
            code=code,
            with_retries=with_retries,
            fields=fields,
            as_type=as_type,
            explode=explode,
        )

    @like(_job.BatchJob.cancel)
    def cancel(self) -> BatchStatus:
        """Cancel the job, as `batchhub.BatchJob.cancel` does."""
        return self._bridge.call(self._job.cancel)

    @like(_job.BatchJob.retry)
    def retry(
        self,
        *,
        unknown: bool = False,
        superseded: bool = False,
        code: int | Collection[int] | None = None,
        but_code: int | Collection[int] = (),
    ) -> BatchJob:
        """Submit failed items as a new job, as `batchhub.BatchJob.retry` does."""
        made = self._bridge.call(
            self._job.retry,
            unknown=unknown,
            superseded=superseded,
            code=code,
            but_code=but_code,
        )
        return BatchJob(made, self._bridge, self._owner)

    @like(_job.BatchJob.adopt)
    def adopt(self, ref: str | Collection[str], *, ticket: int | None = None) -> BatchStatus:
        """Say by which id the vendor has a ticket, as `batchhub.BatchJob.adopt` does."""
        return self._bridge.call(self._job.adopt, ref, ticket=ticket)

    @like(_job.BatchJob.find_absence)
    def find_absence(self) -> str | None:
        """Return that no worker drives its account, as `batchhub.BatchJob.find_absence` does."""
        return self._bridge.call(self._job.find_absence)

    @like(_job.BatchJob.find_driver)
    def find_driver(self) -> str | None:
        """Return which process drives its account, as `batchhub.BatchJob.find_driver` does."""
        return self._bridge.call(self._job.find_driver)

    @like(_job.BatchJob.find_retry)
    def find_retry(self, *, unknown: bool = False) -> str | None:
        """Return the id of the newest retry, as `batchhub.BatchJob.find_retry` does."""
        return self._bridge.call(self._job.find_retry, unknown=unknown)

    @like(_job.BatchJob.find_retries)
    def find_retries(self) -> list[BatchJob]:
        """Return the jobs that retry this one, as `batchhub.BatchJob.find_retries` does."""
        found = self._bridge.call(self._job.find_retries)
        return [BatchJob(job, self._bridge, self._owner) for job in found]

    @like(_job.BatchJob.find_original)
    def find_original(self) -> BatchJob | None:
        """Return the job that this one retries, as `batchhub.BatchJob.find_original` does."""
        found = self._bridge.call(self._job.find_original)
        return None if found is None else BatchJob(found, self._bridge, self._owner)

    @like(_job.BatchJob.save_export)
    def save_export(
        self, path: str | os.PathLike[str], written: str | os.PathLike[str] | None = None
    ) -> None:
        """Note that a file has results of this job, as `batchhub.BatchJob.save_export` does."""
        self._bridge.call(self._job.save_export, path, written)

    @like(_job.BatchJob.hand_over)
    def hand_over(self, timeout_s: float = 30.0) -> BatchStatus:
        """Wait until what may be sent now is sent, as `batchhub.BatchJob.hand_over` does."""
        return self._bridge.call(self._job.hand_over, timeout_s)

    def _look(self, function: Callable[[_job.BatchJob], T]) -> T:
        """Look at the handle in the loop's thread, or here if that can't be waited for."""
        if not self._bridge.is_usable:
            return function(self._job)

        async def look() -> T:
            return function(self._job)

        return self._bridge.call(look)

"""
`BatchHub` and `BatchJob` for code that is not async: Django views, Celery tasks, notebooks.

    with BatchHub(store="jobs.db", accounts={"shop": account}) as hub:
        job = hub.submit("shop", items)
        status = job.wait()
        for result in job.results():
            ...

Every call is passed to the async hub, which runs in a thread of its own, and waits for the answer.
A hub can be used by any number of threads at once, and where an event loop is already running, as
in a notebook. Between the calls it goes on sending and asking, until it is closed.

Methods have the arguments and errors of the async ones; `help` shows their documentation too.
"""

from __future__ import annotations

import inspect
import itertools
import os
import weakref
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
)
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from . import hub as _hub
from ._base.clock import Clock
from ._base.show import draw_html, draw_table
from ._engine.intake import RawItems
from ._engine.plan import Plan
from ._settings.registry import AdapterInfo
from ._sync.bridge import CHUNK, Bridge, CallerQueue, read_async_chunk
from .adapter import Account, Probe
from .errors import InputError
from .models import BatchEvent, BatchState, BatchStatus, ItemResult, ItemState
from .models.status import facts

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["BatchHub", "BatchJob"]

T = TypeVar("T")

F = TypeVar("F", bound=Callable[..., Any])

_numbers: Final = itertools.count(1)


def _like(method: Callable[..., Any]) -> Callable[[F], F]:
    """Append the docstring of the async method, for `help`."""

    def add(function: F) -> F:
        docs = [inspect.cleandoc(each.__doc__ or "") for each in (function, method)]
        function.__doc__ = "\n\n".join(docs)
        return function

    return add


class BatchHub:
    """
    Sends items to any vendor's batch endpoint. Use it as a context manager.

    The thread starts with the first call, so a hub that was made before a process forked (by a
    server that loads the application first, or a pool of workers) can be used afterwards. One
    that was *used* before can't: every call in the child raises `UsageError`.

    A hub that is left open is closed when nothing refers to it any more, or when the process
    ends. What it was doing is in the store, as after `close`.

    Args:
        store: Where jobs are kept: a path, a ``sqlite:///`` URL, or `None` for memory, where
            nothing survives the process.
        accounts: The accounts, by the names that `submit` takes.
        clock: Source of time; for tests.
        seed: Makes jitter repeatable; for tests.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | None = None,
        accounts: Mapping[str, Account] | None = None,
        *,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> None:
        self._take(_hub.BatchHub(store, accounts, clock=clock, seed=seed))

    @classmethod
    @_like(_hub.BatchHub.from_config)
    def from_config(
        cls,
        path: str | os.PathLike[str] = "batchhub.toml",
        *,
        store: str | os.PathLike[str] | None = None,
        only: Collection[str] | None = None,
    ) -> BatchHub:
        """Make a hub from a settings file, as `batchhub.BatchHub.from_config` does."""
        made = cls.__new__(cls)
        made._take(_hub.BatchHub.from_config(path, store=store, only=only))  # noqa: SLF001
        return made

    def _take(self, hub: _hub.BatchHub) -> None:
        self._hub = hub
        self._bridge = Bridge(f"batchhub-{next(_numbers)}", hub.aclose)
        # Not at exit: the bridge closes itself then, all hubs at once and within a limit.
        weakref.finalize(self, self._bridge.close_soon).atexit = False

    # Opening and closing.

    def __enter__(self) -> Self:
        """Open the store."""
        try:
            self._bridge.call(self._hub.__aenter__)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; unfinished jobs stay in the store."""
        self.close()

    def close(self) -> None:
        """
        Stop and close. Nothing is cancelled at a vendor, and a later hub goes on.

        Other threads that wait for this hub get a `UsageError`. Closing again does nothing.
        """
        self._bridge.close()

    # What there is.

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts of this hub, by name."""
        return self._hub.accounts

    @property
    def store_name(self) -> str:
        """Where the jobs are kept, for messages."""
        return self._hub.store_name

    def adapters(self) -> list[AdapterInfo]:
        """Load every installed adapter and return how it went."""
        return self._hub.adapters()

    @_like(_hub.BatchHub.probe)
    def probe(self, account: str, vendor_ref: str | None = None) -> Probe:
        """Send one harmless request, as `batchhub.BatchHub.probe` does."""
        return self._bridge.call(self._hub.probe, account, vendor_ref)

    # Jobs.

    @_like(_hub.BatchHub.submit)
    def submit(
        self,
        account: str,
        items: RawItems,
        *,
        operation: str | None = None,
        stop_on_first_failure: bool | None = None,
        key: str | None = None,
        label: str | None = None,
        deadline_s: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> BatchJob:
        """
        Store items as a job and begin to send them, as `batchhub.BatchHub.submit` does.

        An iterable of items is read in the calling thread, where a database cursor belongs, some
        hundred items at a time. What it raises is raised here, and nothing is stored. An async
        iterable is read in the hub's thread.
        """
        queue = CallerQueue()
        submit = partial(
            self._hub.submit,
            account,
            _read_by_caller(items, queue),
            operation=operation,
            stop_on_first_failure=stop_on_first_failure,
            key=key,
            label=label,
            deadline_s=deadline_s,
            options=options,
        )
        return BatchJob(self, self._bridge.call_with(queue, submit))

    @_like(_hub.BatchHub.plan)
    def plan(
        self,
        account: str,
        items: RawItems,
        *,
        operation: str | None = None,
        stop_on_first_failure: bool | None = None,
        key: str | None = None,
        options: Mapping[str, Any] | None = None,
        on_refused: Callable[[InputError], None] | None = None,
    ) -> Plan:
        """
        Return what `submit` would do, as `batchhub.BatchHub.plan` does.

        `on_refused` is called in the calling thread. What it raises is raised here.
        """
        queue = CallerQueue()
        plan = partial(
            self._hub.plan,
            account,
            _read_by_caller(items, queue),
            operation=operation,
            stop_on_first_failure=stop_on_first_failure,
            key=key,
            options=options,
            on_refused=None if on_refused is None else queue.listener(on_refused),
        )
        return self._bridge.call_with(queue, plan)

    @_like(_hub.BatchHub.job)
    def job(self, job_id: str) -> BatchJob:
        """Return the handle of a job in the store, as `batchhub.BatchHub.job` does."""
        return BatchJob(self, self._bridge.call(self._hub.job, job_id))

    @_like(_hub.BatchHub.jobs)
    def jobs(
        self,
        *,
        state: BatchState | str | Collection[BatchState | str] | None = None,
        account: str | None = None,
        since: datetime | None = None,
    ) -> list[BatchJob]:
        """Return the jobs in the store, as `batchhub.BatchHub.jobs` does."""
        found = self._bridge.call(self._hub.jobs, state=state, account=account, since=since)
        return [BatchJob(self, job) for job in found]

    @_like(_hub.BatchHub.resume)
    def resume(self) -> list[BatchJob]:
        """Continue unfinished jobs and wait for them, as `batchhub.BatchHub.resume` does."""
        return [BatchJob(self, job) for job in self._bridge.call(self._hub.resume)]

    @_like(_hub.BatchHub.events)
    def events(
        self, *, jobs: Collection[str] | None = None, follow: bool = True
    ) -> Iterator[BatchEvent]:
        """Yield an event for each job that ends, as `batchhub.BatchHub.events` does."""
        return _iterate(self._bridge, self._hub.events(jobs=jobs, follow=follow), 1)

    @_like(_hub.BatchHub.prune)
    def prune(self, older_than_s: float) -> _hub.Pruned:
        """Delete old jobs, as `batchhub.BatchHub.prune` does."""
        return self._bridge.call(self._hub.prune, older_than_s)


class BatchJob:
    """
    One job of a hub, made by the hub.

    Attributes:
        id: Its id.
    """

    def __init__(self, hub: BatchHub, job: _hub.BatchJob) -> None:
        self.id = job.id
        self._owner = hub  # keeps the hub open as long as there are handles of its jobs
        self._bridge = hub._bridge  # noqa: SLF001  # two halves of one thing
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

    @_like(_hub.BatchJob.refresh)
    def refresh(self) -> BatchStatus:
        """Read its status again, as `batchhub.BatchJob.refresh` does."""
        return self._bridge.call(self._job.refresh)

    @_like(_hub.BatchJob.wait)
    def wait(self, timeout_s: float | None = None) -> BatchStatus:
        """
        Wait until the job has ended or is held, as `batchhub.BatchJob.wait` does.

        An interrupt (Ctrl-C) ends the wait; the job goes on.
        """
        return self._bridge.call(self._job.wait, timeout_s)

    @_like(_hub.BatchJob.watch)
    def watch(self) -> Iterator[BatchStatus]:
        """Yield the status now and at each change, as `batchhub.BatchJob.watch` does."""
        return _iterate(self._bridge, self._job.watch(), 1)

    @_like(_hub.BatchJob.results)
    def results(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
    ) -> Iterator[ItemResult]:
        """Iterate over the results so far, as `batchhub.BatchJob.results` does."""
        return _iterate(self._bridge, self._job.results(only, code=code), CHUNK)

    @_like(_hub.BatchJob.cancel)
    def cancel(self) -> BatchStatus:
        """Cancel the job, as `batchhub.BatchJob.cancel` does."""
        return self._bridge.call(self._job.cancel)

    @_like(_hub.BatchJob.retry)
    def retry(self, *, unknown: bool = False) -> BatchJob:
        """Submit failed items as a new job, as `batchhub.BatchJob.retry` does."""
        return BatchJob(self._owner, self._bridge.call(self._job.retry, unknown=unknown))

    @_like(_hub.BatchJob.find_retry)
    def find_retry(self, *, unknown: bool = False) -> str | None:
        """Return the id of the newest retry, as `batchhub.BatchJob.find_retry` does."""
        return self._bridge.call(self._job.find_retry, unknown=unknown)

    @_like(_hub.BatchJob.hand_over)
    def hand_over(self, timeout_s: float = 30.0) -> BatchStatus:
        """Wait until what may be sent now is sent, as `batchhub.BatchJob.hand_over` does."""
        return self._bridge.call(self._job.hand_over, timeout_s)

    def _look(self, function: Callable[[_hub.BatchJob], T]) -> T:
        """Look at the handle in the loop's thread, or here if that can't be waited for."""
        if not self._bridge.is_usable:
            return function(self._job)

        async def look() -> T:
            return function(self._job)

        return self._bridge.call(look)


def _iterate(bridge: Bridge, source: AsyncIterator[T], size: int) -> Iterator[T]:
    """Read an async iterator, `size` values at a time; closing this one closes that."""
    while True:
        values, error = bridge.call(read_async_chunk, source, size)
        try:
            yield from values
        except GeneratorExit:  # perhaps raised by the garbage collector, in any thread
            bridge.start_soon(cast("Any", source).aclose)
            raise
        if error is not None:
            raise error
        if len(values) < size:
            return


def _read_by_caller(items: RawItems, queue: CallerQueue) -> RawItems:
    """Have items read in the thread of the caller; what is not an iterable, the hub refuses."""
    is_plain = isinstance(items, Iterable) and not isinstance(items, str | bytes | Mapping)
    if not is_plain or isinstance(items, AsyncIterable):
        return items
    return queue.iterate(cast("Iterable[Any]", items))

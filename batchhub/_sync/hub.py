"""The hub, for plain threads."""

from __future__ import annotations

import itertools
import math
import os
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast

from batchhub import hub as _hub
from batchhub import job as _job
from batchhub._base.clock import Clock
from batchhub._base.handles import HUB, Handle
from batchhub._engine.health import GRACE_S
from batchhub._engine.lane import CLOSING_S
from batchhub._engine.plan import Plan
from batchhub._engine.raw_items import RawItems
from batchhub._engine.shards import Engine
from batchhub._settings.registry import AdapterInfo
from batchhub.adapter import Account, Adapter, Probe
from batchhub.errors import InputError, UsageError
from batchhub.models import BatchState, ExportedFile, Finding, Health, OpenFailures
from batchhub.polling import PollRule

from .bridge import Bridge, CallerQueue
from .event import BatchEvent, read_events
from .iterators import read_by_caller, refuse_by_caller
from .job import BatchJob
from .like import like

_numbers: Final = itertools.count(1)


class BatchHub(Handle):
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
        store_mode: Who may use the files of the store: ``"private"`` or ``"group"``.
        polling: When tickets are asked about, as for `batchhub.BatchHub`.
        drives: Whether it sends anything, as for `batchhub.BatchHub`.
    """

    _handed_over_as = HUB

    def __init__(
        self,
        store: str | os.PathLike[str] | None = None,
        accounts: Mapping[str, Account] | None = None,
        *,
        clock: Clock | None = None,
        seed: int | None = None,
        store_mode: str = "private",
        polling: PollRule | str | None = None,
        adapters: Iterable[type[Adapter[Any]]] = (),
        drives: bool = True,
    ) -> None:
        hub = _hub.BatchHub(
            store,
            accounts,
            clock=clock,
            seed=seed,
            store_mode=store_mode,
            polling=polling,
            adapters=adapters,
            drives=drives,
        )
        self._take(hub)

    @classmethod
    @like(_hub.BatchHub.from_config)
    def from_config(
        cls,
        path: str | os.PathLike[str] = "batchhub.toml",
        *,
        store: str | os.PathLike[str] | None = None,
        only: Collection[str] | None = None,
        polling: PollRule | str | None = None,
        drives: bool = True,
    ) -> BatchHub:
        """Make a hub from a settings file, as `batchhub.BatchHub.from_config` does."""
        made = cls.__new__(cls)
        hub = _hub.BatchHub.from_config(
            path, store=store, only=only, polling=polling, drives=drives
        )
        made._take(hub)  # noqa: SLF001
        return made

    def __repr__(self) -> str:
        """Return where its jobs are, and the names of its accounts."""
        return repr(self._hub)

    def _take(self, hub: _hub.BatchHub) -> None:
        self._hub = hub
        # Not of this object: it would keep it alive, and so open.
        grace_s = self._grace_s = [CLOSING_S]
        self._bridge = Bridge(f"batchhub-{next(_numbers)}", lambda: hub.aclose(grace_s[0]))
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

    def close(self, grace_s: float = CLOSING_S) -> None:
        """
        Stop and close. Nothing is cancelled at a vendor, and a later hub goes on.

        Other threads that wait for this hub get a `UsageError`. Closing again does nothing.

        Args:
            grace_s: Seconds that a request which may have an effect has to be answered, as for
                `batchhub.BatchHub.aclose`.
        """
        if not 0 <= grace_s < math.inf:
            raise UsageError(f"grace_s must be a number of seconds, not {grace_s}")
        self._grace_s[0] = grace_s
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

    @like(_hub.BatchHub.set_accounts)
    def set_accounts(
        self, accounts: Mapping[str, Account], *, polling: PollRule | str | None = None
    ) -> None:
        """Take other accounts, as `batchhub.BatchHub.set_accounts` does."""
        self._bridge.call(partial(self._hub.set_accounts, accounts, polling=polling))

    def adapters(self) -> list[AdapterInfo]:
        """Load every installed adapter and return how it went."""
        return self._hub.adapters()

    @like(_hub.BatchHub.probe)
    def probe(self, account: str, vendor_ref: str | None = None) -> Probe:
        """Send one harmless request, as `batchhub.BatchHub.probe` does."""
        return self._bridge.call(self._hub.probe, account, vendor_ref)

    @like(_hub.BatchHub.push)
    def push(self, account: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take in a call by a vendor (a webhook), as `batchhub.BatchHub.push` does."""
        return self._bridge.call(self._hub.push, account, headers, body)

    # Jobs.

    @like(_hub.BatchHub.submit)
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
        ahead: bool = False,
        on_finding: Callable[[Finding], None] | None = None,
        on_refused: Callable[[InputError], None] | None = None,
        keep_input: bool = True,
    ) -> BatchJob:
        """
        Store items as a job and begin to send them, as `batchhub.BatchHub.submit` does.

        An iterable of items is read in the calling thread, where a database cursor belongs, some
        hundred items at a time. What it raises is raised here, and nothing is stored. An async
        iterable is read in the hub's thread. `on_finding` and `on_refused` are called in the
        calling thread. What they raise is raised here.
        """
        queue = CallerQueue()
        taken, refuse = self._read(account, items, operation, on_refused, queue)
        submit = partial(
            self._hub.submit,
            account,
            taken,
            operation=operation,
            stop_on_first_failure=stop_on_first_failure,
            key=key,
            label=label,
            deadline_s=deadline_s,
            options=options,
            ahead=ahead,
            on_finding=None if on_finding is None else queue.listener(on_finding),
            on_refused=refuse,
            keep_input=keep_input,
        )
        return self._handle(self._bridge.call_with(queue, submit))

    @like(_hub.BatchHub.plan)
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
        keep_input: bool = True,
    ) -> Plan:
        """
        Return what `submit` would do, as `batchhub.BatchHub.plan` does.

        `on_refused` is called in the calling thread. What it raises is raised here.
        """
        queue = CallerQueue()
        taken, refuse = self._read(account, items, operation, on_refused, queue)
        plan = partial(
            self._hub.plan,
            account,
            taken,
            operation=operation,
            stop_on_first_failure=stop_on_first_failure,
            key=key,
            options=options,
            on_refused=refuse,
            keep_input=keep_input,
        )
        return self._bridge.call_with(queue, plan)

    @like(_hub.BatchHub.job)
    def job(self, job_id: str) -> BatchJob:
        """Return the handle of a job in the store, as `batchhub.BatchHub.job` does."""
        return self._handle(self._bridge.call(self._hub.job, job_id))

    @like(_hub.BatchHub.find_job)
    def find_job(self, name: str) -> BatchJob:
        """Return the handle of the job that a user names, as `batchhub.BatchHub.find_job` does."""
        return self._handle(self._bridge.call(self._hub.find_job, name))

    @like(_hub.BatchHub.find_export)
    def find_export(self, path: str | os.PathLike[str]) -> ExportedFile | None:
        """Return what is known of a file of results, as `batchhub.BatchHub.find_export` does."""
        return self._bridge.call(self._hub.find_export, path)

    @like(_hub.BatchHub.jobs)
    def jobs(
        self,
        *,
        state: BatchState | str | Collection[BatchState | str] | None = None,
        account: str | None = None,
        label: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        before: str | None = None,
        tickets: bool = True,
    ) -> list[BatchJob]:
        """Return the jobs in the store, as `batchhub.BatchHub.jobs` does."""
        found = self._bridge.call(
            self._hub.jobs,
            state=state,
            account=account,
            label=label,
            since=since,
            limit=limit,
            before=before,
            tickets=tickets,
        )
        return [self._handle(job) for job in found]

    @like(_hub.BatchHub.failures)
    def failures(
        self, *, account: str | None = None, since: datetime | None = None
    ) -> list[OpenFailures]:
        """Return what has not succeeded and is not repeated, as `batchhub.BatchHub.failures`."""
        return self._bridge.call(self._hub.failures, account=account, since=since)

    @like(_hub.BatchHub.health)
    def health(self, *, grace_s: float = GRACE_S) -> Health:
        """Find the open jobs that need a person, as `batchhub.BatchHub.health` does."""
        return self._bridge.call(self._hub.health, grace_s=grace_s)

    @like(_hub.BatchHub.resume)
    def resume(self) -> list[BatchJob]:
        """Continue unfinished jobs and wait for them, as `batchhub.BatchHub.resume` does."""
        return [self._handle(job) for job in self._bridge.call(self._hub.resume)]

    @like(_hub.BatchHub.drive)
    def drive(self, engine: Engine | None = None) -> None:
        """Drive this hub's accounts, as `batchhub.BatchHub.drive` does, until it is closed."""
        self._bridge.call(self._hub.drive, engine)

    @like(_hub.BatchHub.events)
    def events(
        self,
        *,
        consumer: str = "default",
        jobs: Collection[str] | None = None,
        follow: bool = True,
        retries: bool = False,
    ) -> Iterator[BatchEvent]:
        """Yield an event for each job that ends, as `batchhub.BatchHub.events` does."""
        source = self._hub.events(consumer=consumer, jobs=jobs, follow=follow, retries=retries)
        return read_events(self._bridge, source)

    @like(_hub.BatchHub.prune)
    def prune(self, older_than_s: float) -> _hub.Pruned:
        """Delete old jobs, as `batchhub.BatchHub.prune` does."""
        return self._bridge.call(self._hub.prune, older_than_s)

    def _read(
        self,
        account: str,
        items: RawItems,
        operation: str | None,
        on_refused: Callable[[InputError], None] | None,
        queue: CallerQueue,
    ) -> tuple[RawItems, Callable[[InputError], None] | None]:
        """Return the items for the hub, and what it calls for those that can't be sent."""
        read = self._hub._read_frame(account, items, operation)  # noqa: SLF001
        taken, refuse = refuse_by_caller(read_by_caller(read, queue), on_refused, queue)
        if read is not items:  # a frame's rows that make no item are refused as others are
            cast("Any", read).on_refused = refuse
        return taken, refuse

    def _handle(self, job: _job.BatchJob) -> BatchJob:
        return BatchJob(job, self._bridge, self)

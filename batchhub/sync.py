"""
`BatchHub` and `BatchJob` for code that is not async: Django views, Celery tasks, notebooks.

    with BatchHub(store="jobs.db", accounts={"shop": account}) as hub:
        job = hub.submit("shop", items)
        status = job.wait()
        for result in job.results():
            ...

Every call is handed to the async hub, which runs in a thread of its own, and waits for the
answer. A hub may be used from any number of threads at once, and where a loop is running
already, as in a notebook. It goes on sending and asking between the calls, until it is closed.
"""

from __future__ import annotations

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
from ._sync.bridge import CHUNK, Bridge, Desk, pull
from .adapter import Account, Probe
from .errors import InputError
from .models import BatchEvent, BatchState, BatchStatus, ItemResult, ItemState
from .models.status import facts

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["BatchHub", "BatchJob"]

T = TypeVar("T")

_numbers: Final = itertools.count(1)


class BatchHub:
    """
    One place to hand items to any vendor's batch endpoint. Use it as a context manager.

    The thread begins with the first call, so a hub that was made before a process forked (a
    server that loads the application first, a pool of workers) can be used after it. One that
    was *used* before can't: there every call raises `UsageError`.

    A hub that is left unclosed is closed when nothing refers to it any more, or when the
    process ends. What it had under way is in the store, as after `close`.

    Args:
        store: Where jobs are kept: a path, a ``sqlite:///`` URL, or `None` for memory, where
            nothing survives the process.
        accounts: The accounts by the name that `submit` calls them.
        clock: Where time comes from; for tests.
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
    def from_config(
        cls,
        path: str | os.PathLike[str] = "batchhub.toml",
        *,
        store: str | os.PathLike[str] | None = None,
        only: Collection[str] | None = None,
    ) -> BatchHub:
        """
        Make a hub of a settings file.

        Args:
            path: The file.
            store: Used in place of the file's own `store`.
            only: The accounts that are needed; those of other names are left out, so that
                their missing secrets stop nobody. `None` takes all.

        Raises:
            SettingsError: The file can't be read, or a setting is missing, unknown or wrong.
            NotKnownError: An account names an adapter that is not installed.
        """
        made = cls.__new__(cls)
        made._take(_hub.BatchHub.from_config(path, store=store, only=only))  # noqa: SLF001
        return made

    def _take(self, hub: _hub.BatchHub) -> None:
        self._hub = hub
        self._bridge = Bridge(f"batchhub-{next(_numbers)}", hub.aclose)
        # Not at exit: the bridge sees to that itself, in good time.
        weakref.finalize(self, self._bridge.let_go).atexit = False

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
        """Close; jobs that are unfinished stay in the store."""
        self.close()

    def close(self) -> None:
        """
        Stop driving and close. Nothing is cancelled at a vendor; a later hub goes on.

        Other threads that wait for this hub get a `UsageError`. Closing again does nothing.
        """
        self._bridge.close()

    # What there is.

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts this hub knows, by name."""
        return self._hub.accounts

    @property
    def store_name(self) -> str:
        """Where the jobs are, for messages."""
        return self._hub.store_name

    def adapters(self) -> list[AdapterInfo]:
        """Load every installed adapter and tell how it went."""
        return self._hub.adapters()

    def probe(self, account: str, vendor_ref: str | None = None) -> Probe:
        """
        Send one harmless request, to see whether a vendor answers and the credentials work.

        Args:
            account: The account's name.
            vendor_ref: A ticket of the vendor's to ask about, if there is one.

        Raises:
            NotKnownError: No such account.
            UnsupportedError: The adapter knows no harmless request.
            CredentialsError: The vendor refused the credentials.
            VendorError: The vendor's answer is no use.
            ContactError: There was no answer.
        """
        return self._bridge.call(self._hub.probe, account, vendor_ref)

    # Jobs.

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
        Take items, keep them, and begin to send them in the background.

        When this returns, the job and all its items are durable. Nothing is sent before that.

        Args:
            account: The account's name.
            items: `BatchItem`s, or mappings in the vendor's own form with an optional ``id``;
                an iterable of any length, read once, in the calling thread (where a database
                cursor belongs) and some hundred items at a time. What it raises comes out,
                and nothing is kept. An async iterable is read in the hub's thread.
            operation: The kind of batch; by default the adapter's first.
            stop_on_first_failure: Whether nothing more is sent after an item fails. By
                default a job keeps going, whatever the vendor's own default is.
            key: Makes the call idempotent: the same key with the same items, operation and
                options is the same job.
            label: Your own words for it.
            deadline_s: Seconds after which the job is said to be overdue; nothing is aborted.
                By default what the adapter works out from the items.
            options: The operation's options, by name.

        Raises:
            NotKnownError: No such account, adapter or operation.
            InputError: An item or an option is wrong, or there are no items.
            UnsupportedError: The vendor has no such ability.
            KeyConflictError: The key belongs to a job with other items or options.
            StoreError: The job could not be kept.
        """
        desk = Desk()
        submit = partial(
            self._hub.submit,
            account,
            _fed(items, desk),
            operation=operation,
            stop_on_first_failure=stop_on_first_failure,
            key=key,
            label=label,
            deadline_s=deadline_s,
            options=options,
        )
        return BatchJob(self, self._bridge.serve(desk, submit))

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
        Tell what `submit` would do with these arguments; nothing is kept, nothing is sent.

        Needs no network, and without a key no store. With a key the store is asked for a job that
        has it, if there is a store; none is made.

        Args:
            account: The account's name.
            items: As for `submit`.
            operation: As for `submit`.
            stop_on_first_failure: As for `submit`.
            key: As for `submit`; see `Plan.joins`.
            options: As for `submit`.
            on_refused: Told of every item that would be refused, in order and in the calling
                thread. What it raises comes out.

        Raises:
            NotKnownError: No such account, adapter or operation.
            InputError: An option is wrong.
            UnsupportedError: The vendor has no such ability.
            KeyConflictError: The key belongs to a job with other items or options.
            StoreError: The store can't be read.
        """
        desk = Desk()
        plan = partial(
            self._hub.plan,
            account,
            _fed(items, desk),
            operation=operation,
            stop_on_first_failure=stop_on_first_failure,
            key=key,
            options=options,
            on_refused=None if on_refused is None else desk.tell(on_refused),
        )
        return self._bridge.serve(desk, plan)

    def job(self, job_id: str) -> BatchJob:
        """
        Return the handle of a job in the store.

        Raises:
            NotKnownError: The store has no such job.
        """
        return BatchJob(self, self._bridge.call(self._hub.job, job_id))

    def jobs(
        self,
        *,
        state: BatchState | str | Collection[BatchState | str] | None = None,
        account: str | None = None,
        since: datetime | None = None,
    ) -> list[BatchJob]:
        """
        Return the jobs in the store, oldest first.

        Args:
            state: The state or states they are in; `None` for any.
            account: The name of the account they were handed over for; `None` for any.
            since: When they were handed over, at the earliest; an aware time.
        """
        found = self._bridge.call(self._hub.jobs, state=state, account=account, since=since)
        return [BatchJob(self, job) for job in found]

    def resume(self) -> list[BatchJob]:
        """
        Drive every unfinished job of the accounts this hub knows.

        Returns the jobs that were unfinished, oldest first, when each of them has ended, is held
        or can't go on (see its `contact`). Jobs of other accounts are left as they are. One
        account's trouble keeps no other waiting.
        """
        return [BatchJob(self, job) for job in self._bridge.call(self._hub.resume)]

    def events(
        self, *, jobs: Collection[str] | None = None, follow: bool = True
    ) -> Iterator[BatchEvent]:
        """
        Yield each job of the store when it has ended, once: over restarts, and whatever process.

        An event counts as told as soon as the loop over them asks for the next one or is left.
        A process that dies in between has it told again, with `BatchEvent.is_repeated`. Nothing
        is driven by this; what ended before and was told to nobody comes first.

        Args:
            jobs: The ids of the jobs that are asked about; `None` for all.
            follow: Whether to wait for more when all are told.

        Raises:
            StoreError: The store can't be read or written.
        """
        return _iterate(self._bridge, self._hub.events(jobs=jobs, follow=follow), 1)

    def prune(self, older_than_s: float) -> _hub.Pruned:
        """
        Forget jobs with all their items and results, and give their room back to the disk.

        Only jobs that ended more than so many seconds ago. Their keys are free again, and of an
        end that was told to nobody nobody is told any more.

        Raises:
            UsageError: The number of seconds makes no sense.
            StoreError: The store can't be written; what was forgotten until then stays so.
        """
        return self._bridge.call(self._hub.prune, older_than_s)


class BatchJob:
    """
    One job of a hub, made by the hub.

    Attributes:
        id: Our id of it.
    """

    def __init__(self, hub: BatchHub, job: _hub.BatchJob) -> None:
        self.id = job.id
        self._owner = hub  # a hub lives as long as the handles of its jobs
        self._bridge = hub._bridge  # noqa: SLF001  # two halves of one thing
        self._job = job

    def __repr__(self) -> str:
        """Show in one line what was known of it when this handle last looked."""
        return repr(self._job)

    def _repr_html_(self) -> str:
        """Show its status as a table in a notebook."""
        return draw_html(facts(self.status))

    def __rich__(self) -> Table:
        """Show its status as a table on a terminal."""
        return draw_table(facts(self.status))

    @property
    def lane(self) -> str:
        """The lane it belongs to: adapter and identity of the account it was handed to."""
        return self._job.lane

    @property
    def is_ours(self) -> bool:
        """Whether this hub knows the account the job belongs to, and so can drive it."""
        return self._look(lambda job: job.is_ours)

    @property
    def status(self) -> BatchStatus:
        """What was known of it when this handle last looked; `refresh` looks again."""
        return self._look(lambda job: job.status)

    @property
    def cooling_until(self) -> datetime | None:
        """
        Until when nothing is sent for the job's account, because its vendor asked for a pause.

        `None` when nothing cools down, or another process drives the account.
        """
        return self._look(lambda job: job.cooling_until)

    def refresh(self) -> BatchStatus:
        """Look again and return what is known now."""
        return self._bridge.call(self._job.refresh)

    def wait(self, timeout_s: float | None = None) -> BatchStatus:
        """
        Wait until the job has ended, or is held: an unconfirmed ticket needs a decision.

        An interrupt (Ctrl-C) ends the waiting; the job goes on.

        Args:
            timeout_s: The most seconds to wait; `None` waits as long as it takes.

        Raises:
            WaitTimeoutError: The time is up; the job goes on and can be waited for again.
            CredentialsError: The vendor refused the credentials; mend them and resume.
            StoreError: The store can't be read.
        """
        return self._bridge.call(self._job.wait, timeout_s)

    def watch(self) -> Iterator[BatchStatus]:
        """
        Yield the status now and at every change, until the job has ended, is held or can't go on.

        Raises:
            StoreError: The store can't be read.
        """
        return _iterate(self._bridge, self._job.watch(), 1)

    def results(
        self,
        only: ItemState | str | Collection[ItemState | str] | None = None,
        *,
        code: int | Collection[int] | None = None,
    ) -> Iterator[ItemResult]:
        """
        Iterate over the results so far, in the order of the items, a page in memory at a time.

        Args:
            only: The state or states that are wanted; `None` for all.
            code: The items' own HTTP status or statuses that are wanted, such as 404; `None` for
                all, also those of items that have none.

        Raises:
            UsageError: There is no such state, or a code is no whole number.
        """
        return _iterate(self._bridge, self._job.results(only, code=code), CHUNK)

    def cancel(self) -> BatchStatus:
        """
        Stop the job: what was not sent is not executed, what the vendor has is cancelled there.

        Returns at once with the status; `wait` tells what came of it. A job that has ended is
        left as it is. An unconfirmed ticket ends CANCELLED, its items UNKNOWN.

        Raises:
            UnsupportedError: All that is open is with a vendor that can't cancel.
        """
        return self._bridge.call(self._job.cancel)

    def retry(self, *, unknown: bool = False) -> BatchJob:
        """
        Make one new job of the items that failed or were not executed; again, return that job.

        Args:
            unknown: Whether items of which nobody can tell are repeated too, which may do them
                twice. A held job is ended by it.

        Raises:
            UsageError: The job has not ended, or there is nothing to repeat.
        """
        return BatchJob(self._owner, self._bridge.call(self._job.retry, unknown=unknown))

    def find_retry(self, *, unknown: bool = False) -> str | None:
        """
        Return the id of the newest job that repeats items of this one; `None` if none does.

        Args:
            unknown: Whether to ask about the items of which nobody can tell, not of those that
                failed or were not executed.
        """
        return self._bridge.call(self._job.find_retry, unknown=unknown)

    def hand_over(self, timeout_s: float = 30.0) -> BatchStatus:
        """
        Wait until what may be sent now is sent, for a caller that will not wait for the rest.

        Returns early when another process drives the lane, or the vendor can't be reached.
        """
        return self._bridge.call(self._job.hand_over, timeout_s)

    def _look(self, function: Callable[[_hub.BatchJob], T]) -> T:
        """Ask the handle in the loop's thread, or here when there is no such thread to wait for."""
        if not self._bridge.is_usable:
            return function(self._job)

        async def look() -> T:
            return function(self._job)

        return self._bridge.call(look)


def _iterate(bridge: Bridge, source: AsyncIterator[T], most: int) -> Iterator[T]:
    """Take `most` things at a time out of an async iterator; closing this one closes that."""
    while True:
        taken, error = bridge.call(pull, source, most)
        try:
            yield from taken
        except GeneratorExit:
            bridge.begin(cast("Any", source).aclose)
            raise
        if error is not None:
            raise error
        if len(taken) < most:
            return


def _fed(items: RawItems, desk: Desk) -> RawItems:
    """Have the items taken in the thread of the caller; what is no iterable, the hub refuses."""
    is_plain = isinstance(items, Iterable) and not isinstance(items, str | bytes | Mapping)
    if not is_plain or isinstance(items, AsyncIterable):
        return items
    return desk.feed(cast("Iterable[Any]", items))

"""The front door: `BatchHub` takes items and sends them; `BatchJob` is the handle of one job."""

from __future__ import annotations

import asyncio
import math
import os
import random
import warnings
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from attrs import frozen

from ._base.clock import Clock, SystemClock
from ._base.failpoints import failpoint
from ._base.log import get_logger
from ._base.secrets import MIN_LENGTH
from ._base.store_path import find_store_path
from ._engine.events import EventFeed
from ._engine.intake import Intake, RawItems
from ._engine.open_hub import OpenHub, make_adapter
from ._engine.plan import Plan, make_fingerprint, make_plan
from ._settings.accounts import make_accounts
from ._settings.file import load_settings
from ._settings.registry import AdapterInfo, Registry
from ._store import JobRecord, make_job_id
from .adapter import Account, Adapter, Probe
from .errors import BatchHubError, InputError, NotKnownError, UnsupportedError, UsageError
from .job import BatchJob
from .models import BatchEvent, BatchState

__all__ = ["BatchHub", "BatchJob", "Plan", "Pruned"]

_OPEN: Final = [state for state in BatchState if not state.is_terminal]

_log = get_logger()


@frozen(kw_only=True)
class Pruned:
    """
    What `BatchHub.prune` deleted.

    Attributes:
        jobs: Number of jobs.
        items: Number of their items.
    """

    jobs: int
    items: int


class BatchHub:
    """
    Sends items to any vendor's batch endpoint. Use it as an async context manager.

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
        self._store_at = None if store is None else os.fspath(store)
        self._accounts = dict(accounts or {})
        self._clock = clock or SystemClock()
        self._rng = random.Random(seed)  # noqa: S311  # jitter, no secret
        self._registry = Registry()
        self._opened: OpenHub | None = None
        self._events: EventFeed
        self._is_closed = False
        self._opening = asyncio.Lock()

    @classmethod
    def from_config(
        cls,
        path: str | os.PathLike[str] = "batchhub.toml",
        *,
        store: str | os.PathLike[str] | None = None,
        only: Collection[str] | None = None,
    ) -> BatchHub:
        """
        Make a hub from a settings file.

        Args:
            path: The file.
            store: Used in place of the file's own `store`.
            only: Names of the accounts to open; `None` opens all. Missing secrets of other
                accounts do no harm.

        Raises:
            SettingsError: The file can't be read, or a setting is missing, unknown or wrong.
            NotKnownError: There is no such account, or its adapter is not installed.
            AdapterError: An adapter does not load.
        """
        settings = load_settings(path)
        accounts = make_accounts(settings, Registry(), only)
        return cls(store if store is not None else settings.store, accounts)

    # Opening and closing.

    async def __aenter__(self) -> Self:
        """Open the store."""
        self._is_closed = False
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; unfinished jobs stay in the store."""
        await self.aclose()

    async def aclose(self) -> None:
        """Stop and close. Nothing is cancelled at a vendor, and a later hub goes on."""
        opened, self._opened = self._opened, None
        self._is_closed = True
        if opened is not None:
            try:
                await self._events.finish()
            finally:
                await opened.aclose()

    async def _open(self) -> OpenHub:
        if self._is_closed:
            raise UsageError("this hub is closed; open a new one")
        async with self._opening:
            return await self._find_open()

    async def _find_open(self) -> OpenHub:
        if self._opened is None:
            if self._store_at is None:
                warnings.warn(
                    "BatchHub keeps its jobs in memory: nothing survives this process; "
                    "give store=PATH to keep them",
                    stacklevel=3,
                )
            self._opened = await OpenHub.open(
                self._store_at, self._accounts, self._registry, self._clock, self._rng
            )
            self._events = EventFeed(self._opened)
        return self._opened

    # What there is.

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts of this hub, by name."""
        return self._accounts

    @property
    def store_name(self) -> str:
        """Where the jobs are kept, for messages."""
        return "memory" if self._store_at is None else str(self._store_at)

    def adapters(self) -> list[AdapterInfo]:
        """Load every installed adapter and return how it went."""
        return list(self._registry.describe())

    async def probe(self, account: str, vendor_ref: str | None = None) -> Probe:
        """
        Send one harmless request, to see whether the vendor answers and the credentials work.

        Args:
            account: The account's name.
            vendor_ref: The vendor's id of a ticket to ask about, if there is one.

        Raises:
            NotKnownError: There is no such account.
            UnsupportedError: The adapter has no harmless request.
            CredentialsError: The vendor refused the credentials.
            VendorError: The vendor answered with an error, or the answer can't be read.
            ContactError: There was no answer.
        """
        opened = await self._open()
        return await opened.get_lane(account).adapter.probe(vendor_ref)

    # Jobs.

    async def submit(
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
        Store items as a job, and begin to send them in the background.

        When this returns, the job and all its items are durable. Nothing is sent before that.

        Args:
            account: The account's name.
            items: `BatchItem` objects, or mappings in the vendor's own form with an optional
                ``id``; an iterable or async iterable of any length, read once.
            operation: The kind of batch. Default: the adapter's first.
            stop_on_first_failure: Whether to send nothing more after an item fails. By default a
                job keeps going, whatever the vendor's own default is.
            key: Makes the call idempotent: the same key with the same items, operation and
                options is the same job.
            label: A text of your own, shown with the job.
            deadline_s: Seconds after which the job is reported as overdue; nothing is aborted.
                Default: worked out by the adapter from the items.
            options: The operation's options, by name.

        Raises:
            NotKnownError: There is no such account, adapter or operation.
            InputError: An item or an option is wrong, or there are no items.
            UnsupportedError: The vendor can't do this.
            KeyConflictError: The key belongs to a job with other items or options.
            StoreError: The job could not be stored.
        """
        if deadline_s is not None and not 0 < deadline_s < math.inf:
            raise UsageError(f"deadline_s must be a number of seconds above 0, not {deadline_s}")
        _check_text("key", key)
        _check_text("label", label)
        opened = await self._open()
        lane = opened.get_lane(account)
        adapter = lane.adapter
        stop = bool(stop_on_first_failure)
        operation = _check_operation(adapter, operation, stop=stop)
        capabilities = adapter.capabilities(operation)
        checked = adapter.check_options(operation, options or {})
        _check_secrets(adapter.account, {"key": key, "label": label})
        with Intake(adapter, operation) as intake:
            await intake.take(items, checked)
            if not intake.total:
                raise InputError("there are no items; nothing was sent")
            if deadline_s is None:
                deadline_s = capabilities.deadline_s(intake.total, checked)
            record = self._make_record(
                account,
                adapter,
                operation=operation,
                key=key,
                fingerprint=make_fingerprint(intake, operation, checked, stop=stop),
                label=label,
                options=dict(checked),
                stop_on_first_failure=stop,
                deadline_s=deadline_s,
            )
            job, is_new = await opened.store.add_job(record, intake.plans, intake.tickets())
        failpoint("items.kept")
        _log.info(
            "job.submitted" if is_new else "job.joined",
            job_id=job.job_id,
            account=job.account,
            lane=job.lane,
            items=intake.total,
        )
        opened.driver.drive(lane)
        return await self.job(job.job_id)

    async def plan(
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
        Return what `submit` would do with these arguments; nothing is stored or sent.

        This needs no network, and without a key no store, so the hub need not be open. With a
        key, the store is searched for a job that has it, if there is a store; none is created.

        Args:
            account: The account's name.
            items: As for `submit`.
            operation: As for `submit`.
            stop_on_first_failure: As for `submit`.
            key: As for `submit`; see `Plan.joins`.
            options: As for `submit`.
            on_refused: Called for every item that would be refused, before the next one is read.

        Raises:
            NotKnownError: There is no such account, adapter or operation.
            InputError: An option is wrong.
            UnsupportedError: The vendor can't do this.
            KeyConflictError: The key belongs to a job with other items or options.
            StoreError: The store can't be read.
        """
        _check_text("key", key)
        if account not in self._accounts:
            raise NotKnownError("account", account, self._accounts)
        from ._http.session import open_session  # noqa: PLC0415  # slow to import

        adapter_type = self._registry.get(self._accounts[account].adapter)
        async with open_session() as session:
            adapter = make_adapter(
                adapter_type, self._accounts[account], session, clock=self._clock, rng=self._rng
            )
            stop = bool(stop_on_first_failure)
            operation = _check_operation(adapter, operation, stop=stop)
            checked = adapter.check_options(operation, options or {})
            try:
                return await make_plan(
                    adapter,
                    operation,
                    items,
                    account=account,
                    options=checked,
                    stop=stop,
                    on_refused=on_refused,
                    find_joined=(
                        None
                        if key is None or not self._has_store
                        else partial(self._find_joined, key, self._accounts[account].lane)
                    ),
                )
            finally:
                await adapter.aclose()

    @property
    def _has_store(self) -> bool:
        """Whether there is a store that may have jobs; looking must not create one."""
        path = None if self._store_at is None else find_store_path(self._store_at)
        return self._opened is not None or (path is not None and path.exists())

    async def _find_joined(self, key: str, lane: str, fingerprint: str) -> str | None:
        opened = await self._open()
        job = await opened.store.find_by_key(lane, key, fingerprint)
        return None if job is None else job.job_id

    async def job(self, job_id: str) -> BatchJob:
        """
        Return the handle of a job in the store.

        Raises:
            NotKnownError: The store has no such job.
        """
        opened = await self._open()
        return BatchJob(opened, *await opened.store.get_job(job_id))

    async def jobs(
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
            account: The name of their account; `None` for any.
            since: Only jobs submitted at this time or later; an aware datetime.

        Raises:
            UsageError: There is no such state, or `since` has no time zone.
        """
        wanted = _read_states(state)
        if since is not None and since.tzinfo is None:
            raise UsageError(f"since must be an aware datetime, not {since!r}")
        opened = await self._open()
        found = await opened.store.find_jobs(account=account, states=wanted, since=since)
        return [BatchJob(opened, record, status) for record, status in found]

    async def resume(self) -> list[BatchJob]:
        """
        Continue every unfinished job of this hub's accounts, and wait for them.

        One account's trouble does not hold up the others. Jobs of other accounts stay as they
        are.

        Returns:
            The jobs that were unfinished, oldest first, once each has ended, is held or can't go
            on (see its `contact`).
        """
        opened = await self._open()
        jobs: list[BatchJob] = []
        driven: list[BatchJob] = []
        for record, status in await opened.store.find_jobs(states=_OPEN):
            jobs.append(BatchJob(opened, record, status))
            try:
                lane = opened.find_lane(record.lane)
            except BatchHubError as error:  # one account's settings do not stop the others
                _log.error(
                    "lane.stopped",
                    job_id=record.job_id,
                    account=record.account,
                    lane=record.lane,
                    error=str(error),
                )
                continue
            if lane is not None:
                opened.driver.drive(lane)
                driven.append(jobs[-1])
        for job in driven:
            async for _ in job.watch():
                pass
        return jobs

    async def events(
        self, *, jobs: Collection[str] | None = None, follow: bool = True
    ) -> AsyncGenerator[BatchEvent]:
        """
        Yield an event for each job that ends, once for all processes and restarts.

        An event is acknowledged when the loop over them asks for the next one or is left. If the
        process dies before that, the event comes again, with `BatchEvent.is_repeated`. Jobs that
        ended earlier and are not acknowledged come first. This only reads; it sends nothing.

        Args:
            jobs: Ids of the jobs to report; `None` for all.
            follow: Whether to wait for more events when there are none left.

        Raises:
            StoreError: The store can't be read or written.
        """
        await self._open()
        async with aclosing(self._events.events(jobs, follow=follow)) as events:
            async for event in events:
                yield event

    async def prune(self, older_than_s: float) -> Pruned:
        """
        Delete old jobs with all their items and results, and free the disk space.

        Keys of deleted jobs can be used again. Unacknowledged events of pruned jobs are dropped.

        Args:
            older_than_s: Seconds. Only jobs that ended longer ago are deleted.

        Raises:
            UsageError: The number of seconds is negative or not finite.
            StoreError: The store can't be written; jobs deleted before that stay deleted.
        """
        if not 0 <= older_than_s < math.inf:
            raise UsageError(f"older_than_s must be a number of seconds, not {older_than_s}")
        opened = await self._open()
        before = self._clock.now() - timedelta(seconds=older_than_s)
        jobs, items = await opened.store.prune(before)
        if jobs:
            await opened.store.vacuum()
            _log.info("store.pruned", jobs=jobs, items=items)
        return Pruned(jobs=jobs, items=items)

    def _make_record(self, account: str, adapter: Adapter[Any], **facts: Any) -> JobRecord:
        now = self._clock.now()
        return JobRecord(
            job_no=0,
            job_id=make_job_id(now),
            account=account,
            lane=adapter.account.lane,
            adapter=adapter.name,
            retry_of=None,
            created_at=now,
            updated_at=now,
            **facts,
        )


def _check_text(name: str, text: str | None) -> None:
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        raise InputError(f"the {name} {text!r} is no valid Unicode text") from None


def _check_secrets(account: Account, texts: Mapping[str, str | None]) -> None:
    """Refuse texts that would put a secret of the account into the store."""
    secrets = [secret for secret in account.secrets if len(secret) >= MIN_LENGTH]
    for name, text in texts.items():
        if text and any(secret in text for secret in secrets):
            raise InputError(f"the {name} holds a secret of the account, which would be stored")


def _read_states(
    state: BatchState | str | Collection[BatchState | str] | None,
) -> list[BatchState] | None:
    """Return the states that are wanted; `None` for any."""
    if state is None:
        return None
    try:
        return [BatchState(each) for each in ([state] if isinstance(state, str) else state)]
    except ValueError:
        raise UsageError(f"state takes {', '.join(BatchState)}, not {state!r}") from None


def _check_operation(adapter: Adapter[Any], operation: str | None, *, stop: bool) -> str:
    if operation is None:
        operation = next(iter(adapter.operations))
    elif operation not in adapter.operations:
        raise NotKnownError("operation", operation, adapter.operations)
    if stop and not adapter.capabilities(operation).stops_on_first_failure:
        raise UnsupportedError(f"{adapter.name} {operation} can't stop on the first failure")
    return operation

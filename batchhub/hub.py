"""The front door: `BatchHub` takes items and sends them; `BatchJob` is the handle of one job."""

from __future__ import annotations

import asyncio
import math
import os
import random
import warnings
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast

from attrs import frozen

from ._base.choices import read_choices
from ._base.clock import Clock, SystemClock
from ._base.file_mode import FileMode
from ._base.frames import Frame, is_frame
from ._base.handles import HUB, Handle
from ._base.log import get_logger
from ._base.show import clean
from ._base.store_place import find_store_place, show_store
from ._engine.account_adapter import open_adapter
from ._engine.account_book import AccountBook
from ._engine.event_feed import EventFeed
from ._engine.events import EventStream
from ._engine.exports import find_export
from ._engine.failures import find_open_failures
from ._engine.health import GRACE_S, check_health
from ._engine.lane import CLOSING_S
from ._engine.naming import find_job_id
from ._engine.open_hub import OpenHub
from ._engine.plan import Plan, make_plan
from ._engine.pushes import check_push, read_push
from ._engine.raw_items import RawItems
from ._engine.shards import Engine
from ._engine.submit import check_arguments, store_job
from ._settings.accounts import make_accounts
from ._settings.file import load_settings
from ._settings.registry import AdapterInfo, Registry
from ._store import DamagedError
from .adapter import Account, Adapter, Probe
from .errors import InputError, NotKnownError, SettingsError, UsageError
from .job import BatchJob
from .models import BatchEvent, BatchState, ExportedFile, Finding, Health, OpenFailures
from .polling import PollRule
from .polling.setting import read_polling

__all__ = ["BatchHub", "BatchJob", "Plan", "Pruned"]


_log = get_logger()
_LONGEST: Final = 120


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


class BatchHub(Handle):
    """
    Sends items to any vendor's batch endpoint. Use it as an async context manager.

    Args:
        store: Where jobs are kept: a path, a ``sqlite:///`` URL, or `None` for memory, where
            nothing survives the process.
        accounts: The accounts, by the names that `submit` takes.
        clock: Source of time; for tests.
        seed: Makes jitter repeatable; for tests.
        store_mode: Who may use the files of the store: ``"private"`` for their owner alone (0600),
            or ``"group"`` for colleagues in the group of its folder (0660), whatever the umask.
        polling: When tickets are asked about: a rule of `batchhub.polling` or its text, such as
            ``"fixed 5"``, or an object of your own. It is the rule of all accounts that have none;
            by default they learn when to ask.
        adapters: Adapters that need not be installed, such as one under test; they take the place
            of those that are installed under their names.
        drives: Whether it sends anything. If not, it only reads, and hands over: what `submit`,
            `retry`, `cancel`, `adopt` and `push` want is in the store, where another process that
            drives the accounts finds it, and `BatchJob.wait` watches what that one does.

    Raises:
        UsageError: There is no such `store_mode`; or the hub drives nothing and has no store.
        SettingsError: `polling` is no rule.
    """

    _handed_over_as = HUB

    def __init__(
        self,
        store: str | os.PathLike[str] | None = None,
        accounts: Mapping[str, Account] | None = None,
        *,
        clock: Clock | None = None,
        seed: int | None = None,
        store_mode: str = FileMode.PRIVATE.value,
        polling: PollRule | str | None = None,
        adapters: Iterable[type[Adapter[Any]]] = (),
        drives: bool = True,
    ) -> None:
        try:
            self._store_mode = FileMode(store_mode)
        except ValueError:
            known = " or ".join(repr(mode.value) for mode in FileMode)
            raise UsageError(f"store_mode is {known}, not {store_mode!r}") from None
        self._store_at = None if store is None else os.fspath(store)
        if store is None and not drives:
            raise UsageError("drives=False hands over through a store: give store=PATH")
        self._accounts = dict(accounts or {})
        self._adapters = tuple(adapters)
        self._polling = read_polling(polling)
        self._drives = drives
        self._clock = clock or SystemClock()
        self._rng = random.Random(seed)  # noqa: S311  # jitter, no secret
        self._registry = Registry(self._adapters, self._accounts.values())
        self._opened: OpenHub | None = None
        self._pid = 0
        self._events: EventFeed
        self._is_closed = False
        self._opening = asyncio.Lock()
        self._closing = asyncio.Lock()

    @classmethod
    def from_config(
        cls,
        path: str | os.PathLike[str] = "batchhub.toml",
        *,
        store: str | os.PathLike[str] | None = None,
        only: Collection[str] | None = None,
        polling: PollRule | str | None = None,
        drives: bool = True,
    ) -> BatchHub:
        """
        Make a hub from a settings file.

        Args:
            path: The file.
            store: Used in place of the file's own `store`.
            only: Names of the accounts to open; `None` opens all. Missing secrets of other
                accounts do no harm.
            polling: Used in place of the file's own `polling`; an account's own wins.
            drives: Whether it sends anything, as for `BatchHub`.

        Raises:
            SettingsError: The file can't be read, or a setting is missing, unknown or wrong.
            NotKnownError: There is no such account, or its adapter is not installed.
            AdapterError: An adapter does not load.
        """
        settings = load_settings(path)
        accounts = make_accounts(settings, Registry(), only)
        store_at = store if store is not None else settings.store
        return cls(
            store_at,
            accounts,
            store_mode=settings.store_mode,
            polling=settings.polling if polling is None else polling,
            drives=drives,
        )

    def __repr__(self) -> str:
        """Return where its jobs are, and the names of its accounts."""
        names = ", ".join(self._accounts) or "no accounts"
        return f"<BatchHub {self.store_name}: {clean(names, _LONGEST)}>"

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

    async def aclose(self, grace_s: float = CLOSING_S) -> None:
        """
        Stop and close. Nothing is cancelled at a vendor, and a later hub goes on.

        From now on nothing new is sent. A request that may have an effect and is under way has
        `grace_s` to be answered, and its answer is stored; polls are dropped at once. Then other
        processes can drive the accounts, each as soon as nothing of it is under way.

        Args:
            grace_s: Seconds. What was sent and has no answer by then is in doubt, as after a crash.

        Raises:
            UsageError: The number of seconds is negative or not finite.
        """
        if not 0 <= grace_s < math.inf:
            raise UsageError(f"grace_s must be a number of seconds, not {grace_s}")
        self._is_closed = True
        async with self._closing:  # who closes it again waits for that
            await self._close(grace_s)

    async def _close(self, grace_s: float) -> None:
        opened, self._opened = self._opened, None
        if opened is not None and opened.store.has_lost_loop:
            await opened.abandon()
        elif opened is not None:
            is_let_go = False
            try:
                is_let_go = await self._events.aclose()
            finally:
                await opened.aclose(grace_s=grace_s, is_let_go=is_let_go)

    def __del__(self) -> None:
        """Say that it was left open. What it was doing is in the store."""
        opened = getattr(self, "_opened", None)
        if opened is not None and self._pid == os.getpid():
            self._opened = None
            opened.quiet_tasks()
            warnings.warn(
                f"a BatchHub was left open (store {self.store_name}); use 'async with', or await "
                "aclose()",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )

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
                self._store_at,
                AccountBook(self._accounts, self._registry, self._polling),
                self._clock,
                self._rng,
                mode=self._store_mode,
                drives=self._drives,
            )
            self._pid = os.getpid()
            self._events = EventFeed(self._opened.store, self._opened.clock, self._opened.process)
        self._opened.process.check_fork()
        self._opened.store.check_loop()
        return self._opened

    async def _open_to_drive(self, verb: str) -> OpenHub:
        if not self._drives:
            raise UsageError(
                f"{verb} needs a hub that drives: this one was made with drives=False, and sends "
                "nothing"
            )
        return await self._open()

    # What there is.

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts of this hub, by name."""
        return self._accounts

    @property
    def store_name(self) -> str:
        """Where the jobs are kept, for messages: without a password."""
        if self._store_at is None:
            return "memory"
        try:
            return show_store(self._store_at)
        except SettingsError:  # said when it is opened; it may have a password in it
            return "of no known kind"

    async def set_accounts(
        self, accounts: Mapping[str, Account], *, polling: PollRule | str | None = None
    ) -> None:
        """
        Take other accounts in place of those it has, also while it drives.

        An account that is as it was is not touched. One with other settings goes on with them: what
        is under way is answered first. A pause for refused credentials ends at once in either case:
        the vendor may take the same ones again. Budget and cool-down stay. An account that is gone
        takes no jobs and sends nothing more; what the vendor has of it is followed to its end,
        by another process if one drives the account until it is stopped (`drive`), else here,
        unless its credentials are refused. One whose `base_url` or identity has changed is another
        account. New accounts are driven if `drive` is under way.

        Accounts that can't be used, or contradict each other, are named in the log; one that was
        driven before goes on as it was.

        Args:
            accounts: The accounts, by name.
            polling: When tickets are asked about, as for `BatchHub`; this takes the place of what
                the hub was made with.

        Raises:
            SettingsError: `polling` is no rule; nothing has changed.
            UsageError: The hub is closed.
        """
        if self._is_closed:
            raise UsageError("this hub is closed; open a new one")
        rule, accounts = read_polling(polling), dict(accounts)
        registry = Registry(self._adapters, accounts.values())
        async with self._opening:  # one that is being opened is to have these, too
            self._polling, self._accounts, self._registry = rule, accounts, registry
            opened = self._opened
        if opened is not None:
            await opened.set_accounts(AccountBook(accounts, registry, rule))

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
            UsageError: The hub does not drive, so it sends nothing.
            CredentialsError: The vendor refused the credentials.
            VendorError: The vendor answered with an error, or the answer can't be read.
            ContactError: There was no answer.
        """
        opened = await self._open_to_drive("probe")
        return await opened.get_lane(account).adapter.probe(vendor_ref)

    async def push(self, account: str, headers: Mapping[str, str], body: bytes) -> int:
        """
        Take in a call by a vendor (a webhook): batches it names are asked about soon.

        The adapter checks that the call is the vendor's. It decides nothing: whoever drives the
        account, in this process or another, polls the batches the call names, not before
        `Capabilities.min_poll_s` after the last poll, and believes the answer. If nobody drives
        it, the next one to do so finds it: up to 1,000 ids of an account, for a day. The same call
        again does no harm.

        Args:
            account: The account's name.
            headers: The call's headers; a name's case does not matter.
            body: The call's body as it came, at most 1 MB (1,048,576 bytes).

        Returns:
            How many batches it names; some may not be this store's.

        Raises:
            UsageError: The body is larger, or no bytes; nothing has read it.
            NotKnownError: There is no such account.
            RefusedError: The signature is wrong, or it is no call of the vendor's.
            UnsupportedError: The vendor makes no such calls.
            AdapterError: The adapter can't read it.
            StoreError: The store can't be written; the vendor should call again.
        """
        check_push(headers, body)
        opened = await self._open()
        lane = opened.get_lane(account)
        refs = read_push(lane.adapter, headers, bytes(body))
        if refs:
            await opened.store.pushes.add(lane.name, refs, opened.clock.now())
            opened.driver.note_pushes(lane.name)
        _log.info("push.taken", account=account, lane=lane.name, batches=len(refs))
        return len(refs)

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
        ahead: bool = False,
        on_finding: Callable[[Finding], None] | None = None,
        on_refused: Callable[[InputError], None] | None = None,
        keep_input: bool = True,
    ) -> BatchJob:
        """
        Store items as a job, and begin to send them in the background.

        When this returns, the job and all its items are durable. Nothing is sent before that. Where
        the store is on PostgreSQL, a worker sends them: see `BatchJob.needs_worker`.

        Args:
            account: The account's name.
            items: `BatchItem` objects, or mappings in the vendor's own form with an optional
                ``id``; an iterable or async iterable of any length, read once. Or a DataFrame of
                pandas or polars, or a table of Arrow: its rows are items, as those of a sheet are
                (`batchhub.tables.read_items`).
            operation: The kind of batch. Default: the adapter's first.
            stop_on_first_failure: Whether to send nothing more after an item fails. By default a
                job keeps going, whatever the vendor's own default is.
            key: Makes the call idempotent: the same key with the same items, operation and
                options is the same job. 500 characters at most.
            label: A text of your own, shown with the job.
            deadline_s: Seconds after which the job is reported as overdue; nothing is aborted.
                Default: worked out by the adapter from the items.
            options: The operation's options, by name.
            ahead: Whether to send it before older jobs of the account that still have something
                to send. Where these change the same, they overwrite it when they are sent: the
                job has the finding ``went_ahead`` then.
            on_finding: Called, before anything is sent, for each finding that the job has from the
                start: ``same_target`` if several items change the same thing.
            on_refused: Called for every item that can't be sent, before the next one is read; the
                others are sent. Its exception ends the submit, and nothing is sent. By default the
                first item that can't be sent is raised. An item without an id keeps the number it
                has among all of them, and `key` stands for the items that are sent.
            keep_input: Whether to keep the rows that the items are made of, those that are refused
                too, so that `BatchJob.rows` can show each with its result. They are compressed, and
                deleted with the job. Items that are not made of rows, such as mappings of your own,
                are only kept as they are sent.

        Raises:
            NotKnownError: There is no such account, adapter or operation.
            InputError: An item or an option is wrong, or there are no items, or `on_refused` had
                all of them; or two items change the same, and the options let the vendor run them
                in any order; or a row that would be kept holds a secret of the account.
            UnsupportedError: The vendor can't do this.
            KeyConflictError: The key belongs to a job with other items or options.
            StoreError: The job could not be stored.
        """
        check_arguments(key=key, label=label, deadline_s=deadline_s)
        opened = await self._open()
        lane = opened.get_lane(account)
        items = self._read_frame(account, items, operation, on_refused)
        added = await store_job(
            opened.loader,
            opened.clock,
            lane.adapter,
            items,
            account=account,
            operation=operation,
            stop=bool(stop_on_first_failure),
            key=key,
            label=label,
            deadline_s=deadline_s,
            options=options or {},
            ahead=ahead,
            on_finding=on_finding,
            on_refused=on_refused,
            keep_input=keep_input,
        )
        opened.drive_lane(lane.name)
        if added.status is None:
            return await self.job(added.job.job_id)
        return BatchJob(opened, added.job, added.status)

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
        keep_input: bool = True,
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
            keep_input: As for `submit`: whether a row is refused that holds a secret.

        Raises:
            NotKnownError: There is no such account, adapter or operation.
            InputError: An option is wrong, or the rows can't be kept.
            UnsupportedError: The vendor can't do this.
            KeyConflictError: The key belongs to a job with other items or options.
            StoreError: The store can't be read.
        """
        check_arguments(key=key)
        if account not in self._accounts:
            raise NotKnownError("account", account, self._accounts)
        items = self._read_frame(account, items, operation, on_refused)
        async with open_adapter(
            self._registry, self._accounts[account], clock=self._clock, rng=self._rng
        ) as adapter:
            return await make_plan(
                adapter,
                items,
                account=account,
                operation=operation,
                options=options or {},
                stop=bool(stop_on_first_failure),
                on_refused=on_refused,
                find_joined=(
                    None
                    if key is None or not self._has_store
                    else partial(self._find_joined, key, self._accounts[account].lane)
                ),
                keep_input=keep_input,
            )

    def _read_frame(
        self,
        account: str,
        items: RawItems,
        operation: str | None,
        on_refused: Callable[[InputError], None] | None = None,
    ) -> RawItems:
        """Return what makes items of the rows of a frame, as the account's adapter takes them."""
        if not is_frame(items) or account not in self._accounts:
            return items
        # Whoever has no frames need not load what reads tables.
        from ._tables.reading import ItemReader, ReadSettings  # noqa: PLC0415

        adapter = self._registry.get_for(self._accounts[account])
        if operation is not None and operation not in adapter.operations:
            raise NotKnownError("operation", operation, adapter.operations)
        settings = ReadSettings(adapter=adapter, operation=operation)
        return ItemReader(cast("Frame", items), settings, on_refused)

    @property
    def _has_store(self) -> bool:
        """Whether there is a store that may have jobs; looking must not create one."""
        place = find_store_place(self._store_at)
        # Whether a database has tables is known when it is opened; that creates nothing.
        is_there = place.is_postgres or (place.path is not None and place.path.exists())
        return self._opened is not None or is_there

    async def _find_joined(self, key: str, lane: str, fingerprint: str) -> str | None:
        opened = await self._open()
        job = await opened.store.jobs.find_by_key(lane, key, fingerprint)
        return None if job is None else job.job_id

    async def job(self, job_id: str) -> BatchJob:
        """
        Return the handle of a job in the store.

        That alone sends nothing: a job that another process has left goes on when this hub
        drives its account, which `resume`, or a `submit` to the account, begins.

        Raises:
            NotKnownError: The store has no such job.
        """
        opened = await self._open()
        return BatchJob(opened, *await opened.store.jobs.get(job_id))

    async def find_job(self, name: str) -> BatchJob:
        """
        Return the handle of the job that a user names.

        Args:
            name: Its id; or its key; or ``"latest"``, for the newest job; or the beginning of its
                id, at least 4 characters. What comes first here is looked for first: a key that
                is the id of another job does not hide that job.

        Raises:
            NotKnownError: No job has that name.
            UsageError: Several have it: a key at several accounts, or the beginning of several
                ids. The message names 5 of them at most. Or the name is empty.
            StoreError: The store can't be read.
        """
        opened = await self._open()
        return await self.job(await find_job_id(opened.store, name))

    async def find_export(self, path: str | os.PathLike[str]) -> ExportedFile | None:
        """
        Return what the store knows of a file that results were written to.

        A program that writes a file of results over an older one can look here whether that one
        has the results of the same job, unchanged. `BatchJob.save_export` notes what was written,
        and the command does both.

        Args:
            path: The file, whether it is there or not.

        Returns:
            The job and whether the file is unchanged; `None` if the store knows nothing of it, as
            after the job was deleted.

        Raises:
            StoreError: The store can't be read.
        """
        return await find_export((await self._open()).store, path)

    async def jobs(
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
        """
        Return the jobs in the store, oldest first; with `limit` or `before`, newest first.

        To go through many jobs page by page, ask with a `limit`, and then again and again with
        `before`, the id of the last job of the page, until a page is not full.

        Args:
            state: The state or states they are in; `None` for any.
            account: The name of their account; `None` for any.
            label: A text that their label has in it, whether in upper or lower case; `None` for
                any, also for jobs without a label.
            since: Only jobs submitted at this time or later; an aware datetime.
            limit: How many at most, the newest ones; `None` for all.
            before: The id of a job; only jobs that are older. `None` for any.
            tickets: Whether to read their tickets. Without them `status.tickets` is empty until
                `refresh`, and many jobs are read faster.

        Raises:
            UsageError: There is no such state, `since` has no time zone, or `limit` is negative.
            NotKnownError: The store has no job `before`.
        """
        wanted = read_choices("state", BatchState, state)
        if limit is not None and limit < 0:
            raise UsageError(f"limit must be a number of jobs, not {limit}")
        _check_since(since)
        opened = await self._open()
        found = await opened.store.jobs.find(
            account=account,
            label=label,
            states=wanted,
            since=since,
            before=before,
            limit=limit,
            tickets=tickets,
        )
        return [BatchJob(opened, record, status) for record, status in found]

    async def failures(
        self, *, account: str | None = None, since: datetime | None = None
    ) -> list[OpenFailures]:
        """
        Return what has not succeeded in any job and is not repeated, in groups, largest first.

        That is each item that failed, was not executed or is unknown, and that no retry has. A
        retry closes it; what the retry did not bring to success either is open there. Items whose
        target a later job of the same account and operation has changed with success are counted
        apart (`OpenFailures.written_again`), in groups at the end if there is nothing else in them.

        Args:
            account: The name of their account; `None` for any.
            since: Only of jobs that ended at this time or later, or are open and have changed
                since; an aware datetime.

        Raises:
            UsageError: `since` has no time zone.
            StoreError: The store can't be read.
        """
        _check_since(since)
        opened = await self._open()
        return await find_open_failures(opened.store, account, since)

    async def health(self, *, grace_s: float = GRACE_S) -> Health:
        """
        Find the open jobs that need a person, for monitoring. No vendor is asked.

        A job is *held* if somebody has to decide about it. It is *stuck* if its contact is
        ``paused`` or ``unreachable``, or has been ``stale`` for `grace_s`; if it is overdue, or
        stalled and unchanged for `grace_s`; or if the process that drives its account gives no sign
        of life. It is *unattended* if that process has ended without letting go of the account, or
        nobody has driven it for `grace_s`.

        Args:
            grace_s: Seconds for which a job may be without an answer, or its account without a
                process. Where jobs are continued by a cron job, longer than it pauses.

        Raises:
            UsageError: The number of seconds is negative or not finite.
            StoreError: The store can't be read.
        """
        if not 0 <= grace_s < math.inf:
            raise UsageError(f"grace_s must be a number of seconds, not {grace_s}")
        opened = await self._open()
        return await check_health(opened.store, opened.process, opened.clock, grace_s)

    async def resume(self) -> list[BatchJob]:
        """
        Continue every unfinished job of this hub's accounts, and wait for them.

        One account's trouble does not hold up the others. Jobs of other accounts stay as they
        are. Where the store is on PostgreSQL, workers continue them, and this only waits.

        Returns:
            The jobs that were unfinished, oldest first, once each has ended, is held or can't go
            on (see its `contact`).

        Raises:
            UsageError: The hub does not drive.
            StoreError: The store can't be read.
        """
        opened = await self._open_to_drive("resume")
        job_ids, driven = await opened.drive_open_jobs()
        jobs: list[BatchJob] = []
        for job_id in job_ids:
            # A handle of a job is made when it is its turn: there may be 100,000 of them, and
            # the lanes keep what is known meanwhile.
            try:
                record, status, _ = await opened.store.jobs.look_at(job_id, tickets=False)
                jobs.append(BatchJob(opened, record, status))
                if record.lane in driven:
                    async for _ in jobs[-1].watch():
                        pass
            except NotKnownError:  # pruned meanwhile
                continue
            except DamagedError as error:  # one job's, which keeps nobody from the others
                _log.error("store.damaged", error=str(error))
        return jobs

    async def drive(self, engine: Engine | None = None) -> None:
        """
        Drive this hub's accounts, and whatever comes to them, until this is cancelled.

        It continues every unfinished job, as `resume` does, and takes up what other processes
        submit, retry, cancel or adopt, about a second later. An account that another process drives
        is taken over once that one lets it go or has ended. Nothing ends this: a store that fails
        is tried again, and one account's trouble, which is logged, holds up no other.

        What is under way when it is cancelled goes on in the background until `aclose`, which ends
        this too.

        On PostgreSQL many processes, on several machines, drive at a time, each some of the shards
        that lanes are hashed into; which ones, the engine says. When this is cancelled there, what
        this process drives is handed over: nothing new is sent, and requests with an effect that
        are under way have 5 seconds to be answered; `aclose` gives them its own.

        Args:
            engine: Shares out the shards, such as `batchhub.cluster.Procrastinate`.

        Raises:
            UsageError: The hub does not drive; or it has no engine and the store is on PostgreSQL,
                or it has one and the store is not.
            StoreError: The store can't be opened, or only be read.
        """
        opened = await self._open_to_drive("drive")
        await opened.drive(engine)

    def events(
        self,
        *,
        consumer: str = "default",
        jobs: Collection[str] | None = None,
        follow: bool = True,
        retries: bool = False,
    ) -> AsyncGenerator[BatchEvent]:
        """
        Yield an event for each job that ends, once to each consumer, over all processes.

        An event is acknowledged when the loop over them asks for the next one, or by
        `BatchEvent.acknowledge`. If the loop is left by `break` or by an error, or the process
        dies, the event comes again, with `BatchEvent.is_repeated`. Any number of loops of one
        consumer, in any processes, share its events.

        A consumer is registered at its first look, and first gets an event for each job in the
        store that has ended. From then on events are kept for it until it acknowledges them or
        their jobs are pruned. This only reads; it sends nothing.

        Args:
            consumer: Whose events they are: 1 to 40 letters, digits, ``.``, ``_`` and ``-``.
                ``command`` is ``--on-complete`` of the command line.
            jobs: Ids of the jobs to report; `None` for all.
            follow: Whether to wait for more events when there are none left.
            retries: With `jobs`, whether to report other jobs too whose events were postponed and
                are due.

        Raises:
            UsageError: The consumer's name is invalid, `jobs` is a text, or the hub is closed.
            StoreError: The store can't be read or written.
        """
        return EventStream(self._open_feed, consumer, jobs, follow=follow, retries=retries)

    async def _open_feed(self) -> EventFeed:
        await self._open()
        return self._events

    async def prune(self, older_than_s: float) -> Pruned:
        """
        Delete old jobs with all their items and results, and free the disk space, step by step.

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
        before = opened.clock.now() - timedelta(seconds=older_than_s)
        jobs, items = await opened.loader.prune(before)
        now = opened.clock.now()
        await opened.store.pushes.drop_old(now)
        await opened.store.wishes.drop_old(now)
        await opened.store.lessons.drop_old(now)
        if jobs:
            _log.info("store.pruned", jobs=jobs, items=items)
        # In any case: whoever deleted some before may have ended, or met a full disk, in between.
        await opened.loader.give_back()
        return Pruned(jobs=jobs, items=items)


async def opened(hub: BatchHub) -> OpenHub:
    """
    Return what a hub has opened; for batchhub's own parts that go with it.

    Raises:
        UsageError: It is closed.
        StoreError: The store can't be opened.
    """
    return await hub._open()  # noqa: SLF001  # of this module


def address_of(hub: BatchHub) -> str:
    """Return a hub's store as it was given, password included: for commands that it runs."""
    return hub._store_at or ""  # noqa: SLF001  # of this module


def _check_since(since: datetime | None) -> None:
    if since is not None and since.tzinfo is None:
        raise UsageError(f"since must be an aware datetime, not {since!r}")

"""The service: it looks at the store again and again, and tells what has changed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from batchhub._base.clock import Clock
from batchhub._base.failpoints import failpoint
from batchhub._base.log import get_logger
from batchhub._base.store_place import find_store_place
from batchhub._store import AlertChange, AlertRow, AlertState, Lease, NewMessage, Store
from batchhub.errors import BatchHubError, StoreError
from batchhub.hub import BatchHub, address_of, opened

from .channels.courier import Courier
from .conditions import OF_ENDS
from .deliveries import Deliveries
from .lease import LeaseKeeper
from .messages import Source, make_message
from .settings import AlertSettings
from .sightings import Lookout
from .states import Change, ChangeKind, Step, find_changes

LOOK_S: Final = 30.0
"""Seconds between two looks."""

TURN_S: Final = 5.0
"""Seconds between two looks at whether a job has ended."""

KEPT_S: Final = 7 * 86_400.0
"""Seconds for which messages that were sent are kept."""

_MOST_JOBS: Final = 20

_log = get_logger()


class Alerts:
    """
    Tells people when something is wrong, and when it is well again.

    Any number of processes may run it at one store: one of them looks and tells, and another one
    takes over when that one ends or stands still.

    Args:
        hub: Whose store it looks at; it may be one that drives nothing.
        settings: What is told, and to whom.
    """

    def __init__(self, hub: BatchHub, settings: AlertSettings) -> None:
        self._hub = hub
        self._settings = settings
        self._wake = asyncio.Event()
        self._is_changed = True

    def reload(self, settings: AlertSettings) -> None:
        """
        Go by other settings from now on.

        What holds by a condition that is no more ends without a word, and so does what channels
        that are no more were not told yet.
        """
        if settings == self._settings:
            return  # nothing on its way is stopped for that
        self._settings = settings
        self._is_changed = True
        self._wake.set()

    async def run(self) -> None:
        """
        Look and tell until this is cancelled.

        Nothing ends it: a store that fails is tried again.
        """
        hub = await opened(self._hub)
        place = find_store_place(address_of(self._hub) or None)
        name = hub.store.name
        courier = Courier(hub.clock, address_of(self._hub) if place.is_postgres else name)
        deliveries = Deliveries(hub.store, hub.clock, courier)
        keeper = LeaseKeeper(hub.store, hub.clock, hub.process)
        lookout = Lookout(store=hub.store, process=hub.process, clock=hub.clock)
        rounds = _Rounds(hub.store, hub.clock, lookout, deliveries)
        try:
            while True:
                is_well = await self._turn(keeper, rounds)
                await self._rest(hub.clock, TURN_S if is_well else LOOK_S)
        finally:
            # First: whoever cancels this may close the store while a command is still ending.
            try:
                await asyncio.shield(keeper.let_go())
            finally:
                try:
                    await deliveries.stop()
                finally:
                    await courier.aclose()

    async def _turn(self, keeper: LeaseKeeper, rounds: _Rounds) -> bool:
        """Do what is due; return whether it could be done."""
        settings, is_changed = self._settings, self._is_changed
        self._is_changed = False
        try:
            # Without settings it is only taken to end what earlier ones began.
            is_wanted = settings.is_on or (is_changed and not await rounds.store.alerts.is_empty())
            lease = await keeper.keep() if is_wanted or keeper.held else None
            await rounds.follow(lease, settings, is_changed=is_changed)
            if not settings.is_on:
                await keeper.let_go()
        except _LeaseLostError:
            keeper.lose()
        except StoreError as error:
            _log.warning("store.failed", store=rounds.store.name, error=str(error))
        except BatchHubError as error:
            _log.error("alerts.failed", error=str(error))
        except Exception as error:
            # A bug of ours must not end the only one who would tell of it.
            _log.error("alerts.failed", error=f"{type(error).__name__}: {error}")
        else:
            return True
        self._is_changed = self._is_changed or is_changed
        return False

    async def _rest(self, clock: Clock, wait_s: float) -> None:
        timer = clock.call_later(wait_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
        self._wake.clear()


class _LeaseLostError(Exception):
    """Another process has taken the lease over."""


class _Rounds:
    """What is done while this process has the lease."""

    def __init__(
        self, store: Store, clock: Clock, lookout: Lookout, deliveries: Deliveries
    ) -> None:
        self.store = store
        self._clock = clock
        self._lookout = lookout
        self._deliveries = deliveries
        self._lease: Lease | None = None
        self._looked_at_s: float | None = None
        self._swept_at_s: float | None = None

    async def follow(
        self, lease: Lease | None, settings: AlertSettings, *, is_changed: bool
    ) -> None:
        """Do what is due; with another lease, or other settings, all of it."""
        if lease != self._lease or is_changed:
            self._lease = None  # until all of this is done
            await self._deliveries.stop()
            self._looked_at_s = None
            if lease is None:
                return
            if not settings.is_on:
                _check(await self.store.alerts.close(lease))
            else:
                _check(await self.store.alerts.listen(lease, self._clock.now()))
                _check(await self.store.alerts.keep_channels(lease, settings.channels))
                self._deliveries.start(lease, settings.channels)
            self._lease = lease
        if lease is None or not settings.is_on:
            return
        now_s = self._clock.monotonic()
        is_due = self._looked_at_s is None or now_s - self._looked_at_s >= LOOK_S
        if is_due or await self.store.alert_looks.has_ended():
            while not await self._look(lease, settings, is_whole=is_due):
                pass
        if is_due:
            self._looked_at_s = now_s
        if self._swept_at_s is None or now_s - self._swept_at_s >= LOOK_S * 120:
            before = self._clock.now() - timedelta(seconds=KEPT_S)
            _check(await self.store.alerts.drop_old(lease, before))
            self._swept_at_s = now_s

    async def _look(self, lease: Lease, settings: AlertSettings, *, is_whole: bool) -> bool:
        """
        Look once; return whether no more jobs have ended than were taken in.

        A look at all open jobs is dear: when a job has ended, only what follows from that is
        looked at.
        """
        rules = {
            condition: rule
            for condition, rule in settings.rules.items()
            if is_whole or condition in OF_ENDS
        }
        all_rows = await self.store.alerts.rows()
        rows = [row for row in all_rows if is_whole or row.condition in OF_ENDS]
        look = await self._lookout.look(rules, rows)
        now = self._clock.now()
        step = find_changes(rows, look.sightings, rules, now, settings.remind_s)
        messages, puts = _tell(step, all_rows, settings, self.store.name, now)
        change = AlertChange(puts=puts, drops=step.drops, messages=messages, heard=look.heard)
        if change:
            _check(await self.store.alerts.commit(lease, change, now))
            failpoint("alert.kept")
        for each in step.changes:
            _note(each)
        if messages:
            self._deliveries.wake()
        return look.is_all


def _check(is_held: bool) -> None:
    if not is_held:
        raise _LeaseLostError


def _tell(
    step: Step, rows: Sequence[AlertRow], settings: AlertSettings, store: str, now: datetime
) -> tuple[list[NewMessage], list[AlertRow]]:
    """Make one message for all channels that want the same; return them, and the rows."""
    if not step.changes:
        return [], list(step.puts)
    is_usual = settings.store is not None and find_store_place(settings.store).name == store
    source = Source(store=store, config=settings.config, is_usual=is_usual)
    firing = {row.key for row in rows if row.state is not AlertState.PENDING} - {*step.drops}
    firing |= {row.key for row in step.puts if row.state is not AlertState.PENDING}
    routes: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for name, channel in settings.channels.items():
        wanted = tuple(
            n for n, each in enumerate(step.changes) if each.condition in channel.conditions
        )
        if wanted:
            routes[wanted].append(name)
    messages: list[NewMessage] = []
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for wanted, names in routes.items():
        changes = [step.changes[n] for n in wanted]
        body = make_message(changes, source, now, len(firing))
        messages.append(NewMessage(message_id=body["id"], body=body, channels=names))
        for each in changes:
            told[each.condition.value, each.account].append(body["id"])
    puts = [
        evolve(
            row,
            message_id=told[row.key][-1],
            facts={**row.facts, "messages": told[row.key]},
        )
        if row.key in told
        else row
        for row in step.puts
    ]
    return messages, puts


def _note(change: Change) -> None:
    is_over = change.kind is ChangeKind.RECOVERED
    log = _log.info if is_over else _log.warning
    log(
        "alert.recovered" if is_over else "alert.raised",
        change=change.kind.value,
        condition=change.condition.value,
        account=change.account,
        jobs=list(change.jobs[:_MOST_JOBS]),
        reason=change.why,
    )

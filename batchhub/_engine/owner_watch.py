"""Whether anybody drives a lane that this process does not, and what to do if nobody does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._base.workers import explain_absence
from batchhub._store import LaneOwner, LaneRow, Store
from batchhub._store.shards import shard_of
from batchhub.errors import StoreError
from batchhub.models import Contact

from .process_lock import ProcessLock, Verdict

SILENT_S: Final = 30.0
"""Seconds without a sign of life after which a lane's owner is named, or its lane is taken if
nothing else says that it lives."""

ABSENT_S: Final = 10.0
"""Seconds without a sign of life after which a worker is taken for gone where many machines share
a store; and for which nobody is missed there."""

LOOK_S: Final = 5.0
"""Seconds between two looks at lanes that others should drive."""

_FEW: Final = 20
"""How many lanes are looked at one by one."""

_log = get_logger()


class Silence:
    """For how long a lane's owner gives no sign of life, whatever the wall clock says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: tuple[int, datetime | None] | None = None
        self._since_s = clock.boot_s()

    def length_s(self, row: LaneRow) -> float:
        """Return for how many seconds it has been silent."""
        if (row.epoch, row.seen_at) != self._seen:
            self._seen = (row.epoch, row.seen_at)
            self._since_s = self._clock.boot_s()
        watched_s = self._clock.boot_s() - self._since_s
        if row.seen_at is None:
            return watched_s
        return max(watched_s, (self._clock.now() - row.seen_at).total_seconds())


class OwnerWatch:
    """
    What keeps lanes from being driven, as far as this process does not drive them itself.

    Args:
        store: Where the lanes' owners are.
        clock: Where time comes from.
        process: Says whether another process lives.
        me: This process.
        is_driving: Whether this process drives a lane, or waits to.
        on_change: Called when that has changed for some lane.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        process: ProcessLock,
        me: LaneOwner,
        *,
        is_driving: Callable[[str], bool],
        on_change: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._process = process
        self._me = me
        self._is_driving = is_driving
        self._on_change = on_change
        self._obstacles: dict[str, tuple[Contact, str]] = {}
        self._onlookers: Counter[str] = Counter()
        self._accounts: dict[str, str] = {}
        self._missed_since_s: dict[str, float] = {}
        self._free: dict[str, LaneRow] = {}
        self._silences: dict[str, Silence] = {}
        self._looking: asyncio.Task[None] | None = None

    def find_obstacle(self, lane: str) -> tuple[Contact, str] | None:
        """Return what keeps a lane from being driven, as a contact and one line; or `None`."""
        return self._obstacles.get(lane)

    def note_obstacle(self, lane: str, contact: Contact, note: str) -> None:
        """Keep what keeps a lane from being driven."""
        if self._obstacles.get(lane) != (contact, note):
            self._obstacles[lane] = (contact, note)
            self._on_change()

    def clear(self, lane: str) -> None:
        """Keep that nothing does any more."""
        if self._obstacles.pop(lane, None) is not None:
            self._on_change()

    def is_free(self, row: LaneRow, silence: Silence) -> bool:
        """Whether a lane may be taken: nobody has it, this process, or one that has ended."""
        if row.owner is None or row.owner.token == self._process.token:
            return True
        verdict = self._process.verdict(row.owner.token)
        if verdict is Verdict.UNKNOWN:
            return silence.length_s(row) >= SILENT_S
        return verdict is Verdict.DEAD

    async def find_owner(self, lane: str) -> str | None:
        """Return the name of another process that has a lane; `None` if it may be taken."""
        row = await self._store.lanes.get(lane)
        if self._store.is_cluster:
            # Only who has its shard has a lane, and only for the shard it gives signs of life.
            lease = await self._store.shards.get(shard_of(lane))
            owner, holder = row.owner, lease.holder
            if owner is None or holder is None or owner.token != holder.token:
                return None
            return self._name(owner) if self._is_there(owner, lease.seen_at) else None
        is_free = row.owner is None or self.is_free(row, Silence(self._clock))
        return None if row.owner is None or is_free else self._name(row.owner)

    async def find_attendant(self, lane: str) -> str | None:
        """Return the name of another process that drives a lane until it is stopped, if any."""
        for attendant in await self._store.attendants.find(lane):
            if self._is_there(attendant.owner, attendant.seen_at):
                return self._name(attendant.owner)
        return None

    async def find_absence(self, lane: str, account: str) -> str | None:
        """
        Return in a sentence that no worker drives a lane, and what to start; `None` if one does.

        That is also `None` where other processes than workers may drive it.
        """
        if not self._store.is_cluster or await self.find_attendant(lane) is not None:
            return None
        return await self._explain_absence(account)

    async def _explain_absence(self, account: str) -> str:
        attendants = await self._store.attendants.find()
        is_anybody_there = any(self._is_there(one.owner, one.seen_at) for one in attendants)
        return explain_absence(account, self._store.name, is_anybody_there=is_anybody_there)

    def _is_there(self, owner: LaneOwner, seen_at: datetime | None) -> bool:
        """Whether it is another process, and drives something now."""
        if owner.token == self._process.token or seen_at is None:
            return False
        # One that is stopped, or whose clock is another one, drives nothing.
        silent_s = abs((self._clock.now() - seen_at).total_seconds())
        if silent_s >= (ABSENT_S if self._store.is_cluster else SILENT_S):
            return False
        return self._process.verdict(owner.token) is not Verdict.DEAD

    def look_at(self, lane: str, row: LaneRow, silence: Silence) -> None:
        """Take note of an owner that gives no sign of life: it may be stopped for ever."""
        owner, seen_at = row.owner, row.seen_at
        if owner is None or seen_at is None or silence.length_s(row) < SILENT_S:
            self.clear(lane)
            return
        if lane not in self._obstacles:
            _log.warning("lane.waited", lane=lane, pid=owner.pid, host=owner.host)
        self.note_obstacle(
            lane,
            Contact.STALE,
            f"{self._name(owner)} drives this account and has given no sign of life since "
            f"{seen_at.astimezone():%H:%M:%S}; continue it or end it",
        )

    @contextmanager
    def looking_on(self, lane: str, account: str) -> Iterator[None]:
        """
        For as long as it is entered, find out whether anybody drives a lane.

        Args:
            lane: The lane.
            account: What its account is called.
        """
        self._onlookers[lane] += 1
        self._accounts[lane] = account
        self._missed_since_s.setdefault(lane, self._clock.monotonic())
        if self._store.is_shared and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look_on(), name="batchhub-owners")
        try:
            yield
        finally:
            self._onlookers[lane] -= 1
            if not self._onlookers[lane]:
                self._forget(lane)

    async def aclose(self) -> None:
        """Stop."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    def _forget(self, lane: str) -> None:
        del self._onlookers[lane], self._accounts[lane], self._missed_since_s[lane]
        self._free.pop(lane, None)
        self._silences.pop(lane, None)
        if not self._is_driving(lane):
            self._obstacles.pop(lane, None)  # nobody waits who would have to be woken

    async def _look_on(self) -> None:
        while self._onlookers:
            await self._clock.sleep(LOOK_S)
            try:
                await (self._look_for_workers() if self._store.is_cluster else self._look_at_rows())
            except StoreError as error:  # whoever reads the job says so
                _log.warning("store.failed", store=self._store.name, error=str(error))

    async def _look_at_rows(self) -> None:
        for lane in list(self._onlookers):
            if self._is_driving(lane):
                self._free.pop(lane, None)
                continue
            row = await self._store.lanes.get(lane)
            if lane in self._onlookers and not self._is_driving(lane):
                self._take_in(lane, row)

    async def _look_for_workers(self) -> None:
        """Find the lanes that no worker has, where many machines share a store."""
        attendants = self._store.attendants
        if len(self._onlookers) > _FEW:
            found = await attendants.by_lane()
        else:
            found = {lane: await attendants.find(lane) for lane in list(self._onlookers)}
        now_s, missed = self._clock.monotonic(), []
        for lane in list(self._onlookers):
            is_there = any(self._is_there(one.owner, one.seen_at) for one in found.get(lane, ()))
            if is_there or self._is_driving(lane):
                self._missed_since_s[lane] = now_s
                self.clear(lane)
            elif now_s - self._missed_since_s[lane] >= ABSENT_S:
                missed.append(lane)
        for lane in missed:
            note = await self._explain_absence(self._accounts.get(lane, ""))
            if lane in self._onlookers:
                self.note_obstacle(lane, Contact.STALE, note)

    def _take_in(self, lane: str, row: LaneRow) -> None:
        silence = self._silences.setdefault(lane, Silence(self._clock))
        if not self.is_free(row, silence):
            self._free.pop(lane, None)
            self.look_at(lane, row, silence)
            return
        before, self._free[lane] = self._free.get(lane), row
        if before is None or before.epoch != row.epoch:
            return  # it may be between two owners
        left = "" if row.owner is None else f": {self._name(row.owner)}, which did, has ended"
        self.note_obstacle(
            lane,
            Contact.STALE,
            f"no process drives this account{left}; resume its jobs where it is in the settings",
        )

    def _name(self, owner: LaneOwner) -> str:
        return f"process {owner.pid}" + ("" if owner.host == self._me.host else f" on {owner.host}")

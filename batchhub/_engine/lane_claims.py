"""Taking lanes for this process, keeping them by signs of life, and letting them go."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from attrs import evolve

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._http.spent import Spent
from batchhub._store import Hold, LaneOwner, LaneRow, Lease, Store, StoreMovedError, Traffic
from batchhub.errors import BatchHubError, StoreError
from batchhub.models import Contact

from .lane import Lane
from .lane_hold import LaneHold
from .lesson_keeper import LessonKeeper
from .owner_watch import OwnerWatch, Silence
from .process_lock import ProcessLock
from .shard_claims import ShardClaims, ShardHold
from .together import Together

RECLAIM_S: Final = 1.0
"""Seconds between two looks at a lane that another process drives."""

BEAT_S: Final = 5.0
"""Seconds between two signs of life of a process that drives lanes."""

_LEFT_S: Final = 10.0
"""Seconds for which a free lane is left to a process that drives it until it is stopped."""

_NOTE_S: Final = 15.0
"""Seconds between two times that what a lane has sent is kept, where its shard gives the signs of
life."""

_AT_ONCE: Final = 200
"""The most lanes in one write."""

_UNSAID_S: Final = 60.0
"""Seconds before its last sign of life for which a process may have sent what it has not said: four
times as long as it takes to say it."""

_log = get_logger()


class LaneClaims:
    """
    The lanes that this process has in the store.

    Args:
        store: The store.
        clock: Where time comes from.
        process: Says whether another process lives.
        me: This process.
        owners: Says who has a lane, and keeps what is in the way.
        lessons: What was learned; saved with the signs of life.
        lanes: The lanes by their names, those that are held among them.
        shards: The shards of this process, where lanes are only taken with theirs.

    Attributes:
        held: The holds of the lanes that are driven at this moment.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        process: ProcessLock,
        me: LaneOwner,
        *,
        owners: OwnerWatch,
        lessons: LessonKeeper,
        lanes: Mapping[str, Lane],
        shards: ShardClaims | None = None,
    ) -> None:
        self.held: dict[str, LaneHold] = {}
        self._store = store
        self._clock = clock
        self._process = process
        self._me = me
        self._owners = owners
        self._lessons = lessons
        self._lanes = lanes
        self._shards = shards
        self._noted_s: dict[str, float] = {}
        self._epochs: dict[str, int] = {}
        self._beating: asyncio.Task[None] | None = None
        self._has_taken = self._has_swept = self._is_over = False
        self._giving_back: set[asyncio.Task[None]] = set()
        self._to_let_go: dict[str, tuple[Lane, LaneHold]] = {}
        self._letting_go = Together(self._let_go, name="batchhub-let-go", most=_AT_ONCE)

    def find_epoch(self, lane: str) -> int | None:
        """Return the number of the last hold that this process had of a lane, if it had one."""
        return self._epochs.get(lane)

    def note_news(self, lane: str) -> None:
        """Ask whether a lane is still this process's, now that something is new for it."""
        if self._shards is not None and (hold := self.held.get(lane)) is not None:
            hold.doubt()  # its own signs of life would say so

    def forget(self, lane: str) -> None:
        """Forget a lane that is driven here no more."""
        self._epochs.pop(lane, None)
        self._noted_s.pop(lane, None)

    async def stop_beating(self) -> None:
        """Give no signs of life any more; all that is had is about to be let go."""
        self._is_over = True
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait({self._beating})

    # Taking a lane.

    async def take(self, lane: Lane, *, is_attended: bool) -> LaneHold | None:
        """
        Wait until a lane is free, and take it.

        Args:
            lane: The lane.
            is_attended: Whether this process drives it until it is stopped; else it is left to
                another one that does.

        Returns:
            The hold; `None` if it is another process's to drive, as the lane's shard is.
        """
        self._process.hold()  # before others can read the token
        self._has_taken = True
        silence = Silence(self._clock)
        while True:
            try:
                if self._shards is not None:
                    return await self._take_with_shard(lane, self._shards)
                return await self._take_or_wait(lane, silence, is_attended=is_attended)
            except StoreError as error:
                if self._store.is_read_only or not error.retryable:
                    raise
                # As every write: a full disk, or a store that is locked, is cleared by people.
                self._owners.note_obstacle(lane.name, Contact.PAUSED, str(error))
                _log.error("store.failed", lane=lane.name, error=str(error))
            await self._clock.sleep(RECLAIM_S)

    async def _leave_to_attendant(self, lane: Lane) -> None:
        """
        Let a process that drives a lane until it is stopped take it, if it does so soon.

        It hears within a second of what there is to do, and does all of it in one place. One that
        takes nothing, since it can't, keeps nobody else from it.
        """
        end_s = self._clock.monotonic() + _LEFT_S
        while self._clock.monotonic() < end_s and not lane.is_asked:
            if await self._owners.find_attendant(lane.name) is None:
                return
            if (await self._store.lanes.get(lane.name)).owner is not None:
                return
            await self._clock.sleep(RECLAIM_S)

    async def _take_or_wait(self, lane: Lane, silence: Silence, *, is_attended: bool) -> LaneHold:
        owners = self._owners
        if not is_attended and self._store.is_shared:
            await self._leave_to_attendant(lane)
        while True:
            began_s = self._clock.boot_s()
            row, hold = await self._take_row(lane, lambda row: owners.is_free(row, silence))
            if hold is not None:
                held = self._begin(lane, row, LaneHold(hold, self._store, self._clock))
                held.note_seen(began_s)
                return held
            # Only read until it is free: a process that waits must not hold up those that write.
            while not owners.is_free(row, silence):
                owners.look_at(lane.name, row, silence)
                await self._clock.sleep(RECLAIM_S)
                row = await self._store.lanes.get(lane.name)

    async def _take_with_shard(self, lane: Lane, shards: ShardClaims) -> LaneHold | None:
        """Take a lane of a shard that this process has, whoever had the lane."""
        shard = shards.find(lane.name)
        if shard is None:
            return None
        row, hold = await self._take_row(lane, lambda _: True, shard.lease)
        if hold is None:
            shards.lose(shard)
            return None
        held = LaneHold(hold, self._store, self._clock, shard=shard, confirm_shard=shards.confirm)
        return self._begin(lane, row, held)

    def _begin(self, lane: Lane, row: LaneRow, hold: LaneHold) -> LaneHold:
        """Take over what the lane's earlier owners have left."""
        self._epochs[lane.name] = hold.row.epoch
        self._restore(lane, row, hold.shard)
        if row.has_pushes:
            lane.note_pushes()
        if row.has_wishes:
            lane.note_wishes()
        hold.hand_on = partial(self.hand_on, lane)
        return hold

    async def _take_row(
        self, lane: Lane, is_free: Callable[[LaneRow], bool], lease: Lease | None = None
    ) -> tuple[LaneRow, Hold | None]:
        """Take a lane in the store if it is free; called off meanwhile, it is let go again."""
        at = self._clock.now()
        taking = asyncio.create_task(
            self._store.lanes.take(lane.name, self._me, at, is_free, lease=lease),
            name="batchhub-take",
        )
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            # It is written all the same: the row would name this process, which lives, for ever.
            taking.add_done_callback(partial(self._give_back, lane))
            raise

    def _give_back(self, lane: Lane, taking: asyncio.Task[tuple[LaneRow, Hold | None]]) -> None:
        if taking.cancelled() or taking.exception() is not None or self._is_over:
            return
        row, hold = taking.result()
        if hold is not None:  # if it was taken anew meanwhile, this one lets go nothing
            self._restore(lane, row)
            letting_go = self.let_go(lane, LaneHold(hold, self._store, self._clock))
            task = asyncio.create_task(letting_go, name="batchhub-give-back")
            self._giving_back.add(task)
            task.add_done_callback(self._giving_back.discard)

    def _restore(self, lane: Lane, row: LaneRow, shard: ShardHold | None = None) -> None:
        """
        Take over what earlier owners sent; one that died may have sent more than it said.

        A lane that nobody has taken before has sent nothing. Of a store in memory nobody knows
        whether an earlier process had one too.
        """
        died = row.owner is not None and row.owner.token != self._process.token
        spent = Spent.read(row.sent, row.cooled, lane=lane.name)
        if row.epoch == 0 and self._store.is_shared:
            spent = Spent(at=self._clock.now())
        if self._store.is_cluster:
            spent = self._date(spent)
        unseen_since = row.seen_at if died else None
        if shard is not None and row.owner is not None and unseen_since is not None:
            sign = shard.find_last_sign(row.owner.token)
            if sign is not None:  # until shortly before that, all it sent is in the row
                unseen_since = max(unseen_since, sign - timedelta(seconds=_UNSAID_S))
        lane.adapter.transport.restore(spent, unseen_since=unseen_since)

    def _date(self, spent: Spent) -> Spent:
        """Give what another machine wrote its age by this machine's clock: both show one time."""
        if spent.at is None or spent.boot_id == self._clock.boot_id:
            return spent
        age_s = max(0.0, (self._clock.now() - spent.at).total_seconds())
        boot_s = self._clock.boot_s() - age_s
        return evolve(spent, boot_id=self._clock.boot_id, boot_s=boot_s)

    # Keeping it, and letting it go.

    def begin_beating(self) -> None:
        """Give signs of life for as long as lanes are held."""
        # A store in memory has nobody who would look.
        if not self._store.is_shared or self._is_over:
            return
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat(), name="batchhub-beat")

    async def _beat(self) -> None:
        """Give signs of life for all lanes, beside whatever they do."""
        while self.held or self._to_let_go:
            await self._clock.sleep(BEAT_S)
            self._lessons.save_soon()
            try:
                await self._give_sign()
            except StoreMovedError as error:
                for name in self.held:
                    self._lanes[name].stop(error)
            except BatchHubError as error:  # the next one comes soon
                _log.error("store.failed", store=self._store.name, error=str(error))

    async def _give_sign(self) -> None:
        self._process.hold()  # again, if somebody deleted its file
        if not self._has_swept:
            self._has_swept = True
            self._process.sweep(await self._store.lanes.tokens())
        for lane, hold in list(self._to_let_go.values()):
            await self.let_go(lane, hold)
        if self._shards is not None:
            await self._note_traffic()
            return
        held = dict(self.held)
        busy = {name: hold for name, hold in held.items() if not self._lanes[name].is_quiet}
        traffic = {hold.row: self._lanes[name].traffic() for name, hold in busy.items()}
        began_s, now = self._clock.boot_s(), self._clock.now()
        epochs = await self._store.lanes.beat(self._process.token, traffic, now)
        for name, hold in held.items():
            if epochs.get(name) == hold.row.epoch:
                hold.note_seen(began_s)
                hold.note_time(now)
            elif self.held.get(name) is hold:
                hold.lose()

    async def _note_traffic(self) -> None:
        """
        Keep what lanes have sent lately, now and then: their signs of life are their shards'.

        It is exact whenever a lane is let go, and as soon as a cool-down begins. Of a process that
        dies the next one takes it that all was sent since that it was allowed to.
        """
        now_s = self._clock.monotonic()
        due = [
            name
            for name in self.held
            if now_s - self._noted_s.get(name, -math.inf) >= _NOTE_S
            and not self._lanes[name].is_quiet
        ]
        for at in range(0, len(due), _AT_ONCE):
            names = due[at : at + _AT_ONCE]
            holds = {name: hold for name in names if (hold := self.held.get(name)) is not None}
            traffic = {hold.row: self._lanes[name].traffic() for name, hold in holds.items()}
            now = self._clock.now()
            kept = await self._store.lanes.note_all_traffic(traffic, now)
            for name, hold in holds.items():
                self._noted_s[name] = now_s
                if name in kept:
                    hold.note_time(now)
                elif self.held.get(name) is hold:
                    hold.lose()

    async def hand_on(self, lane: Lane) -> None:
        """
        Have whoever drives a lane now take it anew, and with it the cool-down of this process.

        It is taken for that from whoever has it, who finds out: with the next sign of life, or
        where these are its shard's, since there is something new for the lane.
        """
        row, hold = await self._take_row(lane, lambda _: True)
        self._restore(lane, row)
        if hold is None:
            return
        if self._shards is None:
            await self.let_go(lane, LaneHold(hold, self._store, self._clock))
        else:
            traffic = {hold: lane.traffic()}
            await self._store.lanes.let_go(traffic, self._clock.now(), is_news=True)

    async def let_go(self, lane: Lane, hold: LaneHold) -> None:
        """Let a lane go; what can't be written now is written with the next sign of life."""
        self._to_let_go.pop(lane.name, None)
        try:
            await self._letting_go.ask((hold.row, lane.traffic()))
        except BatchHubError as error:
            _log.error("store.failed", lane=lane.name, error=str(error))
            if hold.shard is not None:
                return  # whoever takes its shard next takes it with that
            # Its row still names this process, which lives: nobody else would take it.
            self._to_let_go[lane.name] = lane, hold
            self.begin_beating()
        else:
            self._lessons.save_soon()  # there is no sign of life any more that would

    async def _let_go(self, holds: Sequence[tuple[Hold, Traffic]]) -> Sequence[None]:
        await self._store.lanes.let_go(dict(holds), self._clock.now())
        return [None] * len(holds)

    async def let_all_go(self) -> bool:
        """Let go what a failed write may have left to this process; return whether it could."""
        # Where lanes are held by shards that keeps nobody from them: whoever takes one that still
        # names this process, as it was not let go, knows that more may have been sent than is kept.
        if self._has_taken and self._shards is None:
            try:
                await self._store.lanes.let_all_go(self._process.token)
            except BatchHubError as error:
                _log.error("store.failed", store=self._store.name, error=str(error))
                return False
        return True

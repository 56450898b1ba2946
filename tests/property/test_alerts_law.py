"""Whatever happens to those who look for alerts: each change is told once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, cast

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alerting import settings_for
from support.patience import PATIENCE_S
from support.stores import NOW

from batchhub._alerts.alerts import _LeaseLostError, _Rounds
from batchhub._alerts.channel_settings import Channel, ChannelType
from batchhub._alerts.channels.courier import Courier
from batchhub._alerts.channels.posting import Problem
from batchhub._alerts.conditions import Condition, Rule
from batchhub._alerts.deliveries import Deliveries
from batchhub._alerts.sightings import Look, Lookout
from batchhub._alerts.states import ChangeKind, Sighting, find_changes
from batchhub._base import failpoints
from batchhub._store import AlertRow, AlertState, LaneOwner, Lease, Store
from batchhub.testing import FakeClock

RULES = {Condition.OLDEST_OPEN: Rule(age_s=1.0)}
CHANNEL = Channel(name="pager", type=ChannelType.WEBHOOK, conditions=frozenset(Condition))
ACCOUNTS = st.frozensets(st.sampled_from("abc"))


class KilledError(BaseException):
    """The process is gone."""


@contextmanager
def killing(at: str | None) -> Iterator[None]:
    """Kill whoever comes to a failpoint."""

    def pass_(name: str) -> None:
        if name == at:
            raise KilledError

    failpoints.listener = pass_
    try:
        with suppress(KilledError):
            yield
    finally:
        failpoints.listener = None


def see(account: str) -> Sighting:
    """Make what a look finds of an account."""
    return Sighting(
        condition=Condition.OLDEST_OPEN, account=account, since=NOW, why="too old", jobs=("j",)
    )


@define
class World:
    """What is wrong, and what the receiver has got."""

    bad: frozenset[str] = frozenset()
    fails: bool = False
    got: list[Mapping[str, Any]] = field(factory=list)

    async def look(self, rules: object, rows: object) -> Look:
        """Find what is wrong."""
        del rules, rows
        return Look(sightings=[see(name) for name in sorted(self.bad)], heard=(), is_all=True)

    async def send(
        self, channel: Channel, body: Mapping[str, Any], *, is_repeated: bool
    ) -> Problem | None:
        """Take a message, or fail."""
        del channel, is_repeated
        if self.fails:
            return Problem(why="down")
        self.got.append(body)
        return None


async def take(store: Store, token: str) -> Lease:
    """Take the lease, whoever has it."""
    owner = LaneOwner(token=token, pid=1, host="here")
    lease = await store.leases.take("alerts", owner, NOW, lambda _: True)
    assert lease is not None
    return lease


async def live(
    steps: Sequence[tuple[frozenset[str], str | None, bool]],
) -> tuple[list[Mapping[str, Any]], list[tuple[str, str]]]:
    """
    Let processes look and tell, each killed somewhere.

    Returns:
        What the receiver got, and the changes that there were.
    """
    store, clock, world = await Store.open(None), FakeClock(), World()
    changes: list[tuple[str, str]] = []
    before: frozenset[str] = frozenset()
    old: Lease | None = None
    try:
        for number, (bad, kill, fails) in enumerate([*steps, (frozenset(), None, False)]):
            world.bad, world.fails = bad, fails
            deliveries = Deliveries(store, clock, cast("Courier", world))
            rounds = _Rounds(store, clock, cast("Lookout", world), deliveries)
            lease = await take(store, f"{number:016x}")
            await clock.advance(2000.0)
            with killing(kill):
                if old is not None:  # one that was stopped goes on with what it saw, too late
                    world.bad = frozenset("abc") - bad
                    with suppress(_LeaseLostError):  # if it has anything to write
                        await rounds._look(old, settings_for(CHANNEL, rules=RULES), is_whole=True)
                    world.bad = bad
                await rounds._look(lease, settings_for(CHANNEL, rules=RULES), is_whole=True)
                await send_all(deliveries, lease)
            changes += [("firing", name) for name in sorted(bad - before)]
            changes += [("recovered", name) for name in sorted(before - bad)]
            before, old = bad, lease
    finally:
        await store.aclose()
    return world.got, changes


async def send_all(deliveries: Deliveries, lease: Lease) -> None:
    """Send what is due, until nothing is or it fails."""
    while await deliveries._send_due(lease, CHANNEL) == 0.0:
        pass


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(ACCOUNTS, st.sampled_from([None, "alert.kept", "alert.sent"]), st.booleans()),
        max_size=6,
    )
)
def test_the_messages_are_the_changes_in_order(
    steps: list[tuple[frozenset[str], str | None, bool]],
) -> None:
    """Each id once, whatever was killed between writing, sending and marking; repeats are equal."""
    got, changes = asyncio.run(asyncio.wait_for(live(steps), PATIENCE_S))
    by_id: dict[str, Mapping[str, Any]] = {}
    for message in got:
        assert by_id.setdefault(message["id"], message) == message
    told = [
        (change["change"], change["account"])
        for message in by_id.values()
        for change in sorted(message["changes"], key=lambda one: (one["change"], one["account"]))
    ]
    assert told == changes


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=30))
def test_a_state_that_does_not_last_is_no_change(looks: list[tuple[bool, int]]) -> None:
    """It fires once it has held for as long as it must, and recovers once it was gone as long."""
    rules = {Condition.OLDEST_OPEN: Rule(settle_s=300.0)}
    rows: list[AlertRow] = []
    now, since, kinds = NOW, NOW, []
    is_bad = told = False
    for bad, passed_s in looks:
        now += timedelta(seconds=passed_s)
        if bad != is_bad:
            is_bad, since = bad, now
        step = find_changes(rows, [see("a")] if bad else [], rules, now)
        rows = [row for row in rows if row.key not in step.drops and not step.puts] + [*step.puts]
        lasted = (now - since).total_seconds() >= 300.0
        if is_bad != told and lasted:
            told = is_bad
            kinds.append(ChangeKind.FIRING if told else ChangeKind.RECOVERED)
            assert [change.kind for change in step.changes] == kinds[-1:]
        else:
            assert step.changes == []
        assert bool(rows) == (told or is_bad)
    assert all(row.state in set(AlertState) for row in rows)

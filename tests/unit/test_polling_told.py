"""What a rule for polls sees of a ticket, is told of its end, and may remember."""

from __future__ import annotations

import gc
import math
from collections import deque
from itertools import pairwise
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from support.hubs import World, numbered, scripted_world
from support.rules import DONE, RUNNING, Notes, Returns, quiet
from support.vendor import SingleAccount, capable

from batchhub import BatchHub
from batchhub.adapter import Observation
from batchhub.errors import NotFoundError, ServerError
from batchhub.polling import Poll
from batchhub.testing import FakeClock


async def test_a_rule_is_asked_when_the_vendor_has_a_ticket_and_after_each_answer() -> None:
    """It sees how old the ticket is, how old it was at the answer before, and how far it is."""
    rule = Notes()
    steps = [
        Observation(words=("Running",), succeeded=0, failed=0),
        Observation(words=("Running",), succeeded=1, failed=1),
        DONE,
    ]
    vendor = capable(quiet(), max_items=4)
    vendor.polls = deque(steps)
    async with scripted_world(vendor, polling=rule) as world:
        await (await world.hub.submit("shop", numbered(4))).wait()
    polls, lasts, ages, dones, totals = zip(*rule.asked, strict=True)
    assert polls == (0, 1, 2)
    assert ages[0] == lasts[0] == 0.0
    assert lasts[1:] == ages[:2]
    assert all(9.5 <= b - a <= 10.6 for a, b in pairwise(ages))
    assert (dones, totals) == ((None, 0.0, 2.0), (None, 4.0, 4.0))
    [(last_s, age_s)] = rule.ends
    assert last_s == ages[-1]
    assert 9.5 <= age_s - last_s <= 10.6
    assert rule.lefts == 0


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"progress": 0.25}, (25.0, 100.0)),
        ({"done": 2, "progress": 0.9}, (2.0, 4.0)),  # the ratio may be of anything
        ({}, (None, None)),
        ({"done": 5}, (None, None)),
        ({"done": -1}, (None, None)),
        ({"progress": 1.5}, (None, None)),
        ({"progress": math.nan}, (None, None)),
        ({"progress": -math.inf}, (None, None)),
    ],
)
async def test_a_rule_sees_progress_and_never_nonsense(
    said: dict[str, Any], seen: tuple[float | None, float | None]
) -> None:
    """Counts of the items sent, else a share of a hundred; what can't be is not reported."""
    rule = Notes()
    vendor = capable(quiet(), max_items=4)
    vendor.polls = deque([Observation(words=("Running",), **said), DONE])
    async with scripted_world(vendor, polling=rule) as world:
        await (await world.hub.submit("shop", numbered(4))).wait()
    assert rule.asked[-1][3:] == seen


async def test_progress_never_goes_back_for_a_rule() -> None:
    """What was done once stays done, whatever a later answer says."""
    rule = Notes()
    vendor = capable(quiet(), max_items=4)
    vendor.polls = deque([*(Observation(words=("Running",), done=n) for n in (3, 1, 9, 3)), DONE])
    async with scripted_world(vendor, polling=rule) as world:
        await (await world.hub.submit("shop", numbered(4))).wait()
    assert [done for *_, done, _ in rule.asked] == [None, 3.0, 3.0, 3.0, 3.0]


async def lose_it(world: World) -> None:
    """Have the vendor forget the ticket."""
    error = NotFoundError("no such batch", status=404)

    def fail(_: object) -> None:
        raise error

    world.vendor.answer_poll = fail
    await world.clock.sleep(1000.0)


async def cancel_it(world: World) -> None:
    """Cancel the job, whose ticket the vendor ends then."""
    (job,) = await world.hub.jobs()
    await job.cancel()
    world.vendor.answer_poll = None
    await job.wait()


async def close_it(world: World) -> None:
    """Close the hub while the ticket is open."""
    await world.hub.aclose()


@pytest.mark.parametrize("leave", [lose_it, cancel_it, close_it])
async def test_a_rule_is_told_once_of_a_ticket_that_leaves_without_an_end(leave: Any) -> None:
    """Lost, cancelled by the user, or left to another process: nothing is to be learned of it."""
    rule = Notes()
    vendor = quiet(can_cancel=True, visibility_grace_s=0.0)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    async with scripted_world(vendor, polling=rule) as world:
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(30.0)
        assert rule.lefts == 0
        await leave(world)
        assert rule.lefts == 1
    assert (rule.lefts, rule.ends) == (1, [])


async def test_what_a_rule_remembers_of_a_ticket_is_there_at_its_next_call() -> None:
    """Each ticket's own, also if the rule fails after it has noted something."""
    seen: dict[int, list[Any]] = {}

    def look(poll: Poll) -> float:
        before = poll.memory
        poll.memory = (poll.items, poll.polls)
        seen.setdefault(poll.items, []).append(before)
        raise ValueError

    vendor = capable(quiet(), max_items=2)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    async with scripted_world(vendor, polling=Returns(look)) as world:
        await world.hub.submit("shop", numbered(3))
        await world.clock.sleep(50.0)
    assert seen[2][:3] == [None, (2, 0), (2, 1)]
    assert seen[1][:3] == [None, (1, 0), (1, 1)]


async def test_nothing_is_kept_of_tickets_that_have_ended() -> None:
    """What a rule has seen of them is gone."""
    seen = WeakSet[Any]()

    def look(poll: Poll) -> float:
        poll.memory = poll.memory or Notes()
        seen.update((poll, poll.memory))
        return 10.0

    async with scripted_world(quiet(), polling=Returns(look)) as world:
        for _ in range(5):
            jobs = [await world.hub.submit("shop", numbered(4)) for _ in range(5)]
            for job in jobs:
                await job.wait()
        gc.collect()
        assert len(seen) == 0


async def test_an_end_is_told_with_the_ages_between_which_it_was() -> None:
    """An answer that says nothing of the ticket shows not that it still ran."""
    rule = Notes()
    vendor = quiet()
    answers = iter([RUNNING, None, None, DONE])
    vendor.answer_poll = lambda _: [next(answers)]
    async with scripted_world(vendor, polling=rule) as world:
        await (await world.hub.submit("shop", numbered(1))).wait()
    [(last_s, age_s)] = rule.ends
    assert 9.5 <= last_s <= 10.5
    assert 38.0 <= age_s <= 42.0
    assert [polls for polls, *_ in rule.asked] == [0, 1, 2, 3]


async def test_an_end_is_told_once_though_its_results_are_late() -> None:
    """They are asked for soon after the end, then less and less often; no rule is asked."""
    rule = Notes()
    vendor = quiet(poll_s=20.0)
    fetched_s: list[float] = []
    late = ServerError("not yet", status=404)
    async with scripted_world(vendor, polling=rule) as world:

        def report(items: Any) -> Any:
            fetched_s.append(world.clock.monotonic())
            if len(fetched_s) < 5:
                raise late
            return vendor_report(items)

        vendor_report = vendor.default_report
        vendor.default_report = report
        await (await world.hub.submit("shop", numbered(1))).wait()
    gaps = [b - a for a, b in pairwise(fetched_s)]
    assert len(rule.ends) == len(rule.asked) == 1
    assert [round(gap) for gap in gaps] == [2, 4, 8, 16]


async def test_lanes_of_a_hub_have_rules_of_their_own(tmp_path: Path) -> None:
    """An account's own rule, else the hub's."""
    own, common = Notes(7.0), Notes(3.0)
    accounts = {
        "shop": SingleAccount(name="one", vendor=quiet(), polling=own),
        "other": SingleAccount(name="two", vendor=quiet()),
    }
    clock, store = FakeClock(), tmp_path / "jobs.db"
    async with clock.running(), BatchHub(store, accounts, clock=clock, polling=common) as hub:
        for account in accounts:
            await (await hub.submit(account, numbered(1))).wait()
    assert len(own.asked) == len(common.asked) == 1
    assert 6.6 < own.ends[0][1] < 7.4
    assert 2.8 < common.ends[0][1] < 3.2

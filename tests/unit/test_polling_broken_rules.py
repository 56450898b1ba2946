"""A rule that is wrong, or makes trouble, keeps no job from its end."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

import pytest
from attrs import evolve, fields
from support.hubs import numbered, scripted_world
from support.rules import DONE, RUNNING, Notes, Returns, gaps_of, quiet

from batchhub.polling import Poll
from batchhub.testing import capture_events


async def test_a_rule_that_writes_into_what_it_sees_keeps_no_ticket_from_its_end() -> None:
    """What the engine goes by is its own."""
    polls: list[int] = []
    seen = [field.name for field in fields(Poll) if field.name != "polls"]

    def scribble(poll: Poll) -> float:
        polls.append(poll.polls)
        for name in seen:
            setattr(poll, name, "nonsense")
        del poll.polls
        return 10.0

    vendor = quiet()
    vendor.polls = deque([evolve(RUNNING, progress=share) for share in (0.1, 0.5)] + [DONE])
    with capture_events() as events:
        async with scripted_world(vendor, polling=Returns(scribble)) as world:
            job = await world.hub.submit("shop", numbered(1))
            assert (await job.wait()).counts.succeeded == 1
    assert polls == [0, 1, 2]
    assert not events.find("rule.failed")
    assert not events.find("ticket.postponed")


async def wait_async(poll: Poll) -> float:
    """Wait as no rule may."""
    del poll
    await asyncio.sleep(0)
    return 1.0


class UnshowableError(Exception):
    """An error whose words can't be had."""

    def __str__(self) -> str:
        raise RuntimeError


def raises(error: BaseException) -> Callable[[Poll], float]:
    """Make a rule that raises."""

    def rule(poll: Poll) -> float:
        del poll
        raise error

    return rule


def is_wrong_sometimes() -> Callable[[Poll], float]:
    """Make a rule that is right at every other ticket's first poll only."""
    numbers = count()
    return lambda _: 0.0 if next(numbers) % 2 else 20.0


class Boastful(float):
    """A number that says it is between all others, such as those of other libraries may."""

    def __gt__(self, other: object) -> bool:
        return True

    __lt__ = __gt__


@pytest.mark.parametrize(
    ("found", "logged"),
    [
        (None, "None"),
        (True, "True"),
        (0, "0"),
        (0.0, "0.0"),
        (-3, "-3"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        ("5", "'5'"),
        ("x" * 10_000, "'xxx"),
        pytest.param(-(10**10_000), "int", id="huge"),
        (Decimal(5), "Decimal"),
        (timedelta(seconds=5), "timedelta"),
        (1j, "complex"),
        ([5.0], "list"),
        (wait_async, "a coroutine"),
        (raises(KeyError("secret words")), "KeyError: 'secret words'"),
        (raises(SystemExit(3)), "SystemExit: 3"),
        (raises(UnshowableError()), "UnshowableError"),
        (raises(asyncio.CancelledError()), "CancelledError"),
        (is_wrong_sometimes(), "0.0"),
        (Boastful("nan"), "Boastful"),
        (Boastful(-1), "Boastful"),
    ],
)
async def test_a_rule_that_is_wrong_leaves_the_usual_interval(found: Any, logged: str) -> None:
    """Whatever it raises or returns; the log names it once, with what it was."""
    with capture_events() as events:
        async with scripted_world(quiet(), polling=Returns(found)) as world:
            gaps = await gaps_of(world, lambda: RUNNING, 210.0)
            (job,) = await world.hub.jobs()
            assert (await job.refresh()).findings == ()
    assert all(19.0 <= gap <= 21.0 + 1e-6 for gap in gaps)
    assert len(gaps) >= 8
    [said] = events.find("rule.failed", rule="Returns.next_delay_s", account="shop")
    words = said.facts.get("returned") or said.facts["raised"]
    assert words.startswith(logged) or logged in words
    assert len(words) <= 200


@pytest.mark.parametrize("found", [7, 7.0, Fraction(7), 10**400])
async def test_any_number_of_seconds_will_do(found: Any) -> None:
    """Whole or not, and however many."""
    with capture_events() as events:
        async with scripted_world(quiet(), polling=Returns(found)) as world:
            gaps = await gaps_of(world, lambda: RUNNING, 2000.0)
    wanted_s = min(300.0, found)
    assert all(0.95 * wanted_s - 1e-6 <= gap <= 1.05 * wanted_s + 1e-6 for gap in gaps)
    assert "rule.failed" not in events.names


class Grumpy(Notes):
    """A rule that takes no news."""

    def ended(self, poll: Poll) -> None:
        """Refuse it."""
        super().ended(poll)
        raise ValueError("so what")

    def left(self, poll: Poll) -> Any:
        """Return what nobody awaits."""
        super().left(poll)
        return wait_async(poll)


async def test_a_rule_that_fails_when_it_is_told_of_an_end_keeps_no_job_from_it() -> None:
    """It is logged once for each method."""
    rule = Grumpy()
    with capture_events() as events:
        async with scripted_world(quiet(can_cancel=True), polling=rule) as world:
            status = await (await world.hub.submit("shop", numbered(3))).wait()
            world.vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
            job = await world.hub.submit("shop", numbered(3))
            await world.clock.sleep(30.0)
            await job.cancel()
            world.vendor.answer_poll = None
            await job.wait()
    assert status.counts.succeeded == 3
    assert (len(rule.ends), rule.lefts) == (3, 3)
    said = [event.facts["rule"] for event in events.find("rule.failed")]
    assert sorted(said) == ["Grumpy.ended", "Grumpy.left"]

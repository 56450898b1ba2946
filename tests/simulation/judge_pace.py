"""Budget and cool-down, judged from the requests as they left: over all processes of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from batchhub.adapter import Budget

from .wire import Sent
from .witness import LawBrokenError

if TYPE_CHECKING:
    from .world import World

_SLACK_S: Final = 1e-3
_SLACK: Final = 0.01

_KEPT_S: Final = 6.0
"""Seconds until what one process heard is in the store for the others: a sign of life, and some."""


def judge_pace(world: World) -> None:
    """
    Hold the requests of each account against its budget, and against what its vendor asked for.

    Raises:
        LawBrokenError: More was sent, or during a cool-down.
    """
    for account in world.vendors.accounts(world.plan).values():
        sent = [one for one in world.loop.wire.sent if one.vendor in account.base_url]
        budget = account.budget
        if budget.burst > budget.requests:
            _judge_bucket(world, sent, budget)
        else:
            _judge_budget(world, sent, budget.requests, budget.per_s)
        _judge_cool_downs(world, sent)


def _judge_budget(world: World, sent: list[Sent], most: int, per_s: float) -> None:
    times = sorted(one.begun_s for one in sent)
    if any(last - first < per_s for first, last in zip(times, times[most // 2 :], strict=False)):
        world.count_law("budget")
    for first, last in zip(times, times[most:], strict=False):
        if last - first < per_s - _SLACK_S:
            raise LawBrokenError(
                f"{most + 1} requests in {last - first:.1f} s, from {first:.1f} s on; "
                f"the budget is {most} in {per_s:.0f} s"
            )


def _judge_bucket(world: World, sent: list[Sent], budget: Budget) -> None:
    """No while holds more than the vendor's bucket had, and what came back into it."""
    level, before_s = float(budget.burst), 0.0
    for at_s in sorted(one.begun_s for one in sent):
        back = (at_s - before_s) * budget.requests / budget.per_s
        level, before_s = min(float(budget.burst), level + back) - 1.0, at_s
        if level < budget.burst / 2:
            world.count_law("budget")
        if level < -_SLACK:
            raise LawBrokenError(
                f"more than {budget.burst} requests at once by {at_s:.1f} s, though "
                f"{budget.requests} come back in {budget.per_s:.1f} s"
            )


def _judge_cool_downs(world: World, sent: list[Sent]) -> None:
    for asked in sent:
        if asked.heard_s is None or not asked.retry_after_s or asked.status != 429:
            continue
        world.count_law("cool-down")
        until_s = asked.heard_s + asked.retry_after_s
        for one in sent:
            since_s = asked.heard_s
            if one.host != asked.host:
                if _is_forgotten(world, asked):
                    continue
                since_s += _KEPT_S
            if since_s + _SLACK_S < one.begun_s < until_s - _SLACK_S:
                raise LawBrokenError(
                    f"{one.host} sent {one.method} {one.path} at {one.begun_s:.1f} s; at "
                    f"{asked.heard_s:.1f} s {asked.host} was asked to wait {asked.retry_after_s} s"
                )


def _is_forgotten(world: World, asked: Sent) -> bool:
    """Whether the process that was asked to wait could not keep it."""
    assert asked.heard_s is not None
    until_s = asked.heard_s + _KEPT_S
    return world.faults.was_disturbed(asked.host, asked.heard_s, until_s)

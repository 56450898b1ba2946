"""Where nobody can say what became of an item, and only there it may be unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .accounts import KINDS
from .wire import Sent

if TYPE_CHECKING:
    from .world import World

_REMEMBERED_S: Final = 3000.0
"""Seconds for which the shop's vendor surely recognises a batch by its key."""

_KEPT_S: Final = 120.0
"""Seconds within which an answer that was heard is surely in the store, unless something fails."""

_BROKEN: Final = ("broken_json", "proxy_page", "reset_answer")
"""Faults that spoil an answer which comes, as it seems, whole."""


def may_be_unknown(world: World, account: str, mark: int) -> bool:
    """
    Whether it can be that nobody can say what became of an item.

    Args:
        world: The world, at its end.
        account: The account it was sent through.
        mark: The item.
    """
    kind = KINDS[account]
    is_late = kind.keeps_s is not None and _was_down(world, kind.keeps_s)
    if is_late or any(world.struck[fault] for fault in kind.doubtful):
        return True
    if kind.recognises:
        return _is_forgotten(world)
    if kind.repeats or may_be_misread(world):  # but for what was answered, whatever that was
        return may_be_misread(world)
    if kind.is_apart:  # which of them had the item is not seen
        sent = [one for one in world.loop.wire.sent if one.vendor == account]
        submits = [one for one in sent if kind.is_submit(one.method, one.path)]
        answers = [is_answered(world, one, kind.accepted) for one in submits]
        return world.faults.has_disturbed or not all(answers)
    sent = [one for one in world.loop.wire.sent if mark in one.marks]
    if not sent:  # an intent, and then nothing was sent, as it seems
        return world.faults.has_disturbed
    return not any(is_answered(world, one, kind.accepted) for one in sent)


def may_be_misread(world: World) -> bool:
    """Whether an answer may have come, as it seems, whole, and could not be read."""
    return any(world.struck[kind] for kind in _BROKEN)


def _was_down(world: World, longer_s: float) -> bool:
    """Whether a program may have been away for longer than that."""
    return any(fault.values.get("down_s", 0.0) > longer_s for fault in world.plan.faults)


def _is_forgotten(world: World) -> bool:
    """Whether a vendor that recognises batches may have forgotten one, as far as anybody knows."""
    if _was_down(world, _REMEMBERED_S):
        return True
    # Within one boot any process knows how old an attempt is, whatever the wall clock says.
    boots = {machine.boot_id for machine in world.machines.values()}
    return world.struck["clock"] > 0 and len(boots) + world.struck["reboot"] > 1


def is_answered(world: World, sent: Sent, status: int) -> bool:
    """Whether a submit was answered, and whoever heard it could keep that."""
    if sent.heard_s is None or sent.status != status or sent.connection in world.loop.wire.lost:
        return False
    return not world.faults.was_disturbed(sent.host, sent.heard_s, sent.heard_s + _KEPT_S)

"""The laws, judged from what the vendors themselves recorded, and the store after the end."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import frozen

from batchhub import BatchHub, BatchStatus, ItemResult, ItemState
from batchhub.models import BatchState

from .accounts import KINDS, Kind
from .doubt import is_answered, may_be_misread, may_be_unknown
from .fleet import is_fleet
from .judge_order import judge_order
from .judge_owner import judge_owner
from .judge_pace import judge_pace
from .plan import Order
from .vendors import Ran
from .wire import Sent
from .witness import LawBrokenError

if TYPE_CHECKING:
    from .world import World


@frozen(kw_only=True)
class Told:
    """A job as the store tells of it."""

    status: BatchStatus
    results: list[ItemResult]
    order: Order

    @property
    def kind(self) -> Kind:
        """What its account is like."""
        return KINDS[self.order.account]

    @property
    def name(self) -> str:
        """Which job it is, for messages."""
        return f"job {self.status.job_id} (order {self.order.number}, {self.status.account})"


async def judge(world: World, hub: BatchHub) -> None:
    """
    Hold the store against the vendors' records.

    Raises:
        LawBrokenError: A law is broken.
    """
    ran = world.vendors.ran()
    told = [
        Told(
            status=job.status,
            results=[result async for result in job.results()],
            order=_order_of(world, job.id),
        )
        for job in await hub.jobs()
    ]
    for job in told:
        _judge_results(world, job)
        _judge_events(world, job)
        for result in job.results:
            _judge_item(world, job, result, ran.get(int(result.id), []))
    _judge_effects(world, told, ran)
    _judge_repeats(world, told)
    _judge_orphans(told, ran)
    _judge_held(world, told)
    judge_pace(world)
    if is_fleet(world.plan):
        judge_owner(world)
    judge_order(world, told, ran)


def _order_of(world: World, job_id: str) -> Order:
    retried = {again: first for first, again in world.witness.retried.items()}
    first = retried.get(job_id, job_id)
    if first not in world.witness.jobs:
        raise LawBrokenError(f"job {job_id} is in the store, and nobody submitted it")
    return world.witness.jobs[first]


def _judge_results(world: World, job: Told) -> None:
    """One result for each item, in order, and counts that add up."""
    status, results = job.status, job.results
    if not status.state.is_terminal and not status.is_held:
        raise LawBrokenError(f"{job.name} is {status.state} at the end")
    if status.state.is_terminal and len(results) != status.counts.total:
        raise LawBrokenError(f"{job.name} has {len(results)} results of {status.counts.total}")
    marks = [int(result.id) for result in results]
    if marks != sorted(set(marks)):
        raise LawBrokenError(f"{job.name}: results out of order, or twice: {marks}")
    wanted = {job.order.mark(index) for index in range(len(job.order.targets))}
    if not set(marks) <= wanted:
        raise LawBrokenError(f"{job.name}: results of no item: {set(marks) - wanted}")
    counted = Counter(result.state for result in results)
    for state in ItemState:
        if getattr(status.counts, state.value) != counted[state]:
            raise LawBrokenError(f"{job.name}: {status.counts} does not count {counted}")
    world.witness.see_end(status)


def _judge_events(world: World, job: Told) -> None:
    """Each end is told; once, but for those told again because nobody knows how far that came."""
    events = world.witness.told[job.status.job_id]
    if not job.status.state.is_terminal:
        if events:
            raise LawBrokenError(f"{job.name} was told to have ended, and is {job.status.state}")
    elif not events or events.count(False) > 1:
        raise LawBrokenError(f"{job.name} was told {len(events)} times; repeated: {events}")


def _judge_item(world: World, job: Told, result: ItemResult, ran: list[Ran]) -> None:
    """A result says what the vendor did; unknown only where nobody can say."""
    where = f"{job.name}: item {result.id} is {result.state}"
    effects = [one for one in ran if one.succeeded]
    if result.state is ItemState.SUCCEEDED:
        if not _is_told_right(job, result, effects) and not _is_repeat(world, job):
            raise LawBrokenError(f"{where} by {result.vendor_ref}; the vendor says {ran}")
    elif result.state is ItemState.FAILED:
        if not ran or (effects and not _is_repeat(world, job)):
            raise LawBrokenError(f"{where}; the vendor says {ran}")
    elif result.state is ItemState.NOT_EXECUTED:
        own = {ref for ticket in job.status.tickets for ref in ticket.vendor_refs}
        if any(one.ticket in own for one in ran) or (ran and not _is_repeat(world, job)):
            raise LawBrokenError(f"{where}; the vendor says {ran}")
    elif not _may_be_unknown(world, job, int(result.id)):
        raise LawBrokenError(f"{where} ({result.message}); the vendor says {ran}")


def _is_told_right(job: Told, result: ItemResult, effects: list[Ran]) -> bool:
    """Whether a success is one of the batch it is said to be of, and of no other one."""
    tickets = [one.ticket for one in effects]
    if not job.kind.has_tickets:
        return bool(effects)
    return result.vendor_ref in tickets if job.kind.repeats else tickets == [result.vendor_ref]


def _is_repeat(world: World, job: Told) -> bool:
    """Whether the items of a job were sent twice on somebody's word."""
    retried = world.witness.retried
    return job.status.job_id in retried or job.status.job_id in retried.values()


def _may_be_unknown(world: World, job: Told, mark: int) -> bool:
    """Whether somebody gave it up, or nobody can say."""
    if job.status.job_id in world.witness.cancelled or _is_repeat(world, job):
        return True
    return may_be_unknown(world, job.order.account, mark)


def _judge_effects(world: World, told: list[Told], ran: dict[int, list[Ran]]) -> None:
    """Nothing is executed twice, unless somebody wanted it."""
    known = {mark for job in told for mark in _marks(job)}
    repeated = {mark for job in told if _is_repeat(world, job) for mark in _marks(job)}
    free = {mark for job in told if job.kind.repeats for mark in _marks(job)}
    for mark, found in ran.items():
        if mark not in known:
            raise LawBrokenError(f"item {mark} ran, and no job has it")
        if mark not in free and len(found) > 1 + (mark in repeated):
            raise LawBrokenError(f"item {mark} ran {len(found)} times: {found}")


def _judge_repeats(world: World, told: list[Told]) -> None:
    """Where items may run again, they do so only after a request whose answer nobody has."""
    for job in told:
        is_spoilt = may_be_misread(world) or any(world.struck[f] for f in job.kind.doubtful)
        if not job.kind.repeats or _is_repeat(world, job) or is_spoilt:
            continue
        for mark in _marks(job):
            sent = [one for one in world.loop.wire.sent if mark in one.marks]
            if len(sent) > 1:
                world.count_law("repeat")
            if any(_is_heedless(world, job, *pair) for pair in pairwise(sent)):
                raise LawBrokenError(f"{job.name}: item {mark} was sent again, though answered")


def _is_heedless(world: World, job: Told, first: Sent, again: Sent) -> bool:
    """Whether a request was repeated by somebody who could know that it was answered."""
    if not is_answered(world, first, job.kind.accepted):
        return False
    if first.host != again.host and world.struck["usurped"]:  # it did not wait for the answer
        return False
    assert first.heard_s is not None
    return first.heard_s < again.begun_s


def _judge_orphans(told: list[Told], ran: dict[int, list[Ran]]) -> None:
    """Each batch of a vendor is known to the store, or what is in it is unknown there."""
    refs: set[str] = set()
    doubted: set[int] = set()
    free = {mark for job in told if job.kind.repeats for mark in _marks(job)}
    for job in told:
        for ticket in job.status.tickets:
            refs.update(ticket.vendor_refs)
        for finding in job.status.findings:
            if finding.code == "late_ticket":
                refs.update(finding.examples)
        told_of = {int(r.id) for r in job.results if r.state is not ItemState.UNKNOWN}
        doubted |= _marks(job) - told_of
    for mark, found in ran.items():
        for one in found:
            is_named = one.ticket is not None and mark not in free
            if is_named and one.ticket not in refs and mark not in doubted:
                raise LawBrokenError(f"item {mark} ran in {one.ticket}, which no job knows")


def _judge_held(world: World, told: list[Told]) -> None:
    """A job is held only where nobody can say what became of an item of it."""
    for job in told:
        held = [t for t in job.status.tickets if t.state is BatchState.UNCONFIRMED]
        marks = _marks(job) - {int(result.id) for result in job.results}
        if held and not any(_may_be_unknown(world, job, mark) for mark in marks):
            raise LawBrokenError(f"{job.name} is held; all of it was answered")


def _marks(job: Told) -> set[int]:
    if job.status.state is BatchState.UNCONFIRMED or not job.results:
        return {job.order.mark(index) for index in range(len(job.order.targets))}
    return {int(result.id) for result in job.results}

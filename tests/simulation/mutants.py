"""Programs and vendors that are broken on purpose: the judge has to find each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from attrs import evolve, frozen
from sqlalchemy import bindparam, update
from support.by_vendor import ADAPTERS

from batchhub._engine import send_queue
from batchhub._engine.lane_claims import LaneClaims
from batchhub._engine.order import _Look
from batchhub._engine.turn import Turn
from batchhub._http.gate import LaneGate
from batchhub._http.rates import Rates
from batchhub._http.spent import Spent
from batchhub._store import attempts
from batchhub._store.attempts import Fenced
from batchhub._store.statements import Statement
from batchhub._store.tables import tickets
from batchhub.sandbox import Batches

from .plan import SHOP, SUPPLIER, SWITCHES, Fault, Order, Plan

AT_ONCE = "woocommerce"
"""The account whose vendor answers at once, and whose batches may be sent again."""

_FAULTS = {
    kind: Fault(kind=kind, at_s=0.1, vendor=SHOP, values=values)
    for kind, values in SWITCHES.items()
}

_CRASH_LATER = Fault(kind="crash", at_s=20.0, machine="a", values={"down_s": 1.0})
_RESTART_LATER = evolve(_CRASH_LATER, values={"down_s": 1.0, "reboots": True})
_CLOCK_LATER = Fault(kind="clock", at_s=19.0, machine="a", values={"by_s": 2000.0})


@frozen(kw_only=True)
class Mutant:
    """
    A mutant.

    Attributes:
        name: What is broken.
        breaks: Breaks it, for as long as the context lasts.
        plan: Makes a plan one in which that matters.
        law: What the judge says of it: a part of the sentence.
    """

    name: str
    breaks: Callable[[], Any]
    plan: Callable[[Plan], Plan]
    law: str


@contextmanager
def _vendor_ignores_key() -> Iterator[None]:
    add = Batches.add
    with patch.object(Batches, "add", lambda batches, batch, key=None: add(batches, batch)):
        yield


@contextmanager
def _intent_is_not_kept() -> Iterator[None]:
    def forget(*_: Any, read_s: Callable[[], float], **__: Any) -> Fenced:
        return Fenced(durable_at_s=read_s())

    with patch.object(attempts, "begin_attempt", forget):
        yield


@contextmanager
def _intent_is_not_fenced() -> Iterator[None]:
    unfenced = Statement(
        update(tickets)
        .where(
            tickets.c.job_no == bindparam("this_job"),
            tickets.c.position == bindparam("this_position"),
        )
        .values(
            attempt_id=bindparam("new_attempt"),
            attempted_at=bindparam("new_at"),
            attempted_boot=bindparam("new_boot"),
            attempted_boot_s=bindparam("new_boot_s"),
            sends=bindparam("new_sends"),
        )
    )
    with patch.object(attempts, "_BEGIN", unfenced):
        yield


@contextmanager
def _cool_down_is_forgotten() -> Iterator[None]:
    with patch.object(LaneGate, "cool_down", lambda gate, **asked: None):
        yield


@contextmanager
def _next_process_knows_no_pause() -> Iterator[None]:
    with patch.object(LaneGate, "restore", lambda gate, *spent: None):
        yield


@contextmanager
def _wall_clock_is_believed() -> Iterator[None]:
    def find_age_s(rates: Rates, spent: Spent) -> float | None:
        return None if spent.at is None else (rates._clock.now() - spent.at).total_seconds()

    with patch.object(Rates, "_find_age_s", find_age_s):
        yield


@contextmanager
def _late_pause_is_not_handed_on() -> Iterator[None]:
    async def keep_still(*_: Any) -> None:
        return None

    with patch.object(LaneClaims, "hand_on", keep_still):
        yield


@contextmanager
def _nothing_waits_for_older() -> Iterator[None]:
    with patch.object(_Look, "_find_earlier", lambda *_: ([], {})):
        yield


@contextmanager
def _newest_goes_first() -> Iterator[None]:
    def rank(turn: Turn) -> int:
        return -turn.rank

    with patch.object(send_queue, "_rank", rank):
        yield


@contextmanager
def _answered_is_sent_again() -> Iterator[None]:
    adapter = ADAPTERS[AT_ONCE]
    submit = adapter.submit

    async def submit_twice(self: Any, *arguments: Any) -> Any:
        await submit(self, *arguments)
        return await submit(self, *arguments)

    with patch.object(adapter, "submit", submit_twice):
        yield


def _in_shop(plan: Plan, *faults: Fault, account: str = SHOP) -> Plan:
    """Make all orders one account's and let only some faults happen."""
    orders = tuple(
        evolve(
            order,
            account=account,
            cancel_after_s=None,
            stop_on_first_failure=order.stop_on_first_failure and account == SHOP,
        )
        for order in plan.orders
    )
    return evolve(
        plan, accounts=(account,), orders=orders, faults=faults, calm_s=60.0, usurps=False
    )


def _of_two(plan: Plan) -> Plan:
    """Let two programs take each other for dead, and be stopped again and again."""
    orders = tuple(
        Order(number=number, machine=None, account=SHOP, at_s=0.0, targets=tuple(range(1, 25)))
        for number in range(1, 4)
    )
    faults = tuple(
        Fault(kind="stop", at_s=at_s, machine=machine, values={"for_s": 3.0})
        for at_s in (0.5, 2.0, 6.0, 10.0, 14.0)
        for machine in ("a", "b")
    )
    return evolve(
        plan,
        machines=("a", "b"),
        usurps=True,
        accounts=(SHOP,),
        orders=orders,
        faults=faults,
        calm_s=60.0,
        bytes_per_ticket=500,
        hop_s=0.3,
    )


def _of_two_that_are_refused(plan: Plan) -> Plan:
    """Let two programs, far from the vendor, take each other for dead just while it refuses."""
    orders = tuple(
        Order(number=number, machine=None, account=SHOP, at_s=0.0, targets=tuple(range(1, 13)))
        for number in (1, 2)
    )
    return evolve(
        _of_two(plan),
        orders=orders,
        faults=(evolve(_FAULTS["429"], at_s=0.5),),
        calm_s=4.0,
        latency_s=(2.0, 5.0),
    )


def _at_same_products(plan: Plan, account: str) -> Plan:
    """Make all orders change the same products at once, with more than one ticket each."""
    there = tuple(range(1, 25))
    orders = tuple(
        Order(number=number, machine="a", account=account, at_s=0.0, targets=targets)
        for number, targets in enumerate((there, there[::-1], there), 1)
    )
    return evolve(
        plan,
        usurps=False,
        accounts=(account,),
        orders=orders,
        faults=(),
        calm_s=60.0,
        bytes_per_ticket=900,
        item_time_s=0.4,
    )


def _crash_at(failpoint: str) -> Fault:
    values = {"failpoint": failpoint, "after": 1, "down_s": 1.0, "resets": True, "reboots": False}
    return Fault(kind="crash_at", at_s=0.0, machine="a", values=values)


MUTANTS = (
    Mutant(
        name="a vendor that ignores the key",
        breaks=_vendor_ignores_key,
        plan=lambda plan: _in_shop(plan, _FAULTS["lost_answer"]),
        law="the vendor says",
    ),
    Mutant(
        name="an intent that is not kept",
        breaks=_intent_is_not_kept,
        plan=lambda plan: _in_shop(plan, _crash_at("request.answered")),
        law="the vendor says",
    ),
    Mutant(
        name="an intent that is not fenced",
        breaks=_intent_is_not_fenced,
        plan=_of_two,
        law="the vendor says",
    ),
    Mutant(
        name="a cool-down that is forgotten",
        breaks=_cool_down_is_forgotten,
        plan=lambda plan: _in_shop(plan, _FAULTS["429"]),
        law="was asked to wait",
    ),
    Mutant(
        name="a cool-down that the next process does not know",
        breaks=_next_process_knows_no_pause,
        plan=lambda plan: _in_shop(plan, _FAULTS["429"], _CRASH_LATER),
        law="was asked to wait",
    ),
    Mutant(
        name="a cool-down that is over because the clock says so after another start",
        breaks=_wall_clock_is_believed,
        plan=lambda plan: _in_shop(plan, _FAULTS["429"], _CLOCK_LATER, _RESTART_LATER),
        law="was asked to wait",
    ),
    Mutant(
        name="a cool-down that is heard too late, and handed to nobody",
        breaks=_late_pause_is_not_handed_on,
        plan=_of_two_that_are_refused,
        law="was asked to wait",
    ),
    Mutant(
        name="a lane that sends the newest job first",
        breaks=_newest_goes_first,
        plan=lambda plan: _at_same_products(plan, SHOP),
        law="overwrote",
    ),
    Mutant(
        name="a lane that waits for no older job",
        breaks=_nothing_waits_for_older,
        plan=lambda plan: _at_same_products(plan, SUPPLIER),
        law="overwrote",
    ),
    Mutant(
        name="a batch that is sent again although it was answered",
        breaks=_answered_is_sent_again,
        plan=lambda plan: _in_shop(plan, account=AT_ONCE),
        law="sent again, though answered",
    ),
)

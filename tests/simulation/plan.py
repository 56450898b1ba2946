"""What happens in a world: drawn from its seed, before anything runs."""

from __future__ import annotations

import random
from typing import Any, Final

from attrs import evolve, field, frozen

from .accounts import KINDS
from .accounts.kind import PRODUCTS

SHOP: Final = "ecwid"
SUPPLIER: Final = "mircate"
"""The accounts of which most worlds have one or both; others come besides."""

BOUND_S: Final = 3 * 3600.0
"""Virtual seconds within which all must be done once the last fault is over."""

FAILPOINTS: Final = (
    "commit.begun",
    "commit.done",
    "items.kept",
    "intent.kept",
    "request.answered",
    "ticket.kept",
    "results.fetched",
    "results.kept",
)

_OTHERS: Final = 0.5
"""The part of the worlds in which there are others."""

SWITCHES: Final[dict[str, dict[str, Any]]] = {
    "lost_answer": {"lost_submit_answers": 1},
    "cut_submit": {"cut_before_submit": 1},
    "5xx_accepted": {"submit_5xx": 1, "submit_5xx_executes": True},
    "5xx_refused": {"submit_5xx": 1, "submit_5xx_executes": False},
    "cut_poll": {"cut_polls": 2},
    "5xx_poll": {"answer_5xx": 3},
    "429": {"answer_429": 1, "block_s": 60.0},
    "broken_json": {"cut_json": 1},
    "proxy_page": {"html_error": 1},
    "reset_answer": {"reset_answers": 1},
    "late_answer": {"answer_delay_s": 70.0, "network_verbs": "submit"},
}
"""Faults of any vendor, by its stand-in's switches."""


@frozen(kw_only=True)
class Order:
    """
    A job that somebody submits.

    Attributes:
        number: Its number in the world.
        machine: Whose program submits it; `None` for every machine's.
        account: Through which account.
        at_s: When.
        targets: The product each item changes; one that does not exist fails.
        stop_on_first_failure: As for `BatchHub.submit`.
        cancel_after_s: Seconds after which it is cancelled; `None` for never.
        decision: What is done when it is held: "leave", "cancel" or "retry".
    """

    number: int
    machine: str | None
    account: str
    at_s: float
    targets: tuple[int, ...] = field(repr=False)
    stop_on_first_failure: bool = False
    cancel_after_s: float | None = None
    decision: str = "leave"

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return f"order-{self.number}"

    def mark(self, index: int) -> int:
        """Return the price of an item, by which the vendor's record of it is found."""
        return self.number * 1000 + index + 1


@frozen(kw_only=True)
class Fault:
    """
    Something that goes wrong.

    Attributes:
        kind: What.
        at_s: When.
        machine: Which machine it strikes, if one.
        vendor: Which vendor, if one.
        values: How, in its kind's own words.
    """

    kind: str
    at_s: float
    machine: str = ""
    vendor: str = ""
    values: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Plan:
    """
    What happens in a world.

    Attributes:
        seed: Its seed.
        machines: The machines on which a program runs, all at one store.
        usurps: Whether each program takes every other for dead while faults last.
        is_one_system: Whether the machines are one system: one boot and one wall clock.
        accounts: The accounts there are.
        orders: What is submitted.
        faults: What goes wrong, in order of time.
        latency_s: The least and the most seconds a packet takes.
        item_time_s: Seconds an item takes at a vendor.
        requests_per_minute: The budget of each account.
        bytes_per_ticket: The most bytes of a ticket, so that small jobs have several.
        items_per_load: The most items that go into the store at once.
        hop_s: The most seconds a transaction takes.
        calm_s: When the last fault is over.
    """

    seed: int
    machines: tuple[str, ...]
    usurps: bool
    is_one_system: bool
    accounts: tuple[str, ...]
    orders: tuple[Order, ...] = field(repr=False)
    faults: tuple[Fault, ...]
    latency_s: tuple[float, float]
    item_time_s: float
    requests_per_minute: int
    bytes_per_ticket: int
    items_per_load: int
    hop_s: float
    calm_s: float


def draw_plan(seed: int) -> Plan:
    """Draw what happens in the world of a seed."""
    chance = random.Random(f"{seed}:plan")
    machines = ("a", "b") if chance.random() < 0.4 else ("a",)
    usurps = len(machines) > 1 and chance.random() < 0.5
    is_one_system = chance.random() < 0.5
    accounts = chance.choice(((SHOP,), (SUPPLIER,), (SHOP, SUPPLIER)))
    others = [name for name in KINDS if name not in {SHOP, SUPPLIER}]
    if others and chance.random() < _OTHERS:
        accounts = chance.choice(
            [(other,) for other in others] + [(SHOP, other) for other in others]
        )
    orders = tuple(_draw_orders(chance, machines, accounts))
    faults = tuple(_draw_faults(chance, machines, accounts))
    return Plan(
        seed=seed,
        machines=machines,
        usurps=usurps,
        is_one_system=is_one_system,
        accounts=accounts,
        orders=orders,
        faults=faults,
        latency_s=chance.choice(((0.001, 0.02), (0.005, 0.25), (0.05, 1.5))),
        item_time_s=chance.choice((0.02, 0.1, 0.4)),
        requests_per_minute=chance.choice((30, 120, 600)),
        bytes_per_ticket=chance.choice((500, 900, 2500)),
        items_per_load=chance.choice((5, 12, 5000)),
        hop_s=chance.choice((0.0, 0.01, 0.3)),
        calm_s=max([_end_s(fault) for fault in faults], default=0.0),
    )


def _draw_orders(
    chance: random.Random, machines: tuple[str, ...], accounts: tuple[str, ...]
) -> list[Order]:
    orders = []
    at_s = 0.0
    for number in range(1, chance.randint(1, 4) + 1):
        account = chance.choice(accounts)
        count = chance.randint(1, 30)
        targets = [chance.randint(1, PRODUCTS) for _ in range(count)]
        targets = [10**6 + n if chance.random() < 0.05 else n for n in dict.fromkeys(targets)]
        at_s += chance.choice((0.0, 0.0, chance.uniform(0.0, 15.0)))
        orders.append(
            Order(
                number=number,
                machine=chance.choice((*machines, None)),
                account=account,
                at_s=at_s,
                targets=tuple(targets),
                stop_on_first_failure=_stops(chance, account),
                cancel_after_s=chance.uniform(0.0, 10.0) if chance.random() < 0.1 else None,
                decision=chance.choice(("leave", "cancel", "retry")),
            )
        )
    return orders


def _draw_faults(
    chance: random.Random, machines: tuple[str, ...], accounts: tuple[str, ...]
) -> list[Fault]:
    makers = [
        _crash,
        _crash_at,
        _stop,
        _sleep,
        _partition,
        _loss,
        _slow,
        _vendor,
        _vendor,
        _vendor,
        _clock,
    ]
    makers += [_commits, _commits, _full_disk, _reads, _locks]
    faults = [
        chance.choice(makers)(chance, machines, accounts) for _ in range(chance.randint(1, 7))
    ]
    for asked in [fault for fault in faults if fault.kind == "429"]:
        if chance.random() < 0.6:  # what one process was told the next one has to know
            crash = _crash(chance, machines, accounts)
            at_s = asked.at_s + chance.uniform(8.0, 20.0)
            faults.append(evolve(crash, at_s=at_s, values={**crash.values, "down_s": 1.0}))
    if chance.random() < 0.05:  # longer than any vendor remembers a batch, or keeps its results
        down_s = max([3700.0, *(2 * (KINDS[name].keeps_s or 0.0) for name in accounts)])
        faults.append(Fault(kind="crash", at_s=2.0, machine="a", values={"down_s": down_s}))
    return sorted(faults, key=lambda fault: fault.at_s)


def _at_s(chance: random.Random) -> float:
    return chance.choice((chance.uniform(0.0, 3.0), chance.uniform(0.0, 30.0)))


def _crash(chance: random.Random, machines: tuple[str, ...], _: tuple[str, ...]) -> Fault:
    values = {
        "down_s": chance.choice((0.0, chance.uniform(0.0, 10.0), 60.0)),
        "resets": chance.random() < 0.5,
        "reboots": chance.random() < 0.3,
    }
    return Fault(kind="crash", at_s=_at_s(chance), machine=chance.choice(machines), values=values)


def _crash_at(chance: random.Random, machines: tuple[str, ...], _: tuple[str, ...]) -> Fault:
    fault = _crash(chance, machines, _)
    values = {
        **fault.values,
        "failpoint": chance.choice(FAILPOINTS),
        "after": chance.choice((1, chance.randint(1, 12))),
    }
    return Fault(kind="crash_at", at_s=chance.uniform(0, 3), machine=fault.machine, values=values)


def _stop(chance: random.Random, machines: tuple[str, ...], _: tuple[str, ...]) -> Fault:
    for_s = chance.choice((chance.uniform(0.1, 4.0), chance.uniform(4.0, 60.0)))
    machine = chance.choice(machines)
    return Fault(kind="stop", at_s=_at_s(chance), machine=machine, values={"for_s": for_s})


def _sleep(chance: random.Random, machines: tuple[str, ...], _: tuple[str, ...]) -> Fault:
    for_s = chance.choice((chance.uniform(1.0, 60.0), 600.0))
    machine = chance.choice(machines)
    return Fault(kind="sleep", at_s=_at_s(chance), machine=machine, values={"for_s": for_s})


def _partition(
    chance: random.Random, machines: tuple[str, ...], accounts: tuple[str, ...]
) -> Fault:
    return Fault(
        kind="partition",
        at_s=_at_s(chance),
        machine=chance.choice(machines),
        vendor=chance.choice(accounts),
        values={"for_s": chance.choice((chance.uniform(0.1, 20.0), 150.0))},
    )


def _loss(chance: random.Random, _: tuple[str, ...], __: tuple[str, ...]) -> Fault:
    values = {"rate": chance.choice((0.02, 0.2)), "for_s": chance.uniform(1.0, 20.0)}
    return Fault(kind="loss", at_s=_at_s(chance), values=values)


def _slow(chance: random.Random, _: tuple[str, ...], __: tuple[str, ...]) -> Fault:
    values = {"latency_s": (1.0, 8.0), "for_s": chance.uniform(1.0, 30.0)}
    return Fault(kind="latency", at_s=_at_s(chance), values=values)


def _vendor(chance: random.Random, _: tuple[str, ...], accounts: tuple[str, ...]) -> Fault:
    vendor = chance.choice(accounts)
    there = {**SWITCHES, **KINDS[vendor].faults}
    kind = chance.choice([kind for kind in there if kind not in KINDS[vendor].spares])
    values = dict(there[kind])
    if kind == "reset_answer":
        values["network_verbs"] = chance.choice(("", "submit", "poll"))
    return Fault(kind=kind, at_s=chance.uniform(0.0, 6.0), vendor=vendor, values=values)


def _clock(chance: random.Random, machines: tuple[str, ...], _: tuple[str, ...]) -> Fault:
    by_s = chance.choice((-86_400.0, -4000.0, -30.0, 30.0, 2000.0, 86_400.0))
    machine = chance.choice(machines)
    return Fault(kind="clock", at_s=_at_s(chance), machine=machine, values={"by_s": by_s})


def _commits(chance: random.Random, machines: tuple[str, ...], _: tuple[str, ...]) -> Fault:
    values = {"after": chance.randint(0, 30), "times": chance.randint(1, 3)}
    kind = chance.choice(("commit_error", "commit_lost"))
    return Fault(kind=kind, at_s=0.0, machine=chance.choice(machines), values=values)


def _full_disk(chance: random.Random, machines: tuple[str, ...], _: tuple[str, ...]) -> Fault:
    values = {"for_s": chance.choice((chance.uniform(0.1, 10.0), 90.0))}
    return Fault(
        kind="full_disk", at_s=_at_s(chance), machine=chance.choice(machines), values=values
    )


def _reads(chance: random.Random, machines: tuple[str, ...], _: tuple[str, ...]) -> Fault:
    values = {"times": chance.randint(1, 3)}
    return Fault(
        kind="read_error", at_s=_at_s(chance), machine=chance.choice(machines), values=values
    )


def _locks(chance: random.Random, _: tuple[str, ...], __: tuple[str, ...]) -> Fault:
    values = {"for_s": chance.uniform(1.0, 60.0)}
    return Fault(kind="locks_deleted", at_s=_at_s(chance), values=values)


def _stops(chance: random.Random, account: str) -> bool:
    return KINDS[account].stops_on_failure and chance.random() < 0.15


def _end_s(fault: Fault) -> float:
    lasts_s: list[float] = [
        fault.values.get(name, 0.0) for name in ("for_s", "down_s", "block_s", "answer_delay_s")
    ]
    return fault.at_s + max(lasts_s)

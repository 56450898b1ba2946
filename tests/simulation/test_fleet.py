"""The laws hold where machines share out the shards of a store, and one has a lane at a time."""

from __future__ import annotations

import random
from collections import Counter
from unittest.mock import patch

import pytest
from attrs import evolve

from batchhub._engine import shard_claims

from .campaign import run_fleet
from .fleet import make_fleet
from .plan import SHOP, SUPPLIER, Fault, Order, Plan, draw_plan
from .test_seeds import SEEDS
from .world import run_world

_CHUNK = 5
_TRIES = 6


@pytest.mark.parametrize("first", range(0, max(_CHUNK, SEEDS // 4), _CHUNK))
def test_every_law_holds_in_the_world_of_a_fleet(first: int) -> None:
    judged: Counter[str] = Counter()
    for seed in range(first, first + _CHUNK):
        outcome = run_fleet(seed)
        assert not outcome.broken, "\n".join([f"fleet of seed {seed}", *outcome.broken])
        judged.update(outcome.judged)
    assert judged["owner"] > 0


def _stopped_again_and_again(seed: int, account: str) -> Plan:
    """Have two machines that are stopped for longer than others wait for them."""
    chance = random.Random(f"{seed}:stopped")
    orders = tuple(
        Order(number=number, machine=None, account=account, at_s=0.0, targets=tuple(range(1, 25)))
        for number in range(1, 4)
    )
    faults = tuple(
        Fault(
            kind="stop",
            at_s=chance.uniform(0.5, 60.0),
            machine=chance.choice(("w1", "w2")),
            values={"for_s": chance.uniform(8.0, 20.0)},
        )
        for _ in range(8)
    )
    plan = evolve(draw_plan(seed), machines=("a",), orders=orders, faults=(), accounts=(account,))
    plan = evolve(make_fleet(plan), machines=("a", "w1", "w2"), item_time_s=0.4)
    return evolve(
        plan,
        faults=tuple(sorted(faults, key=lambda fault: fault.at_s)),
        bytes_per_ticket=500,
        calm_s=100.0,
    )


@pytest.mark.parametrize("account", [SHOP, SUPPLIER])
def test_whoever_stood_still_asks_the_store_before_anything_is_sent(account: str) -> None:
    for seed in range(3):
        assert not run_world(_stopped_again_and_again(seed, account)).broken


def test_whoever_does_not_is_found_out() -> None:
    """A law that nothing could break would prove nothing."""
    said: list[str] = []
    for seed in range(_TRIES):
        with patch.object(shard_claims, "STALE_S", 1e9):
            said += run_world(_stopped_again_and_again(seed, SHOP)).broken
        if any("its shard had" in each for each in said):
            return
    pytest.fail(f"not found in {_TRIES} seeds; said was {said}")

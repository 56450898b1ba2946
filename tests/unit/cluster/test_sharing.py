"""How open shards are shared out among those who could drive them."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from itertools import count

import pytest

from batchhub._cluster.rows import Look, ShardJob
from batchhub._cluster.sharing import Share, Shares

_ids = count(1)


def look(
    has: Mapping[int, Collection[int]],
    drivable: Mapping[int, Collection[int]] | int,
    waiting: Collection[int] = (),
) -> Look:
    """Make a look: who has which shards, who could drive which, and which wait."""
    if isinstance(drivable, int):
        drivable = dict.fromkeys(has, range(drivable))
    jobs = [
        ShardJob(next(_ids), shard, is_running=True, worker_id=worker, is_stalled=False)
        for worker, shards in has.items()
        for shard in shards
    ]
    jobs += [
        ShardJob(next(_ids), shard, is_running=False, worker_id=None, is_stalled=False)
        for shard in waiting
    ]
    return Look(jobs, {worker: frozenset(shards) for worker, shards in drivable.items()})


def shares(found: Look, me: int) -> Shares:
    """Return them as a worker sees them that has what the look says."""
    return Shares(found, me, [job.shard for job in found.jobs if job.worker_id == me])


@pytest.mark.parametrize(
    ("has", "drivable", "own"),
    [
        ({1: []}, 10, Share(0, 10, 10)),
        ({1: [], 2: []}, 10, Share(0, 5, 5)),
        ({1: [], 2: [], 3: []}, 10, Share(0, 3, 4)),
        ({1: [], 2: []}, 1, Share(0, 0, 1)),
        ({1: []}, {1: range(4), 2: [], 3: range(10, 20)}, Share(0, 4, 4)),
        ({1: []}, {1: range(10), 2: range(5, 20)}, Share(0, 7, 8)),
        ({1: []}, {2: range(4)}, Share(0, 0, 0)),
    ],
)
def test_a_share(
    has: Mapping[int, Collection[int]],
    drivable: Mapping[int, Collection[int]] | int,
    own: Share,
) -> None:
    """Each shard counts for all who could drive it, in equal parts."""
    assert shares(look(has, drivable), 1).own == own


def test_what_waits_is_taken_by_who_has_too_few() -> None:
    """Only when it has waited for long does anybody take it who has enough."""
    found = look({1: [0, 1], 2: [2, 3, 4]}, 6, waiting=[5])
    assert shares(found, 1).may_take(5, 0, waited=False)
    assert not shares(found, 2).may_take(5, 0, waited=False)
    assert shares(found, 2).may_take(5, 0, waited=True)


def test_what_nobody_else_could_drive_is_taken_at_once() -> None:
    """Whatever the share is."""
    found = look({1: [0, 1, 2], 2: []}, {1: range(4), 2: range(10, 13)}, waiting=[3])
    assert shares(found, 1).may_take(3, 0, waited=False)


@pytest.mark.parametrize(
    ("has", "drivable", "waiting", "least", "most"),
    [
        ({1: range(10), 2: []}, 10, [], 4, 4),  # a few at once
        ({1: range(6), 2: range(6, 10)}, 10, [], 1, 1),
        ({1: range(6), 2: range(6, 9)}, 10, [9], 1, 1),
        ({1: range(6), 2: range(6, 8)}, 10, [8, 9], 1, 1),
        ({1: range(5), 2: range(5, 8)}, 10, [8, 9], 0, 0),  # what waits is for the other
        ({1: range(5), 2: range(5, 10)}, 10, [], 0, 0),
        ({1: range(4), 2: range(4, 7), 3: range(7, 10)}, 10, [], 0, 0),
        ({1: range(10), 2: []}, {1: range(10), 2: [20]}, [], 0, 0),  # it could not drive them
        ({1: range(200), 2: []}, 200, [], 25, 25),
    ],
)
def test_gifts(
    has: Mapping[int, Collection[int]],
    drivable: Mapping[int, Collection[int]] | int,
    waiting: Collection[int],
    least: int,
    most: int,
) -> None:
    """Who has too many gives some to who has too few and could drive them."""
    gifts = shares(look(has, drivable, waiting), 1).find_gifts(has[1], random.Random(1))
    assert least <= len(gifts) <= most
    assert set(gifts) <= set(has[1])


@pytest.mark.parametrize("workers", [2, 3, 7])
def test_it_comes_to_rest_with_a_fair_share_for_each(workers: int) -> None:
    """One after another comes, until each has its share; and then nothing moves any more."""
    rng = random.Random(workers)
    has: dict[int, set[int]] = {1: set(range(40))}
    for worker in range(2, workers + 1):
        has[worker] = set()
        waiting: set[int] = set()
        is_moving = True
        while is_moving or waiting:
            is_moving = False
            for me in rng.sample(sorted(has), len(has)):
                seen = shares(look(has, 40, waiting), me)
                taken = {
                    shard
                    for n, shard in enumerate(sorted(waiting))
                    if seen.own.has + n < seen.own.low and seen.may_take(shard, n, waited=False)
                }
                given = set(seen.find_gifts(has[me], rng))
                has[me] = (has[me] | taken) - given
                waiting = (waiting - taken) | given
                is_moving |= bool(taken or given)
        assert sum(map(len, has.values())) == 40
    assert min(map(len, has.values())) == 40 // workers

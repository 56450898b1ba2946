"""The work rules are measured on: how long each batch takes, and what is reported meanwhile."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from attrs import field, frozen

Progress = Callable[[float], float]
"""How much is done at an age."""


def nothing(age_s: float) -> float:
    """Report nothing."""
    del age_s
    return 0.0


@frozen
class Work:
    """
    One batch at a vendor.

    Attributes:
        duration_s: How long it takes.
        total: What its progress counts up to; 0 where none is reported.
        done_at: How much of that is done at an age.
    """

    duration_s: float
    total: float = 0.0
    done_at: Progress = nothing


@frozen
class Workload:
    """
    Batches of one kind.

    Attributes:
        name: In tables.
        title: What it is like, in a few words.
        make: Makes a batch.
        duration: Its distribution: the probability to have ended by an age, where it is known.
    """

    name: str
    title: str
    make: Callable[[random.Random], Work]
    cdf: Callable[[float], float] | None = field(default=None)

    def works(self, count: int, seed: int) -> list[Work]:
        """Make batches, the same ones for the same seed."""
        rng = random.Random(f"{self.name} {seed}")
        return [self.make(rng) for _ in range(count)]


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _lognormal_cdf(median: float, sigma: float) -> Callable[[float], float]:
    return lambda t: _normal_cdf(math.log(t / median) / sigma) if t > 0 else 0.0


def _make_ln(rng: random.Random) -> Work:
    return Work(rng.lognormvariate(math.log(30), 0.8))


def _make_ht(rng: random.Random) -> Work:
    return Work(min(5.0 * (1 - rng.random()) ** (-1 / 1.3), 7200.0))


def _ht_cdf(t: float) -> float:
    return 0.0 if t <= 5 else 1.0 if t >= 7200 else 1 - (t / 5.0) ** -1.3


def _make_bi(rng: random.Random) -> Work:
    if rng.random() < 0.7:
        return Work(rng.lognormvariate(math.log(8), 0.3))
    return Work(rng.lognormvariate(math.log(300), 0.4))


def _bi_cdf(t: float) -> float:
    return 0.7 * _lognormal_cdf(8, 0.3)(t) + 0.3 * _lognormal_cdf(300, 0.4)(t)


def counted(queue_s: float, gaps: list[float]) -> Work:
    """Make a batch whose items end one after another, each counted."""
    ends = list(accumulate(gaps, initial=queue_s))[1:]
    return Work(ends[-1], float(len(ends)), lambda age_s: float(bisect_right(ends, age_s)))


def _rate(rng: random.Random) -> float:
    return rng.lognormvariate(math.log(10), 0.5)


def _make_lp(rng: random.Random) -> Work:
    queue_s, rate = rng.expovariate(1 / 5.0), _rate(rng)
    return counted(queue_s, [rng.expovariate(rate) for _ in range(500)])


def _make_st(rng: random.Random) -> Work:
    queue_s, rate = rng.expovariate(1 / 5.0), _rate(rng)
    gaps = [rng.expovariate(rate) for _ in range(500)]
    begin, pace = rng.randrange(500), rng.lognormvariate(0, 0.7)
    gaps[begin:] = [gap / pace for gap in gaps[begin:]]
    if rng.random() < 0.3:
        gaps[rng.randrange(500)] += rng.expovariate(1 / 60.0)
    return counted(queue_s, gaps)


def _make_pct(rng: random.Random) -> Work:
    duration_s = rng.lognormvariate(math.log(900), 0.7)
    queue_s = min(rng.expovariate(1 / 20.0), 0.3 * duration_s)
    power = rng.uniform(0.6, 1.6)

    def done_at(age_s: float) -> float:
        share = max(0.0, (age_s - queue_s) / (duration_s - queue_s))
        return float(math.floor(100 * min(share, 1.0) ** power))

    return Work(duration_s, 100.0, done_at)


WORKLOADS: Final = (
    Workload("LN", "lognormal, median 30 s; nothing reported", _make_ln, _lognormal_cdf(30, 0.8)),
    Workload("HT", "Pareto, from 5 s to 2 h; nothing reported", _make_ht, _ht_cdf),
    Workload("BI", "about 8 s or about 300 s; nothing reported", _make_bi, _bi_cdf),
    Workload("LP", "500 items, about 10 a second, counted", _make_lp),
    Workload("ST", "as LP, with a change of pace and stalls", _make_st),
    Workload("PCT", "median 900 s, whole per cent", _make_pct),
)


# Work the rule was not made for: whatever constants it has must not be right for those above only.


def _make_even(rng: random.Random) -> Work:
    return Work(rng.lognormvariate(math.log(60), 0.05))


def _make_small(rng: random.Random) -> Work:
    queue_s, rate = rng.expovariate(1 / 5.0), _rate(rng) / 10
    return counted(queue_s, [rng.expovariate(rate) for _ in range(50)])


def _make_chunks(rng: random.Random) -> Work:
    """Count a chunk of 50 items at once, when its last one ends."""
    work = _make_lp(rng)
    return Work(work.duration_s, work.total, lambda age_s: work.done_at(age_s) // 50 * 50)


def _make_slower(rng: random.Random) -> Work:
    queue_s, rate = rng.expovariate(1 / 5.0), _rate(rng)
    begin = rng.randrange(500)
    return counted(
        queue_s, [rng.expovariate(rate if at < begin else rate / 4) for at in range(500)]
    )


def _make_heavy(rng: random.Random) -> Work:
    queue_s, rate = rng.expovariate(1 / 5.0), _rate(rng)
    return counted(queue_s, [(rng.paretovariate(1.5) - 1) / 2 / rate for _ in range(500)])


def _make_bursts(rng: random.Random) -> Work:
    """Do 50 items at ten times the pace, then nothing for a while."""
    queue_s, rate = rng.expovariate(1 / 5.0), _rate(rng)
    gaps = [rng.expovariate(10 * rate) for _ in range(500)]
    for at in range(0, 500, 50):
        gaps[at] += rng.expovariate(rate / 45)
    return counted(queue_s, gaps)


def _make_finishing(rng: random.Random) -> Work:
    """Count all items, then write the results."""
    work = _make_lp(rng)
    return Work(work.duration_s + rng.lognormvariate(math.log(10), 0.5), work.total, work.done_at)


def _make_only_end(rng: random.Random) -> Work:
    return Work(rng.lognormvariate(math.log(30), 0.8), 100.0, lambda _: 0.0)


def _make_tenths(rng: random.Random) -> Work:
    work = _make_pct(rng)
    return Work(work.duration_s, 100.0, lambda age_s: work.done_at(age_s) // 10 * 10)


def _make_mix(rng: random.Random) -> Work:
    return rng.choice((_make_ln, _make_bi, _make_lp, _make_st, _make_pct))(rng)


OTHERS: Final = (
    Workload("even", "always about a minute; nothing reported", _make_even),
    Workload("small", "50 items, about one a second, counted", _make_small),
    Workload("chunks", "as LP, counted in chunks of 50", _make_chunks),
    Workload("slower", "as LP, a quarter of the pace from somewhere on", _make_slower),
    Workload("heavy", "as LP, a few items take very long", _make_heavy),
    Workload("bursts", "as LP, 50 items at a time, then a pause", _make_bursts),
    Workload("finishing", "as LP, and about 10 s more at the end", _make_finishing),
    Workload("only end", "as LN, 0 % until the end", _make_only_end),
    Workload("tenths", "as PCT, in steps of 10 %", _make_tenths),
    Workload("mix", "some of LN, BI, LP, ST and PCT, unlabelled", _make_mix),
)

"""
Rules for polls, on simulated work: polls and lag of each, against the optimum and in one budget.

Nothing is sent and no time passes: what is measured is what a rule decides. All rules get the same
batches, and the same seed gives the same figures, but for the CPU time of a decision.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from batchhub.polling import Adaptive, Backoff, Lessons

from .alone import LEARNED, Figures, measure
from .decision import measure_decision
from .figures import (
    PRICES_S,
    adaptive_at_lag,
    best_fixed,
    fixed,
    fixed_at_lag,
    over_optimum,
)
from .goals import Goals
from .peers import PEERS
from .plot import Panel, draw
from .shared import PER_S, measure_shared
from .workloads import OTHERS, WORKLOADS, Work, Workload

COUNT: Final = 3_500
IN_FLIGHT: Final = {"LP": (150, 0.25), "PCT": (2_000, 0.15)}
"""Batches in flight in the shared budget, and the lag to reach, as a share of the best peer's."""

FEWER: Final = {"LP": 4.0, "ST": 2.5, "PCT": 15.0}
OVER_OPTIMUM: Final = {"LN": 1.10, "HT": 1.10, "BI": 1.20}
DECISION_US: Final = 5.0
PLOT_PRICES_S: Final = (0.02, 0.05, 0.1, 0.25, 0.6, 1.5, 4.0, 10.0, 25.0)
PLOT_INTERVALS_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)

Works = dict[str, list[Work]]


def show_alone(workload: Workload, works: list[Work]) -> dict[str, Figures]:
    """Print what each rule needs, one batch after another; return it for the picture."""
    rules = {name: measure(make(), works) for name, make in PEERS.items()}
    points = dict(rules)
    rules["Fixed(5)"] = fixed(works, 5)
    rules["Backoff(1, 2, 60)"] = points["backoff 1 2 60"] = measure(Backoff(1, 2, 60), works)
    for price_s in PRICES_S:
        rules[f"Adaptive, {price_s:g} s a poll"] = measure(Adaptive(least_price_s=price_s), works)
    print(f"\n{workload.name}: {workload.title}")
    print(f"  {'':<24}{'polls':>9}{'lag, s':>9}{'fixed at that lag':>19}{'x fewer':>9}")
    for name, found in rules.items():
        same = fixed_at_lag(works, found.lag_s)
        print(
            f"  {name:<24}{found.polls:9.2f}{found.lag_s:9.2f}{same:19.1f}{same / found.polls:9.2f}"
        )
    return points


def show_optimum(works: Works, goals: Goals) -> None:
    """Print the costs over the optimum's, where the distribution is known."""
    print("\ncost over the optimum's that knows the distribution, by the price of a poll")
    for workload in WORKLOADS:
        if workload.cdf is None:
            continue
        ratios = {p: over_optimum(workload, works[workload.name], p) for p in PRICES_S}
        shown = "".join(f"  {price_s:g} s: {ratio:.3f}" for price_s, ratio in ratios.items())
        print(f"  {workload.name:<6}{shown}")
        goals.at_most(
            f"{workload.name}: cost over the optimum's, at any of these prices",
            max(ratios.values()),
            OVER_OPTIMUM[workload.name],
        )


def show_fewer(works: Works, goals: Goals) -> None:
    """Compare polls at the mean lag of a fixed interval of 5 s."""
    for name, least in FEWER.items():
        usual = fixed(works[name], 5)
        ratio = usual.polls / adaptive_at_lag(works[name], usual.lag_s).polls
        goals.at_least(f"{name}: x fewer polls than every 5 s, at that lag", ratio, least)


def show_others(count: int, seed: int) -> None:
    """Print costs on work the rule was not made for, over those of the best fixed interval."""
    print("\nother work: cost over that of the fixed interval that is best for it, by the price")
    for workload in OTHERS:
        works = workload.works(count, seed)
        ratios = [
            measure(Adaptive(least_price_s=p), works).cost(p) / best_fixed(works, p)
            for p in PRICES_S
        ]
        shown = "  ".join(f"{p:g} s: {r:.2f}" for p, r in zip(PRICES_S, ratios, strict=True))
        print(f"  {workload.name:<10}{shown}   {workload.title}")


def show_shared(seed: int, goals: Goals) -> None:
    """Print lag and waits where many batches share a budget."""
    made = {workload.name: workload for workload in WORKLOADS}
    for name, (in_flight, share) in IN_FLIGHT.items():
        works = made[name].works(3 * in_flight + 6_000, seed)
        print(f"\n{name}, {in_flight:,} in flight, {PER_S:g} requests a second for all")
        print(f"  {'':<24}{'polls':>9}{'lag, s':>9}{'wait, s':>9}{'submits, p95':>14}")
        rules = {name: make() for name, make in PEERS.items()}
        rules["Adaptive"] = Adaptive(Lessons(), budget_per_s=PER_S)
        found = {name: measure_shared(rule, works, in_flight) for name, rule in rules.items()}
        for rule, each in found.items():
            print(
                f"  {rule:<24}{each.polls:9.2f}{each.lag_s:9.2f}{each.wait_s:9.2f}"
                f"{each.submit_wait_s:14.2f}"
            )
        ours = found.pop("Adaptive")
        best_s = min(each.lag_s for each in found.values())
        where = f"{name}, {in_flight:,} in one budget: "
        goals.at_most(f"{where}lag over the best peer's", ours.lag_s / best_s, share)
        goals.at_most(f"{where}mean wait for a token, s", ours.wait_s, 0.5)
        goals.at_most(f"{where}p95 of a submit's wait, s", ours.submit_wait_s, 1.0)


def show_decision(goals: Goals) -> None:
    """Measure what a decision takes."""
    took = {workload.name: measure_decision(workload) for workload in WORKLOADS}
    shown = "  ".join(f"{name}: {us:.2f}" for name, us in took.items())
    print(f"\na decision, us of CPU time\n  {shown}")
    goals.at_most("a decision, us of CPU time", max(took.values()), DECISION_US)


def main(arguments: list[str] | None = None) -> None:
    """Measure all, print the tables, and draw the picture if a file for it is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=COUNT, help="batches of each workload")
    parser.add_argument("--plot", type=Path, help="an SVG to write, such as docs/polling.svg")
    given = parser.parse_args(arguments or [])
    goals = Goals()
    works = {workload.name: workload.works(given.count, given.seed) for workload in WORKLOADS}
    print(f"{given.count:,} batches of each kind, the first {LEARNED} left out; seed {given.seed}")
    points = {workload.name: show_alone(workload, works[workload.name]) for workload in WORKLOADS}
    show_optimum(works, goals)
    show_fewer(works, goals)
    show_others(given.count, given.seed)
    show_shared(given.seed, goals)
    show_decision(goals)
    goals.show()
    if given.plot is not None:
        panels = [_panel(workload, works[workload.name], points) for workload in WORKLOADS]
        given.plot.write_text(draw(panels), encoding="utf-8")


def _panel(workload: Workload, works: list[Work], points: dict[str, dict[str, Figures]]) -> Panel:
    return Panel(
        title=f"{workload.name}: {workload.title}",
        fixed=[fixed(works, every_s) for every_s in PLOT_INTERVALS_S],
        adaptive=[measure(Adaptive(least_price_s=p), works) for p in PLOT_PRICES_S],
        peers=points[workload.name],
    )

"""What holds whatever befell workers and database, by what the vendors saw."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Any, Final

from attrs import define

from batchhub import ItemResult, ItemState
from support.cluster.audit import Held
from support.cluster.street import BURST, Asked, Shop
from support.truth import check_truth

UNDER_WAY_S: Final = 5.0
"""
Seconds that a request may take from who sends it to the vendor's journal.

Hardly a millisecond, but this machine may be busy; a request that was sent rightly may come after
the lane has gone to another process. Whoever drives a lane that is another's asks for longer.
"""

LATE_S: Final = 0.5
"""Seconds after which a request that was under way is counted as late."""


@define
class Figures:
    """
    What came of everything that was handed over.

    Attributes:
        jobs: Jobs.
        items: Their items.
        requests: What the vendors were asked.
        submits: Those of them that hand a batch over.
        repeated: Batches that came twice, and were known by their key.
        unknown: Items of which nobody can tell.
        late: Requests that came when their process had not had the lane any more for a moment.
        taken_over: How often a lane went to another process.
    """

    jobs: int = 0
    items: int = 0
    requests: int = 0
    submits: int = 0
    repeated: int = 0
    unknown: int = 0
    late: int = 0
    taken_over: int = 0


def check_results(
    shops: Mapping[str, Shop], results: Mapping[str, Sequence[Sequence[ItemResult]]]
) -> Figures:
    """
    Check that each item has one result, which is true, and none ran twice.

    Args:
        shops: The shops.
        results: The results of the jobs of each shop, by job.
    """
    figures = Figures()
    for name, shop in shops.items():
        executions = [each.to_json() for each in shop.sandbox.executions]
        ran = Counter(each["item_id"] for each in executions if each["status"] < 500)
        twice = [item for item, times in ran.items() if times > 1]
        assert not twice, f"{name}: had their effect twice: {twice[:5]} of {len(twice)}"
        said = [{"id": one.id, "state": one.state.value} for job in results[name] for one in job]
        ids = Counter(str(one["id"]) for one in said)
        assert ids == Counter(shop.given.keys()), f"{name}: not one result for each item"
        check_truth({item: shop.given[item] for item in ids}, said, executions)
        states = Counter(str(one["state"]) for one in said)
        figures.unknown += states[ItemState.UNKNOWN.value]
        allowed = {ItemState.SUCCEEDED.value, ItemState.UNKNOWN.value}
        if shop.deduplicates:
            allowed = {ItemState.SUCCEEDED.value}
        assert states.keys() <= allowed, f"{name}: {states}"
        figures.jobs += len(results[name])
        figures.items += len(said)
    return figures


def check_keys(asked: Iterable[Asked], figures: Figures) -> None:
    """Check that nothing was sent a second time unless under the key of the first time."""
    sent: defaultdict[tuple[str, bytes], list[Asked]] = defaultdict(list)
    for each in asked:
        figures.requests += 1
        if each.is_submit:
            sent[each.shop, each.body].append(each)
    for (name, _), times in sent.items():
        figures.submits += len(times)
        figures.repeated += len(times) - 1
        keys = {each.key for each in times}
        assert len(keys) == 1, f"{name}: the same batch under {keys}"
        assert None not in keys or len(times) == 1, f"{name}: sent twice without a key: {times}"
    by_key = Counter((name, each.key) for (name, _), times in sent.items() for each in times[:1])
    for (name, key), bodies in by_key.items():
        assert key is None or bodies == 1, f"{name}: {bodies} batches under {key}"


def check_owners(
    lanes: Mapping[str, str],
    holds: Mapping[str, Sequence[Held]],
    asked: Sequence[Asked],
    figures: Figures,
    *,
    stood_still: Collection[int] = (),
) -> None:
    """
    Check that only who had a lane has asked, and only while it had it.

    Args:
        lanes: The lane of each shop, by the shop's name.
        holds: Who had which lane.
        asked: The requests.
        figures: Where the late requests are counted.
        stood_still: Processes that did so and then went on: nobody can keep them from one more
            question, but from sending a batch again that was not under way.
    """
    for lane in lanes.values():
        held = holds.get(lane, [])
        pids = [hold.pid for hold in held]
        figures.taken_over += sum(one != other for one, other in pairwise(pids))
    for each in asked:
        held = holds.get(lanes[each.shop], [])
        overdue_s = _find_overdue(held, each)
        assert overdue_s < UNDER_WAY_S or (each.pid in stood_still and overdue_s < inf), (
            f"process {each.pid} asked {each.shop} at {each.at:.3f} without having its lane:"
            f" {[h for h in held if abs(h.since - each.at) < 30]}"
        )
        figures.late += overdue_s > LATE_S


def _find_overdue(held: Sequence[Held], each: Asked) -> float:
    """Return how long before it asked a process had lost the lane; infinite if it never had it."""
    at = bisect_right(held, each.at, key=lambda hold: hold.since)
    ends = (hold.until for hold in reversed(held[:at]) if hold.pid == each.pid)
    until = next(ends, -inf)
    return 0.0 if until is None else max(0.0, each.at - until)


def check_budgets(asked: Iterable[Asked], rate: float, *, late_s: float) -> None:
    """
    Check that no shop was asked more often than its budget allows, whoever asked.

    Args:
        asked: The requests.
        rate: How many a minute.
        late_s: Seconds by which one may have come later than it was sent.
    """
    most = BURST + rate / 60 * late_s
    left: defaultdict[str, float] = defaultdict(lambda: most)
    last: dict[str, float] = {}
    for each in sorted(asked, key=lambda each: each.at):
        passed_s = each.at - last.get(each.shop, each.at)
        last[each.shop] = each.at
        left[each.shop] = min(most, left[each.shop] + passed_s * rate / 60) - 1
        assert left[each.shop] >= 0, f"{each.shop} was asked too often at {each.at:.3f}"


def find_take_overs(
    lanes: Mapping[str, str],
    holds: Mapping[str, Sequence[Held]],
    asked: Sequence[Asked],
    ends: Iterable[tuple[int, float]],
) -> list[float]:
    """
    Return how long the lanes of processes that ended were asked by nobody.

    Args:
        lanes: The lane of each shop.
        holds: Who had which lane.
        asked: The requests.
        ends: The processes, and when they were ended.
    """
    by_shop: defaultdict[str, list[Asked]] = defaultdict(list)
    for each in asked:
        by_shop[each.shop].append(each)
    found: list[float] = []
    for pid, at in ends:
        for shop, lane in lanes.items():
            had = any(
                hold.pid == pid and hold.since <= at and (hold.until is None or hold.until > at)
                for hold in holds.get(lane, [])
            )
            after = (each.at - at for each in by_shop[shop] if each.pid != pid and each.at > at)
            first = next(after, None)
            if had and first is not None:
                found.append(first)
    return found


def show_times(times: Sequence[float]) -> str:
    """Write the median, the 95th percentile and the longest of some seconds."""
    if not times:
        return "none"
    ordered = sorted(times)
    marks: dict[str, Any] = {
        "p50": ordered[len(ordered) // 2],
        "p95": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
        "max": ordered[-1],
    }
    return " ".join(f"{name}={value:.1f}s" for name, value in marks.items())

"""The metrics that are made anew for each scrape: what a hub counts and is at that moment."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Final

from prometheus_client.core import HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from batchhub._base.measures import (
    LATENESS_S,
    NO_ANSWER,
    OTHER_STATUS,
    AdapterMeasures,
    Histogram,
)
from batchhub._engine.open_hub import OpenHub

from . import families as f
from .facts import Facts
from .labels import Roster
from .making import base_name, make, make_plain
from .sample import Sample
from .sampler import Sampler

_BOUNDS: Final = (*map(str, LATENESS_S), "+Inf")
_TellFacts = Callable[[], Facts | None]


class HubCollector(Collector):
    """
    Makes the metrics of an open hub. It reads memory only, whatever the store is doing.

    What is the same until the next look at the store is `SampleCollector`'s; and the budgets, of
    which there are hundreds, are `BudgetLines`'.

    Args:
        opened: The open hub.
        sampler: What is known of the store.
        facts: Returns what is known of whoever runs it; `None` where nobody tells.
    """

    def __init__(self, opened: OpenHub, sampler: Sampler, facts: _TellFacts) -> None:
        self._opened = opened
        self._sampler = sampler
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        opened, roster = self._opened, self._sampler.roster
        for name in [*opened.measures.adapters]:  # which may have been used since the last look
            roster.adapter(name)
        yield InfoMetricFamily(base_name(f.BUILD), f.BUILD.says, {"version": version("batchhub")})
        yield from self._own(roster)
        yield from _of_measures(opened.measures.adapters, roster)
        yield from self._of_lanes(roster)
        yield from self._of_store(roster)

    def _own(self, roster: Roster) -> Iterator[Metric]:
        facts = self._facts()
        if facts is not None:
            is_driving = facts.driving_since is not None and not facts.is_stopping
            yield make_plain(f.DRIVING, float(is_driving))
            yield make_plain(f.DRIVING_SINCE, _unix(facts.driving_since))
            if facts.settings_read_at is not None:
                yield make_plain(f.SETTINGS_OK, float(facts.settings_error is None))
                yield make_plain(f.SETTINGS_AT, _unix(facts.settings_read_at))
        yield make(f.ACCOUNTS, Counter(each.adapter for each in roster.members))

    def _of_lanes(self, roster: Roster) -> Iterator[Metric]:
        """Yield what is known of the lanes at this moment."""
        opened, made = self._opened, self._opened.lanes.made
        driven = Counter(roster.adapter(lane.adapter.name) for lane in opened.driver.owned)
        paused, cooled = Counter[str](), Counter[str]()
        for lane in made.values():
            adapter = roster.adapter(lane.adapter.name)
            paused[adapter] += lane.error is not None
            cooled[adapter] += lane.cooling_until is not None
        cooled.update(_cooled_elsewhere(self._sampler.sample, opened, roster))
        for family, numbers in (
            (f.LANES_DRIVEN, driven),
            (f.LANES_COOLED, cooled),
            (f.LANES_PAUSED, paused),
        ):
            yield make(family, {name: numbers[name] for name in roster.adapters})
        shards = opened.shards
        yield make_plain(f.SHARDS_OWNED, 0 if shards is None else shards.owned)
        yield make_plain(f.LANES_LEFT, 0 if shards is None else len(shards.not_drivable))

    def budgets(self) -> dict[tuple[str, str], int]:
        """Return the requests that each account may send at once, by the values of its labels."""
        made = self._opened.lanes.made
        left: dict[tuple[str, str], int] = {}
        for member in self._sampler.roster.members:
            if (known := made.get(member.lane)) is not None:
                requests = known.adapter.transport.budget_left
                key = member.adapter, member.account
                left[key] = min(left.get(key, requests), requests)
        return left

    def _of_store(self, roster: Roster) -> Iterator[Metric]:
        """Yield what was found in the store when it was last read, and how it does."""
        sampler, counted = self._sampler, self._opened.measures.store
        yield make_plain(f.COMMITS, counted.commits)
        yield make_plain(f.COMMIT_FAILURES, counted.failures)
        yield make_plain(f.STORE_READABLE, float(sampler.error is None))
        yield make_plain(f.STORE_WRITABLE, float(sampler.write_error is None))
        path = self._opened.store.path
        if path is not None and (free := _find_free(str(path.parent))) is not None:
            yield make_plain(f.STORE_FREE, free)
        sample = sampler.sample
        if sample is None:
            return
        clock = self._opened.clock
        yield make_plain(f.SAMPLE_AGE, max(0.0, clock.monotonic() - sample.taken_s))
        oldest = dict.fromkeys(roster.adapters, 0.0)
        for group in sample.figures.groups:
            if group.oldest_at is not None:
                name = roster.adapter(group.adapter)
                oldest[name] = max(oldest[name], _seconds(group.oldest_at, clock.now()))
        yield make(f.OLDEST_OPEN, oldest)
        idle = sample.oldest_undriven
        idle_s = 0.0 if idle is None else _seconds(idle.idle_since, clock.now())
        yield make_plain(f.OLDEST_UNOWNED, idle_s)


def _of_measures(measures: Mapping[str, AdapterMeasures], roster: Roster) -> Iterator[Metric]:
    """Yield what the process has counted since its hub was opened."""
    # Zeros from the start: a counter that appears with its first event has no rate for that one.
    counted = {name: AdapterMeasures() for name in roster.adapters}
    counted |= {roster.adapter(name): found for name, found in measures.items()}
    for family, number in (
        (f.TICKETS_SENT, "sent"),
        (f.TICKETS_ACCEPTED, "accepted"),
        (f.TICKETS_REFUSED, "refused"),
        (f.TICKETS_UNCONFIRMED, "unconfirmed"),
        (f.POLLS, "polls"),
    ):
        yield make(family, {name: getattr(found, number) for name, found in counted.items()})
    for family, numbers in ((f.ITEMS, "items"), (f.JOBS_ENDED, "jobs")):
        yield make(
            family,
            {
                (name, word): number
                for name, found in counted.items()
                for word, number in getattr(found, numbers).items()
            },
        )
    yield make(
        f.REQUESTS,
        {
            (name, _status(status)): number
            for name, found in counted.items()
            for status, number in enumerate(found.requests)
            if number
        },
    )
    lateness = HistogramMetricFamily(f.LATENESS.name, f.LATENESS.says, labels=f.LATENESS.labels)
    for name, found in counted.items():
        lateness.add_metric((name,), _buckets(found.lateness), found.lateness.sum_s)
    yield lateness


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Return the counts up to each bound, as Prometheus wants them."""
    total, found = 0, list[tuple[str, float]]()
    for bound, number in zip(_BOUNDS, histogram.counts, strict=True):
        total += number
        found.append((bound, total))
    return found


def _status(status: int) -> str:
    if status == NO_ANSWER:
        return "none"
    return "other" if status == OTHER_STATUS else str(status)


def _cooled_elsewhere(sample: Sample | None, opened: OpenHub, roster: Roster) -> Iterator[str]:
    """Yield the adapters of lanes of other processes that are silent, as the store has it."""
    if sample is None:
        return
    now, seen = opened.clock.now(), {*opened.lanes.made}
    for group in sample.figures.groups:
        sign = sample.figures.lanes.get(group.lane)
        if group.lane in seen or sign is None or sign.cooled_until is None:
            continue
        seen.add(group.lane)
        if sign.cooled_until > now:
            yield roster.adapter(group.adapter)


def _unix(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()


def _seconds(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())


def _find_free(folder: str) -> int | None:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize

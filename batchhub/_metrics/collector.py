"""The metrics of a hub, made anew for each scrape of what is known at that moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from batchhub._adapter.account import Account
from batchhub._base.measures import (
    LATENESS_S,
    NO_ANSWER,
    OTHER_STATUS,
    AdapterMeasures,
    Histogram,
    StoreMeasures,
)
from batchhub._engine.open_hub import OpenHub
from batchhub.models import BatchState

from . import families as f
from .facts import Facts
from .families import Family, Kind
from .labels import AccountLabels, label
from .sample import Sample
from .sampler import Sampler

_OPEN_STATES: Final = tuple(state.value for state in BatchState if not state.is_terminal)
_BOUNDS: Final = (*map(str, LATENESS_S), "+Inf")
_Labels = tuple[str, ...]
_Accounts = Callable[[], Mapping[str, Account]]
_TellFacts = Callable[[], Facts | None]


class HubCollector(Collector):
    """
    Makes the metrics of an open hub. It reads memory only, whatever the store is doing.

    Args:
        opened: The open hub.
        sampler: What is known of the store.
        accounts: Returns the accounts of the hub, by name.
        facts: Returns what is known of whoever runs it; `None` where nobody tells.
    """

    def __init__(
        self,
        opened: OpenHub,
        sampler: Sampler,
        *,
        accounts: _Accounts,
        facts: _TellFacts,
    ) -> None:
        self._opened = opened
        self._sampler = sampler
        self._accounts = accounts
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        accounts = self._accounts()
        adapters = _adapters_of(accounts.values(), self._opened, self._sampler.sample)
        yield InfoMetricFamily(_base(f.BUILD), f.BUILD.says, {"version": version("batchhub")})
        yield from self._own(accounts)
        yield from _of_measures(self._opened.measures.adapters, adapters)
        labels = _labels_of(accounts, self._sampler.sample)
        yield from self._of_lanes(accounts, adapters, labels)
        yield from self._of_store(adapters, labels)

    def _own(self, accounts: Mapping[str, Account]) -> Iterator[Metric]:
        facts = self._facts()
        if facts is not None:
            is_driving = facts.driving_since is not None and not facts.is_stopping
            yield _plain(f.DRIVING, float(is_driving))
            yield _plain(f.DRIVING_SINCE, _unix(facts.driving_since))
            if facts.settings_read_at is not None:
                yield _plain(f.SETTINGS_OK, float(facts.settings_error is None))
                yield _plain(f.SETTINGS_AT, _unix(facts.settings_read_at))
        yield _counted(f.ACCOUNTS, (account.adapter for account in accounts.values()))

    def _of_lanes(
        self, accounts: Mapping[str, Account], adapters: Collection[str], labels: AccountLabels
    ) -> Iterator[Metric]:
        """Yield what is known of the lanes at this moment."""
        opened = self._opened
        driven, paused = dict.fromkeys(adapters, 0), dict.fromkeys(adapters, 0)
        cooled = dict.fromkeys(adapters, 0)
        for name, lane in opened.lanes.made.items():
            adapter = label(lane.adapter.name)
            driven[adapter] += opened.driver.owns(name)
            paused[adapter] += lane.error is not None
            cooled[adapter] += lane.cooling_until is not None
        for name, adapter in _cooled_elsewhere(self._sampler.sample, opened):
            cooled[adapter] = cooled.get(adapter, 0) + (name not in opened.lanes.made)
        left: dict[_Labels, float] = {}
        for name, account in accounts.items():
            known = opened.lanes.made.get(account.lane)
            if known is not None:
                key, requests = (
                    (label(account.adapter), labels.of(name)),
                    known.adapter.transport.budget_left,
                )
                left[key] = min(left.get(key, requests), requests)
        yield _family(f.BUDGET_LEFT, left)
        for family, numbers in (
            (f.LANES_DRIVEN, driven),
            (f.LANES_COOLED, cooled),
            (f.LANES_PAUSED, paused),
        ):
            yield _family(family, _by_adapter(numbers))

    def _of_store(self, adapters: Collection[str], labels: AccountLabels) -> Iterator[Metric]:
        """Yield what was found in the store when it was last read, and how it does."""
        sampler, counted = self._sampler, self._opened.measures.store
        yield from _of_commits(counted)
        yield _plain(f.STORE_READABLE, float(sampler.error is None))
        yield _plain(f.STORE_WRITABLE, float(sampler.write_error is None))
        path = self._opened.store.path
        if path is not None and (free := _find_free(str(path.parent))) is not None:
            yield _plain(f.STORE_FREE, free)
        sample = sampler.sample
        if sample is None:
            return
        clock = self._opened.clock
        yield _plain(f.SAMPLE_AGE, max(0.0, clock.monotonic() - sample.taken_s))
        yield _plain(f.SAMPLE_TOOK, sample.took_s)
        if sample.figures.size_bytes is not None:
            yield _plain(f.STORE_SIZE, sample.figures.size_bytes)
        firing = {(name,): float(n) for name, n in sample.figures.firing.items()}
        yield _family(f.ALERTS, firing)
        yield from _of_jobs(sample, adapters, clock.now())
        yield _of_accounts(sample, labels)


def _of_measures(
    measures: Mapping[str, AdapterMeasures], adapters: Collection[str]
) -> Iterator[Metric]:
    """Yield what the process has counted since its hub was opened."""
    # Zeros from the start: a counter that appears with its first event has no rate for that one.
    counted = {name: AdapterMeasures() for name in adapters}
    counted |= {label(name): found for name, found in measures.items()}
    for family, number in (
        (f.TICKETS_SENT, "sent"),
        (f.TICKETS_ACCEPTED, "accepted"),
        (f.TICKETS_REFUSED, "refused"),
        (f.TICKETS_UNCONFIRMED, "unconfirmed"),
        (f.POLLS, "polls"),
    ):
        yield _family(family, {(n,): getattr(found, number) for n, found in counted.items()})
    for family, numbers in ((f.ITEMS, "items"), (f.JOBS_ENDED, "jobs")):
        yield _family(
            family,
            {
                (name, word): number
                for name, found in counted.items()
                for word, number in getattr(found, numbers).items()
            },
        )
    yield _family(
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


def _of_commits(counted: StoreMeasures) -> Iterator[Metric]:
    yield _family(f.COMMITS, {(): counted.commits})
    yield _family(f.COMMIT_FAILURES, {(): counted.failures})


def _of_jobs(sample: Sample, adapters: Collection[str], now: datetime) -> Iterator[Metric]:
    jobs = {(name, state): 0 for name in adapters for state in _OPEN_STATES}
    held, oldest = dict.fromkeys(adapters, 0), dict.fromkeys(adapters, 0.0)
    for group in sample.figures.groups:
        name = label(group.adapter)
        key = name, group.state
        if key in jobs:  # a state that there is not, in a row that was damaged
            jobs[key] += group.number
        held[name] += group.unconfirmed
        if group.oldest_at is not None:
            oldest[name] = max(oldest[name], _seconds(group.oldest_at, now))
    yield _family(f.JOBS, jobs)
    yield _family(f.TICKETS_HELD, _by_adapter(held))
    yield _family(f.OLDEST_OPEN, _by_adapter(oldest))
    for family, found in (
        (f.JOBS_UNDRIVEN, sample.undriven),
        (f.TICKETS_STALLED, sample.figures.stalled),
    ):
        numbers = dict.fromkeys(adapters, 0)
        for name, number in found.items():
            numbers[label(name)] += number
        yield _family(family, _by_adapter(numbers))


def _of_accounts(sample: Sample, labels: AccountLabels) -> Metric:
    jobs: dict[_Labels, float] = {}
    for group in sample.figures.groups:
        key = label(group.adapter), labels.of(group.account)
        jobs[key] = jobs.get(key, 0) + group.number
    return _family(f.ACCOUNT_JOBS, jobs)


def _cooled_elsewhere(sample: Sample | None, opened: OpenHub) -> Iterator[tuple[str, str]]:
    """Yield the lanes with open jobs that are silent by the store, each with its adapter."""
    if sample is None:
        return
    now, seen = opened.clock.now(), set[str]()
    for group in sample.figures.groups:
        sign = sample.figures.lanes.get(group.lane)
        if group.lane in seen or sign is None or sign.cooled_until is None:
            continue
        seen.add(group.lane)
        if sign.cooled_until > now:
            yield group.lane, label(group.adapter)


def _adapters_of(
    accounts: Iterable[Account], opened: OpenHub, sample: Sample | None
) -> dict[str, None]:
    """Return the labels of all adapters that figures are about, in the order of names."""
    names = {account.adapter for account in accounts}
    names.update(lane.adapter.name for lane in opened.lanes.made.values())
    names.update(opened.measures.adapters)
    if sample is not None:
        names.update(group.adapter for group in sample.figures.groups)
        names.update(sample.figures.stalled)
    return dict.fromkeys(sorted(map(label, names)))


def _labels_of(accounts: Iterable[str], sample: Sample | None) -> AccountLabels:
    in_store = () if sample is None else (group.account for group in sample.figures.groups)
    return AccountLabels({*accounts, *in_store})


def _counted(family: Family, names: Iterable[str]) -> Metric:
    numbers: dict[str, float] = {}
    for name in map(label, names):
        numbers[name] = numbers.get(name, 0) + 1
    return _family(family, _by_adapter(numbers))


def _by_adapter(numbers: Mapping[str, float]) -> dict[_Labels, float]:
    return {(name,): number for name, number in numbers.items()}


def _family(family: Family, numbers: Mapping[Any, float]) -> Metric:
    make = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    made = make(_base(family), family.says, labels=family.labels)
    for labels, number in numbers.items():
        made.add_metric(labels, number)
    return made


def _plain(family: Family, number: float) -> Metric:
    return _family(family, {(): number})


def _base(family: Family) -> str:
    """Return a name without the ending that the library adds."""
    return family.name.removesuffix("_total").removesuffix("_info")


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

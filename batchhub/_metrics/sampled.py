"""The metrics that a sample of the store gives, which are the same until the next one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from batchhub.models import BatchState

from . import families as f
from .labels import Roster
from .making import make, make_plain
from .sample import Sample

_OPEN_STATES: Final = tuple(state.value for state in BatchState if not state.is_terminal)


class SampleCollector(Collector):
    """
    Makes the metrics of a sample.

    Args:
        sample: The sample; `None` before there is one.
        roster: What figures call accounts and adapters.
    """

    def __init__(self, sample: Sample | None, roster: Roster) -> None:
        self._sample = sample
        self._roster = roster

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        sample = self._sample
        if sample is None:
            return
        yield make_plain(f.SAMPLE_TOOK, sample.took_s)
        if sample.figures.size_bytes is not None:
            yield make_plain(f.STORE_SIZE, sample.figures.size_bytes)
        yield make_plain(f.UNOWNED_LANES, sample.undriven_lanes)
        yield make_plain(f.WORKERS, len(sample.workers))
        yield make(f.ALERTS, sample.figures.firing)
        yield from self._of_jobs(sample)

    def _of_jobs(self, sample: Sample) -> Iterator[Metric]:
        roster = self._roster
        adapters = roster.adapters
        jobs = {(name, state): 0 for name in adapters for state in _OPEN_STATES}
        held, by_account = dict.fromkeys(adapters, 0), dict[tuple[str, str], int]()
        for group in sample.figures.groups:
            name = roster.adapter(group.adapter)
            if (name, group.state) in jobs:  # else a state that there is not, in a damaged row
                jobs[name, group.state] += group.number
            held[name] += group.unconfirmed
            key = name, roster.account(group.account)
            by_account[key] = by_account.get(key, 0) + group.number
        yield make(f.JOBS, jobs)
        yield make(f.ACCOUNT_JOBS, by_account)
        yield make(f.TICKETS_HELD, held)
        for family, found in (
            (f.JOBS_UNDRIVEN, sample.undriven),
            (f.TICKETS_STALLED, sample.figures.stalled),
        ):
            numbers = dict.fromkeys(adapters, 0)
            for adapter, number in found.items():
                numbers[roster.adapter(adapter)] += number
            yield make(family, numbers)

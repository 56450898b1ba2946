"""Metrics as the library takes them, made of numbers by the values of their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from .families import Family, Kind


def make(family: Family, numbers: Mapping[Any, float]) -> Metric:
    """Make a metric of numbers by the values of its labels, or by the value of its only label."""
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    made = kind(base_name(family), family.says, labels=family.labels)
    for labels, number in numbers.items():
        made.add_metric((labels,) if isinstance(labels, str) else labels, number)
    return made


def make_plain(family: Family, number: float) -> Metric:
    """Make a metric without labels."""
    return make(family, {(): number})


def base_name(family: Family) -> str:
    """Return a name without the ending that the library adds."""
    return family.name.removesuffix("_total").removesuffix("_info")

"""The lines of the budgets: of hundreds of accounts, and others with each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from . import families as f
from .making import make

Budgets = Mapping[tuple[str, str], int]
"""How many requests may go, by the values of the labels."""

Encode = Callable[[Collector], bytes]


class BudgetLines:
    """
    Writes budgets down as the library does, in a tenth of the time.

    Each line is written by the library once; after that only the number at its end is another one.

    Args:
        encode: Writes metrics down.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._labels: list[tuple[str, str]] | None = None
        self._heads: list[str] = []
        self._lines: list[str] = []

    def write(self, budgets: Budgets) -> bytes:
        """Write down how many requests may go."""
        if self._labels is None or self._labels != [*budgets]:
            self._learn(budgets)
        numbers = budgets.values()
        lines = (f"{line}{n}" for line, n in zip(self._lines, numbers, strict=True))
        return ("\n".join([*self._heads, *lines]) + "\n").encode()

    def _learn(self, budgets: Budgets) -> None:
        text = self._encode(_Budgets(dict.fromkeys(budgets, 0))).decode()
        lines = [line for line in text.split("\n") if line and line != "# EOF"]
        self._heads = [line for line in lines if line.startswith("#")]
        # In the order in which they were given.
        self._lines = [line.rpartition(" ")[0] + " " for line in lines[len(self._heads) :]]
        self._labels = [*budgets]


class _Budgets(Collector):
    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets

    def collect(self) -> Iterator[Metric]:
        """Yield the one metric."""
        yield make(f.BUDGET_LEFT, self._budgets)

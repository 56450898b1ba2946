"""
Counts of what an open hub does, raised where it happens and read by whoever shows them.

Plain numbers, since they are on the way of every poll: an increment costs some 30 ns. They only
grow, for as long as the hub is open, and how many there are does not depend on what vendors say.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

NO_ANSWER: Final = 0
"""Where requests are counted that got no answer."""

OTHER_STATUS: Final = 600
"""Where answers are counted whose status is no HTTP status."""

_STATUSES: Final = range(100, OTHER_STATUS)

LATENESS_S: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""The upper ends in seconds of the buckets in which late polls are counted."""


class Histogram:
    """
    Counts durations by buckets that never change.

    Attributes:
        counts: How many were in each bucket of `LATENESS_S`, and last those that took longer.
        sum_s: What they add up to, in seconds.
    """

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENESS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration; one below zero is none."""
        if seconds <= 0.0:
            self.counts[0] += 1
            return
        self.counts[bisect_left(LATENESS_S, seconds)] += 1
        self.sum_s += seconds


class AdapterMeasures:
    """
    What was done through all accounts of one adapter.

    Attributes:
        requests: How many requests were answered with each HTTP status, at the status' place;
            see `NO_ANSWER` and `OTHER_STATUS`.
        polls: How many times a ticket was asked about.
        lateness: How late after it was due each poll began.
        sent: How many times a ticket was about to be sent, each resend included.
        accepted: How many tickets the vendor took.
        refused: How many it refused for good.
        unconfirmed: How many times nobody could tell whether it had taken one.
        items: How many items ended in each state, by `ItemState` value, once that was stored.
        jobs: How many jobs ended with each outcome, by `Outcome` value.
    """

    __slots__ = (
        "accepted",
        "items",
        "jobs",
        "lateness",
        "polls",
        "refused",
        "requests",
        "sent",
        "unconfirmed",
    )

    def __init__(self) -> None:
        self.requests = [0] * (OTHER_STATUS + 1)
        self.polls = 0
        self.lateness = Histogram()
        self.sent = 0
        self.accepted = 0
        self.refused = 0
        self.unconfirmed = 0
        self.items = {"succeeded": 0, "failed": 0, "not_executed": 0, "unknown": 0}
        self.jobs = {"succeeded": 0, "partial": 0, "failed": 0, "indeterminate": 0}

    def count_request(self, status: int | None) -> None:
        """Count a request by the status of its answer; `None` if it got none."""
        if status is None:
            self.requests[NO_ANSWER] += 1
        else:
            self.requests[status if status in _STATUSES else OTHER_STATUS] += 1


class StoreMeasures:
    """
    What was written to the store.

    Attributes:
        commits: How many transactions were committed.
        failures: How many could not be, for a reason that lies with the store.
        error: Why the last one could not be; `None` if it could, or if there was none.
    """

    __slots__ = ("commits", "error", "failures")

    def __init__(self) -> None:
        self.commits = 0
        self.failures = 0
        self.error: str | None = None

    def note_commit(self) -> None:
        """Count a commit."""
        self.commits += 1
        self.error = None

    def note_failure(self, error: str) -> None:
        """Count a transaction that could not be committed."""
        self.failures += 1
        self.error = error


class Measures:
    """
    All counts of one open hub.

    Attributes:
        store: What was written to the store.

    Args:
        store: The counts of the store's own writes.
    """

    def __init__(self, store: StoreMeasures | None = None) -> None:
        self.store = store or StoreMeasures()
        self._adapters: dict[str, AdapterMeasures] = {}

    def of(self, adapter: str) -> AdapterMeasures:
        """Return the counts of an adapter, made when it is first asked for."""
        return self._adapters.setdefault(adapter, AdapterMeasures())

    @property
    def adapters(self) -> Mapping[str, AdapterMeasures]:
        """The counts of each adapter that was used, by its name."""
        return self._adapters

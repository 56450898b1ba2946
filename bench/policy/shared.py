"""Many batches at once that share one budget of requests: who waits for what."""

from __future__ import annotations

import heapq
from collections import deque

from attrs import frozen

from batchhub.polling import Poll, PollRule

from .alone import LEARNED, LEAST_DELAY_S, make_poll, note_answer
from .workloads import Work

PER_S = 10.0
"""Requests a second, one after another: the bucket holds one token."""


@frozen
class SharedFigures:
    """
    Means over batches and requests.

    Attributes:
        lag_s: Mean seconds from an end to the poll that saw it.
        polls: Mean polls of a batch.
        wait_s: Mean seconds that a request waited for its token, polls and submits.
        submit_wait_s: The wait that 95 of 100 submits had at most, in seconds.
    """

    lag_s: float
    polls: float
    wait_s: float
    submit_wait_s: float


class _Vendor:
    """A vendor, its batches in flight, and the queue for its tokens."""

    def __init__(self, rule: PollRule, works: list[Work], in_flight: int) -> None:
        self._rule = rule
        self._works = works
        self._left = iter(works)
        self._submits = deque(
            (0.0, work) for _, work in zip(range(in_flight), self._left, strict=False)
        )
        self._polls: deque[tuple[float, float, Work, Poll]] = deque()
        self._due: list[tuple[float, int, float, Work, Poll]] = []
        self._number = 0
        self._was_submit = False
        self._is_full = True
        self.now_s = 0.0
        self.ends: list[tuple[float, int]] = []
        self.waits: list[float] = []
        self.submit_waits: list[float] = []

    def run(self) -> None:
        """Give out token after token, until all have ended."""
        token_s = 0.0
        while self._submits or self._polls or self._due:
            if not self._submits and not self._polls:
                token_s = max(token_s, self._due[0][0])
            self.now_s = token_s
            while self._due and self._due[0][0] <= token_s:
                due_s, _, sent_s, work, poll = heapq.heappop(self._due)
                self._polls.append((due_s, sent_s, work, poll))
            # Submits go first, but never twice in a row while a poll waits.
            self._was_submit = bool(self._submits) and not (self._was_submit and self._polls)
            (self._submit if self._was_submit else self._poll)()
            token_s += 1 / PER_S

    def _submit(self) -> None:
        asked_s, work = self._submits.popleft()
        self._note_wait(self.now_s - asked_s, self.submit_waits)
        self._plan(self.now_s, work, make_poll(work))

    def _poll(self) -> None:
        due_s, sent_s, work, poll = self._polls.popleft()
        self._note_wait(self.now_s - due_s)
        if not note_answer(poll, work, self.now_s - sent_s):
            self._plan(sent_s, work, poll)
            return
        self.ends.append((poll.age_s - work.duration_s, poll.polls))
        ended = getattr(self._rule, "ended", None)
        if ended is not None:
            ended(poll)
        following = next(self._left, None)
        if following is None:
            self._is_full = False
        else:
            self._submits.append((self.now_s, following))

    def _plan(self, sent_s: float, work: Work, poll: Poll) -> None:
        self._number += 1
        due_s = self.now_s + max(self._rule.next_delay_s(poll), LEAST_DELAY_S)
        heapq.heappush(self._due, (due_s, self._number, sent_s, work, poll))

    def _note_wait(self, wait_s: float, *others: list[float]) -> None:
        if self._is_full:
            for waits in (self.waits, *others):
                waits.append(wait_s)


def measure_shared(rule: PollRule, works: list[Work], in_flight: int) -> SharedFigures:
    """
    Keep some batches in flight until all have ended.

    What is measured begins when the first batches have ended, and ends when the last was sent.
    """
    vendor = _Vendor(rule, works, in_flight)
    vendor.run()
    skipped = max(LEARNED, in_flight)
    ends = vendor.ends[skipped : len(works) - in_flight]
    share = skipped / len(works)
    waits = vendor.waits[int(share * len(vendor.waits)) :]
    submit_waits = sorted(vendor.submit_waits[skipped:])
    return SharedFigures(
        sum(lag for lag, _ in ends) / len(ends),
        sum(polls for _, polls in ends) / len(ends),
        sum(waits) / len(waits),
        submit_waits[int(0.95 * len(submit_waits))],
    )

"""One batch after another under a rule: how many polls each needs, and how late its end is seen."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from batchhub.polling import Poll, PollRule

from .workloads import Work

LEAST_DELAY_S = 0.1
LEARNED = 500
"""Batches at the beginning that are left out, for every rule: those that learn do so from them."""


@frozen
class Figures:
    """Means over batches: polls, and seconds of lag."""

    polls: float
    lag_s: float

    def cost(self, price_s: float) -> float:
        """Return what a batch costs, in seconds."""
        return self.polls * price_s + self.lag_s


def make_poll(work: Work, least_s: float = 0.0) -> Poll:
    """Make what a rule sees of a batch that was just sent."""
    return Poll(
        adapter="acme",
        account="shop",
        operation="batch",
        items=int(work.total) or 100,
        usual_s=5.0,
        least_s=least_s,
    )


def note_answer(poll: Poll, work: Work, age_s: float) -> bool:
    """Bring a poll up to date with an answer; return whether the batch has ended."""
    poll.last_age_s, poll.age_s = poll.age_s, age_s
    poll.polls += 1
    if work.total:
        poll.done, poll.total = work.done_at(age_s), work.total
    return age_s >= work.duration_s


def follow(rule: PollRule, work: Work) -> tuple[int, float]:
    """Ask about one batch until its end is seen; return the polls and the lag in seconds."""
    poll = make_poll(work)
    age_s = 0.0
    while True:
        age_s += max(rule.next_delay_s(poll), LEAST_DELAY_S)
        if note_answer(poll, work, age_s):
            break
    ended = getattr(rule, "ended", None)
    if ended is not None:
        ended(poll)
    return poll.polls, age_s - work.duration_s


def measure(rule: PollRule, works: Sequence[Work]) -> Figures:
    """Ask about all, one after another; the first are left out."""
    found = [follow(rule, work) for work in works][LEARNED:]
    return Figures(
        sum(polls for polls, _ in found) / len(found), sum(lag for _, lag in found) / len(found)
    )

"""What a decision of the adaptive rule takes, in microseconds of CPU time."""

from __future__ import annotations

import time

from batchhub.polling import Adaptive, Lessons

from .alone import follow, make_poll
from .workloads import Work, Workload

TICKETS = 4_000
ANSWERS = 5
ROUNDS = 5
LEARNED_FROM = 1_000


def measure_decision(workload: Workload) -> float:
    """Return the microseconds a decision takes after an answer with news: the least of rounds."""
    rule = Adaptive(Lessons(), budget_per_s=10.0)
    for work in workload.works(LEARNED_FROM, seed=2):
        follow(rule, work)
    works = workload.works(TICKETS, seed=3)
    ages = [n / (ANSWERS + 1) for n in range(1, ANSWERS + 1)]
    answers = [
        (work.duration_s * age, work.done_at(work.duration_s * age))
        for work in works
        for age in ages
    ]
    return min(_round(rule, works, answers) for _ in range(ROUNDS)) / len(answers) * 1e6


def _round(rule: Adaptive, works: list[Work], answers: list[tuple[float, float]]) -> float:
    """Give each ticket its answers; return the seconds that took."""
    polls = [make_poll(work) for work in works for _ in range(ANSWERS)]
    for at in range(0, len(polls), ANSWERS):  # the same ticket, as often as there are answers
        polls[at : at + ANSWERS] = [polls[at]] * ANSWERS
        polls[at].total = works[at // ANSWERS].total or None
    started_s = time.process_time()
    for poll, (age_s, done) in zip(polls, answers, strict=True):
        poll.age_s, poll.done = age_s, done
        rule.next_delay_s(poll)
    took_s = time.process_time() - started_s
    for poll in polls:
        rule.left(poll)
    return took_s

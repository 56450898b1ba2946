"""
When each ticket of a lane is asked about next: what its rule says, within the vendor's bounds.

A rule sees only tickets that the vendor has and has not finished, and is asked after each answer.
How long to wait after a request without an answer, for results that are late, and before a batch is
sent again, is no rule's business and is decided here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Final

from batchhub._adapter.capabilities import Capabilities
from batchhub._adapter.exchange import Observation
from batchhub._base.ages import Ages
from batchhub._base.clock import Clock
from batchhub._http.limits import bound_retry_after
from batchhub._store import TicketRecord
from batchhub.errors import AdapterError, BatchHubError
from batchhub.polling import Poll, PollRule

from .guarded import GuardedAdapter
from .guarded_rule import GuardedRule
from .job_state import AT_VENDOR, JobState
from .ticket_notes import Mark

LONGEST_S: Final = 1800.0
"""The most seconds between two polls of a ticket, unless the vendor asks for more: so much may be
right where thousands of tickets share a budget."""

MAX_DELAY_S: Final = 300.0
"""The most to which an interval grows in trouble: after polls that fail, or of a ticket that has
stalled or is overdue."""

SLOW_FACTOR: Final = 6.0
"""How much rarer a ticket is asked about that has stalled, or whose job is overdue."""

LEAST_DELAY_S: Final = 0.1
"""The fewest seconds that a rule may wait, unless the adapter itself asks more often: at a vendor
that names no interval nothing else would bind a rule of a millisecond."""

SPREAD: Final = 0.05
"""The share by which a delay varies at random: tickets sent together don't stay together."""

_RETRY_S: Final = 1.0
"""Seconds that double with each failed request of a ticket that is sent or fetched."""

_AGE_SHARE: Final = 0.5
"""Results that are late are asked for again after this share of the time since the end."""

LOOKS_WHILE_KEPT: Final = 6
"""How many times a ticket is looked at while the vendor keeps its results: they may be kept from
any moment on."""

_FAULT_S: Final = 30.0
"""The most seconds from a fault of the adapter to the next try: waiting helps no adapter, and its
user is to learn of it within minutes."""

_MOST_DOUBLINGS: Final = 10


class PollTimes:
    """
    Says when the tickets of one lane are asked about, and keeps what their rule sees of them.

    Attributes:
        rule: The account's rule.

    Args:
        rule: The account's rule.
        adapter: Speaks to the vendor.
        ages: How old tickets are that an earlier process has sent.
        clock: Where time comes from.
        rng: Spreads what would come at once.
    """

    def __init__(
        self,
        rule: PollRule,
        *,
        adapter: GuardedAdapter,
        ages: Ages,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.rule = rule
        self._rule = GuardedRule(rule, adapter.account.lane, adapter.transport.redact)
        self._adapter = adapter
        self._ages = ages
        self._clock = clock
        self._rng = rng

    # What a rule sees of a ticket.

    def begin(self, job: JobState, ticket: TicketRecord, at_work_s: float = 0.0) -> None:
        """
        Take note that the vendor has just taken a ticket, or has come to it in a row.

        Args:
            job: Its job.
            ticket: The ticket.
            at_work_s: The most seconds for which the vendor may have been at it by now.
        """
        job.notes.begin_polls(ticket.position, self._clock.monotonic(), at_work_s, 0.0)

    def note_answer(self, job: JobState, ticket: TicketRecord) -> None:
        """Take note that a poll of a ticket was answered, before anything is read in the answer."""
        self._take_up(job, ticket)
        job.notes.count_answer(ticket.position, self._clock.monotonic())

    def note_progress(self, job: JobState, seen: TicketRecord, answer: Observation) -> None:
        """
        Take in how far a ticket has come.

        Args:
            job: Its job.
            seen: The ticket, with what the answer says of it. Its progress is sound: nonsense was
                left out, and it never goes back.
            answer: The answer.
        """
        counts = (answer.done, answer.succeeded, answer.failed)
        is_counted = any(count is not None for count in counts)
        if seen.progress is None or not (is_counted or answer.progress is not None):
            return
        self._take_up(job, seen)
        total = float(seen.total if is_counted else 100)
        job.notes.set_done(seen.position, seen.progress * total, total)

    def end(self, job: JobState, position: int) -> None:
        """Tell the rule that an answer says a ticket is finished, and forget what it saw of it."""
        poll = self._take_poll(job, position)
        if poll is None:
            return
        if job.is_cancelled:
            self._rule.left(poll)  # when it ended is the user's doing, and nothing to learn from
        else:
            self._rule.ended(poll)

    def leave(self, job: JobState, position: int) -> None:
        """Tell the rule that a ticket is not asked about any more, and forget what it saw of it."""
        poll = self._take_poll(job, position)
        if poll is not None:
            self._rule.left(poll)

    def leave_all(self, jobs: Iterable[JobState]) -> None:
        """Tell the rule that no ticket of some jobs is asked about any more."""
        for job in jobs:
            for position in job.notes.polled():
                self.leave(job, position)

    # When it is asked about.

    def delay_s(self, job: JobState, position: int, trouble: BatchHubError | None = None) -> float:
        """
        Return the seconds until a ticket's next step.

        Args:
            job: Its job.
            position: The ticket.
            trouble: What went wrong with the last one; `None` if there was an answer.
        """
        capabilities = self._capabilities(job)
        if trouble is None:
            delay_s = self._interval_s(job, job.ticket(position), capabilities)
        else:
            delay_s = self._last_s(job, position)
        delay_s *= 1.0 + SPREAD * (2.0 * self._rng.random() - 1.0)
        delay_s = min(delay_s, LONGEST_S)
        delay_s = _stretch(delay_s, 2.0 ** min(job.notes.failures(position), _MOST_DOUBLINGS))
        if capabilities.results_kept_s is not None:
            delay_s = min(delay_s, capabilities.results_kept_s / LOOKS_WHILE_KEPT)
        if isinstance(trouble, AdapterError):
            delay_s = min(delay_s, _FAULT_S)
        asked_for_s = bound_retry_after(getattr(trouble, "retry_after_s", None)) or 0.0
        return max(delay_s, capabilities.min_poll_s, asked_for_s)

    def spread_s(self, job: JobState, position: int) -> float:
        """Return the seconds until a step of a ticket found at the vendor when driving began."""
        capabilities = self._capabilities(job)
        most_s = self._interval_s(job, job.ticket(position), capabilities)
        return self._rng.random() * min(most_s, capabilities.poll_s)

    def _interval_s(self, job: JobState, ticket: TicketRecord, capabilities: Capabilities) -> float:
        """
        Return the seconds between two looks at a ticket as it is now, without bounds of the moment.

        Asks the rule, if the vendor has the ticket and has not finished it.
        """
        position = ticket.position
        if ticket.state not in AT_VENDOR:
            return max(_RETRY_S, capabilities.min_poll_s)
        if ticket.finished_as is not None:
            since_s = 0.0 if ticket.finished_at is None else self._ages.age_s(ticket.finished_at)
            return max(capabilities.min_poll_s, min(capabilities.poll_s, _AGE_SHARE * since_s))
        self._take_up(job, ticket)
        poll = self._make_poll(job, ticket)
        delay_s = self._rule.next_delay_s(poll)
        job.notes.keep_memory(position, getattr(poll, "memory", None))  # a rule may delete it
        if delay_s is None:
            delay_s = capabilities.poll_s
        if job.notes.has(position, Mark.STALLED) or job.has_finding("overdue"):
            delay_s = _stretch(max(delay_s, capabilities.poll_s), SLOW_FACTOR)
        delay_s = max(_least_s(capabilities), min(delay_s, LONGEST_S))
        if delay_s > MAX_DELAY_S:
            delay_s = max(MAX_DELAY_S, min(delay_s, self._trouble_s(job, position, capabilities)))
        job.notes.set_interval(position, delay_s)
        return delay_s

    def _trouble_s(self, job: JobState, position: int, capabilities: Capabilities) -> float:
        """Return the seconds until a ticket may have stalled or its job is overdue, to be said."""
        seconds = [job.record.deadline_s - self._ages.age_s(job.record.created_at)]
        moved_at_s = job.notes.progressed_at_s(position)
        if moved_at_s is not None:
            seconds.append(moved_at_s + capabilities.stall_s - self._clock.monotonic())
        # A little later: at the very moment it is neither yet.
        return 1.0 + min((each for each in seconds if each > 0), default=math.inf)

    def _last_s(self, job: JobState, position: int) -> float:
        """Return the seconds that double with each failed request of a ticket in a row."""
        is_polled = job.notes.is_polled(position)
        return (job.notes.interval_s(position) if is_polled else None) or _RETRY_S

    def _take_up(self, job: JobState, ticket: TicketRecord) -> None:
        """Begin with a ticket that an earlier process has sent."""
        if not job.notes.is_polled(ticket.position):
            sent_at = ticket.accepted_at
            age_s = 0.0 if sent_at is None else self._ages.age_s(sent_at)
            # Ages are of the monotonic clock from here on: nobody sets that one.
            job.notes.begin_polls(ticket.position, self._clock.monotonic(), age_s, age_s)

    def _make_poll(self, job: JobState, ticket: TicketRecord) -> Poll:
        """Return what the rule sees of a ticket: made when it is asked, and kept as numbers."""
        capabilities, notes, position = self._capabilities(job), job.notes, ticket.position
        age_s, last_age_s = notes.ages_s(position)
        done, total = notes.done(position)
        return Poll(
            adapter=self._adapter.name,
            account=job.account,
            operation=job.operation,
            items=ticket.total,
            usual_s=max(capabilities.poll_s, capabilities.min_poll_s),
            least_s=_least_s(capabilities),
            age_s=age_s,
            last_age_s=last_age_s,
            polls=notes.answers(position),
            done=done,
            total=total,
            memory=notes.memory(position),
        )

    def _take_poll(self, job: JobState, position: int) -> Poll | None:
        """Return what the rule sees of a ticket, and forget it; `None` if it is not polled."""
        if not job.notes.is_polled(position):
            return None
        poll = self._make_poll(job, job.ticket(position))
        job.notes.end_polls(position)
        return poll

    def _capabilities(self, job: JobState) -> Capabilities:
        return self._adapter.capabilities(job.operation, job.options)


def _stretch(delay_s: float, factor: float) -> float:
    """Return a delay so many times as long, but not stretched beyond the bound for trouble."""
    return max(delay_s, min(delay_s * factor, MAX_DELAY_S))


def _least_s(capabilities: Capabilities) -> float:
    return max(capabilities.min_poll_s, min(capabilities.poll_s, LEAST_DELAY_S))

"""
What a vendor's answer means for a ticket.

States go forward only, unknown words are kept and end nothing. At a vendor that
counts its items two signals have to agree before a ticket is completed: the
word, and the counts reaching what was sent. While they don't, the ticket
settles: it is asked again for `Capabilities.count_grace_s`, and then completed
with a finding that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import evolve

from batchhub._adapter.capabilities import Capabilities
from batchhub._adapter.exchange import Observation
from batchhub._store.records import TicketRecord
from batchhub.models import BatchState, Finding

from .foreign import MAX_WORD


def interpret(
    ticket: TicketRecord,
    answer: Observation,
    *,
    words: Mapping[str, BatchState],
    capabilities: Capabilities,
    now: datetime,
    settled_s: float = 0.0,
) -> TicketRecord:
    """
    Return a ticket with what an answer says of it; the same object if that is nothing new.

    A ticket that is finished at the vendor stays IN_PROGRESS, with `finished_as` and
    `finished_at`: it becomes terminal only together with its results.

    Args:
        ticket: The ticket before the answer.
        answer: What the adapter read.
        words: What the vendor's words mean; keys case-folded.
        capabilities: Whether the vendor counts its items, and how long it may take.
        now: When the answer came.
        settled_s: Seconds since `ticket.settling_since`.
    """
    findings = list(answer.findings)
    said = answer.state or _read_words(answer.words, words, findings)
    counted = _count(answer, ticket.total, findings)
    state, settling = said, None
    if capabilities.counts_items:
        # Some vendors say finished before their counts are final, others count first.
        is_over = ticket.settling_since is not None and settled_s >= capabilities.count_grace_s
        state, note = _weigh(said, is_complete=counted == ticket.total, is_over=is_over)
        if state is None and note is not None:
            settling = ticket.settling_since or now
        elif note is not None:
            findings.append(_completed(note, counted, ticket.total))
    # Answers may come out of order, from a cache or another node: they never move a ticket back.
    if state is None or not ticket.state.may_become(state):
        state = ticket.state
    seen = ticket.with_figures(
        vendor_state=_join_words(answer.words),
        vendor=answer.vendor,
        progress=_advance(ticket, answer, counted),
    )
    is_final = state.is_terminal
    message = seen.message if answer.message is None else answer.message[:MAX_WORD]
    moved = (state, None, settling, message)
    if is_final or moved != (seen.state, seen.finished_as, seen.settling_since, seen.message):
        seen = evolve(
            seen,
            state=BatchState.IN_PROGRESS if is_final else state,
            finished_as=state if is_final else None,
            finished_at=now if is_final else None,
            settling_since=settling,
            message=message,
        )
    return seen.with_findings(findings) if findings else seen


def _join_words(said: Sequence[str | None]) -> str | None:
    if len(said) == 1:
        return None if said[0] is None else said[0][:MAX_WORD] or None
    words = dict.fromkeys(word for word in said if word is not None)
    return ", ".join(words)[:MAX_WORD] or None


def _read_words(
    said: Sequence[str | None], words: Mapping[str, BatchState], findings: list[Finding]
) -> BatchState | None:
    """Fold the words of a ticket's refs into one state; `None` if no word is understood."""
    if len(said) == 1 and (word := said[0]) is not None:
        state = words.get(word.strip().casefold())
        if state is not None:  # as nearly always
            return (
                state if state.is_terminal or state is BatchState.QUEUED else BatchState.IN_PROGRESS
            )
    states = [None if word is None else words.get(word.strip().casefold()) for word in said]
    unknown = [w for w, state in zip(said, states, strict=True) if w is not None and state is None]
    if unknown:
        findings.append(
            Finding(
                code="unknown_word",
                message="words for a state that nobody documented; they end nothing",
                count=len(unknown),
                examples=tuple(word[:100] for word in unknown),
            )
        )
    # An unknown word may mean that its part still runs, so only known words end a ticket.
    if states and all(state is not None and state.is_terminal for state in states):
        order = (BatchState.COMPLETED, BatchState.LOST, BatchState.FAILED, BatchState.CANCELLED)
        return next(state for state in order if state in states)
    if all(state is None for state in states):
        return None
    if set(states) <= {BatchState.QUEUED, None}:
        return BatchState.QUEUED
    return BatchState.IN_PROGRESS


def _weigh(
    said: BatchState | None, *, is_complete: bool, is_over: bool
) -> tuple[BatchState | None, str | None]:
    """
    Weigh word against counts.

    Returns:
        The state, `None` to leave it as it is; and a note if the two disagree.
    """
    if said is not None and said.is_terminal and said is not BatchState.COMPLETED:
        return said, None
    if said is BatchState.COMPLETED:
        if is_complete:
            return said, None
        return (said if is_over else None), "counts_short"
    if not is_complete:
        return said, None
    if said is None or is_over:
        return BatchState.COMPLETED, "completed_by_counts"
    return None, "completed_by_counts"


def _completed(code: str, counted: int | None, total: int) -> Finding:
    figure = "nothing" if counted is None else str(counted)
    message = {
        "counts_short": f"called finished, with {figure} counted of {total} items sent",
        "completed_by_counts": f"all {total} items are counted, and the word does not say finished",
    }[code]
    return Finding(code=code, message=message)


def _count(answer: Observation, total: int, findings: list[Finding]) -> int | None:
    """Return how many items the vendor counts as done; `None` if it counts none, or nonsense."""
    counted = answer.done
    if answer.succeeded is not None or answer.failed is not None:
        counted = (answer.succeeded or 0) + (answer.failed or 0)
    is_below_zero = min(answer.succeeded or 0, answer.failed or 0) < 0
    if counted is None or (0 <= counted <= total and not is_below_zero):
        return counted
    findings.append(
        Finding(
            code="impossible_count",
            message=f"the vendor counts items done that were not sent ({total} were)",
            examples=(str(counted),),
        )
    )
    return None


def _advance(ticket: TicketRecord, answer: Observation, counted: int | None) -> float | None:
    """Return the progress: from counts, else as the vendor puts it; never back."""
    # Counts first: a ratio may be of something else, such as steps or bytes.
    share = answer.progress if counted is None else counted / ticket.total
    if share is None or not 0.0 <= share <= 1.0:
        return ticket.progress
    return max(ticket.progress or 0.0, share)

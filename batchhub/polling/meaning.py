"""What a vendor's answer means for a ticket: states forward only, unknown words kept."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from batchhub.adapter import Observation
from batchhub.models import BatchState, Finding


@frozen(kw_only=True)
class Meaning:
    """
    What a ticket is after an answer.

    Attributes:
        state: Its state; terminal means that the results are to be fetched now.
        vendor_state: The vendor's word, as it came.
        progress: 0..1; never less than before.
        findings: What is odd about the answer.
    """

    state: BatchState
    vendor_state: str | None
    progress: float | None
    findings: tuple[Finding, ...] = ()


def interpret(
    state: BatchState,
    progress: float | None,
    answer: Observation,
    *,
    words: Mapping[str, BatchState],
    total: int,
) -> Meaning:
    """
    Work out what an answer means.

    Args:
        state: The ticket's state before.
        progress: The ticket's progress before.
        answer: What the adapter read.
        words: What the vendor's words mean; keys case-folded.
        total: How many items were sent.
    """
    findings: list[Finding] = []
    seen = None if answer.word is None else words.get(answer.word.strip().casefold())
    if answer.word is not None and seen is None:
        findings.append(
            Finding(
                code="unknown_word",
                message="words for a state that nobody documented; they end nothing",
                examples=(answer.word[:100],),
            )
        )
    if answer.done is not None and not 0 <= answer.done <= total:
        findings.append(
            Finding(
                code="impossible_count",
                message=f"the vendor counts items done that were not sent ({total} were)",
                examples=(str(answer.done),),
            )
        )
    return Meaning(
        state=seen if seen is not None and state.may_become(seen) else state,
        vendor_state=answer.word,
        progress=_forward(progress, answer.done, total),
        findings=tuple(findings),
    )


def _forward(before: float | None, done: int | None, total: int) -> float | None:
    if done is None or not 0 <= done <= total:
        return before
    return max(before or 0.0, done / total)

"""What was odd about a vendor's answers, put with what a verb makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

from attrs import evolve

from batchhub._adapter.exchange import Accepted, Observation, Report
from batchhub.models import Finding

T = TypeVar("T")


def add_oddities(answer: T, oddities: Iterable[str]) -> T:
    """
    Return what a verb gave with a finding that says what was odd about the answers it read.

    Args:
        answer: What it gave; anything that has no findings is returned as it is.
        oddities: What was odd, in words.
    """
    words = tuple(oddities)
    finding = Finding(
        code="odd_answer",
        message="answers that break a rule and could be read all the same",
        count=len(words),
        examples=words,
    )
    return cast("T", _add(answer, finding))


def _add(answer: object, finding: Finding) -> object:
    if isinstance(answer, tuple):
        return tuple(_add(each, finding) for each in answer)
    if isinstance(answer, list):
        return [_add(each, finding) if isinstance(each, Observation) else each for each in answer]
    if isinstance(answer, Accepted | Observation | Report) and isinstance(answer.findings, tuple):
        return evolve(answer, findings=(*answer.findings, finding))
    return answer

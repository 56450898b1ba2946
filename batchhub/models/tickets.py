"""One ticket, how its items went, and findings: what a reader should know about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import evolve, field, frozen
from attrs.converters import optional

from .plain import Plain
from .states import BatchState, ItemState

MAX_EXAMPLES: Final = 5
"""The most examples a finding keeps."""


@frozen(kw_only=True)
class Counts(Plain):
    """Number of items by how they went. The five parts add up to `total`."""

    total: int = field(init=False)
    succeeded: int = 0
    failed: int = 0
    not_executed: int = 0
    unknown: int = 0
    pending: int = 0

    def __attrs_post_init__(self) -> None:
        """Work out the total."""
        parts = (self.succeeded, self.failed, self.not_executed, self.unknown, self.pending)
        if min(parts) < 0:
            raise ValueError(f"counts can't be negative: {parts}")
        object.__setattr__(self, "total", sum(parts))

    def __add__(self, other: Counts) -> Counts:
        """Add part by part."""
        return Counts(
            succeeded=self.succeeded + other.succeeded,
            failed=self.failed + other.failed,
            not_executed=self.not_executed + other.not_executed,
            unknown=self.unknown + other.unknown,
            pending=self.pending + other.pending,
        )

    @classmethod
    def of_total(
        cls, total: int, *, succeeded: int, failed: int, not_executed: int, unknown: int
    ) -> Counts:
        """Count all of `total` items that have no result yet as pending."""
        return cls(
            succeeded=succeeded,
            failed=failed,
            not_executed=not_executed,
            unknown=unknown,
            pending=total - succeeded - failed - not_executed - unknown,
        )

    @classmethod
    def of_states(cls, states: Iterable[ItemState]) -> Counts:
        """Count item states."""
        return cls(**{state.value: n for state, n in Counter(states).items()})


def _few(examples: Iterable[str]) -> tuple[str, ...]:
    return tuple(examples)[:MAX_EXAMPLES]


@frozen(kw_only=True)
class Finding(Plain):
    """
    Something a reader of a status should know.

    Attributes:
        code: Its stable name, such as ``duplicate_id``.
        message: What it means, in one sentence.
        count: How often it occurred.
        examples: Ids or words it occurred with, five at most.
    """

    code: str
    message: str
    count: int = 1
    examples: tuple[str, ...] = field(default=(), converter=_few)


def merge_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Make one finding per code: counts added up, with the first message and first examples."""
    merged: dict[str, Finding] = {}
    for new in findings:
        old = merged.get(new.code)
        if old is None:
            merged[new.code] = new
        else:
            examples = tuple(dict.fromkeys(old.examples + new.examples))
            merged[new.code] = evolve(old, count=old.count + new.count, examples=examples)
    return tuple(merged.values())


def add_findings(
    merged: tuple[Finding, ...], before: Iterable[Finding], after: Iterable[Finding]
) -> tuple[Finding, ...]:
    """
    Return merged findings of many with those that one of the many has got since.

    Args:
        merged: The findings of all, one per code.
        before: The findings of the one that are merged already.
        after: Its findings now.
    """
    if before == after:
        return merged
    known = {finding.code: finding for finding in before}
    return merge_findings((*merged, *_grown(known, after)))


def _grown(known: Mapping[str, Finding], after: Iterable[Finding]) -> Iterator[Finding]:
    for finding in after:
        old = known.get(finding.code)
        if old is None:
            yield finding
        elif finding != old:
            fresh = [example for example in finding.examples if example not in old.examples]
            yield evolve(finding, count=finding.count - old.count, examples=fresh)


def to_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"times must be aware datetimes, not {value!r}")
    return value.astimezone(UTC)


@frozen(kw_only=True)
class Ticket(Plain):
    """
    One request with a batch in it, as last seen.

    Attributes:
        position: Its place in the job, from 1.
        state: Its state at the vendor.
        counts: Number of items by how they went.
        vendor_refs: The vendor's ids for it; empty until it is accepted.
        vendor_state: The vendor's own word for its state, unchanged.
        vendor: The other fields of the vendor's last answer, unchanged.
        progress: Share of its items that is done, 0..1; `None` if unknown.
        message: Why it was refused, or why its state is unknown.
        attempt_id: The idempotency key it was sent with; `None` before it is sent.
        attempted_at: When it was sent, or was about to be.
        waits_for_previous: Whether it is sent only after all items of the one before succeeded.
    """

    position: int
    state: BatchState = BatchState.PENDING
    counts: Counts
    vendor_refs: tuple[str, ...] = ()
    vendor_state: str | None = None
    vendor: Mapping[str, Any] = field(factory=dict)
    progress: float | None = None
    message: str | None = None
    attempt_id: str | None = None
    attempted_at: datetime | None = field(default=None, converter=optional(to_utc))
    waits_for_previous: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse contradictions."""
        if self.state.is_terminal and self.counts.pending:
            raise ValueError(f"ticket {self.position} has ended with items still pending")
        if self.progress is not None and not 0.0 <= self.progress <= 1.0:
            raise ValueError(f"progress must be between 0 and 1, not {self.progress}")

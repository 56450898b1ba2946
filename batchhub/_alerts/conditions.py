"""The conditions that somebody is told of, and what each of them is called."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import field, frozen

MINUTE_S: Final = 60.0


class Condition(StrEnum):
    """What may be wrong with an account."""

    HELD = "held"
    """A job is held: nobody can tell whether the vendor has a part of it."""

    UNKNOWN = "unknown"
    """A job has ended with items of which nobody can tell what became of them."""

    CREDENTIALS = "credentials"
    """The credentials were refused, or something else on this side pauses the account."""

    FAILED_SHARE = "failed_share"
    """A job has ended, and too many of its items have failed."""

    STALLED = "stalled"
    """A job makes no progress at the vendor, or is past its deadline."""

    UNREACHABLE = "unreachable"
    """The vendor can't be reached."""

    UNATTENDED = "unattended"
    """No process drives the account, or the one that does is stopped."""

    OLDEST_OPEN = "oldest_open"
    """A job has been open for too long."""

    NOTHING_SENT = "nothing_sent"
    """No job was submitted for too long."""


TITLES: Final[Mapping[Condition, str]] = {
    Condition.HELD: "a job is held",
    Condition.UNKNOWN: "items with unknown outcome",
    Condition.CREDENTIALS: "the account is paused",
    Condition.FAILED_SHARE: "many items failed",
    Condition.STALLED: "a job makes no progress",
    Condition.UNREACHABLE: "the vendor can't be reached",
    Condition.UNATTENDED: "no process drives the account",
    Condition.OLDEST_OPEN: "a job has been open for too long",
    Condition.NOTHING_SENT: "nothing was sent",
}
"""What each condition is called in a message."""

GROWING: Final = frozenset({Condition.HELD, Condition.UNKNOWN})
"""Those that want a decision about each job: a further job is told of, too."""

OF_ENDS: Final = frozenset({Condition.UNKNOWN, Condition.FAILED_SHARE})
"""Those that follow from the ends of jobs."""

OF_CODES: Final[Mapping[str, Condition]] = {
    "held": Condition.HELD,
    "paused": Condition.CREDENTIALS,
    "unattended": Condition.UNATTENDED,
    "stopped": Condition.UNATTENDED,
    "unreachable": Condition.UNREACHABLE,
    "overdue": Condition.STALLED,
    "stalled": Condition.STALLED,
    "stale": Condition.STALLED,
}
"""Which condition a problem of a job is, by the problem's code."""


@frozen(kw_only=True)
class Rule:
    """
    When a condition holds.

    Attributes:
        settle_s: For how many seconds it must hold before it is told of, and be gone before it has
            recovered.
        percent: Of the failed share: the percentage from which on a job is a bad one.
        min_items: Of the failed share: jobs with fewer items are not judged.
        age_s: Of the oldest open job: from which age on it is too old, in seconds.
        spans_s: Of nothing sent: after how many seconds, by account.
    """

    settle_s: float = 0.0
    percent: float = 10.0
    min_items: int = 20
    age_s: float | None = None
    spans_s: Mapping[str, float] = field(factory=dict)


BY_DEFAULT: Final[Mapping[Condition, Rule]] = {
    Condition.HELD: Rule(),
    Condition.UNKNOWN: Rule(),
    Condition.CREDENTIALS: Rule(),
    Condition.FAILED_SHARE: Rule(),
    Condition.STALLED: Rule(settle_s=5 * MINUTE_S),
    Condition.UNREACHABLE: Rule(settle_s=5 * MINUTE_S),
    Condition.UNATTENDED: Rule(settle_s=5 * MINUTE_S),
}
"""The rules that hold unless the settings say otherwise; the others need a figure of theirs."""

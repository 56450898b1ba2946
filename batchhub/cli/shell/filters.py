"""Which jobs a command is about: by state, by account, by time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from batchhub.errors import UsageError
from batchhub.models import BatchState, BatchStatus, Outcome

_GROUPS: Final = {
    "open": frozenset(state for state in BatchState if not state.is_terminal),
    "held": frozenset({BatchState.UNCONFIRMED}),
    "ended": frozenset(state for state in BatchState if state.is_terminal),
}

STATE_WORDS: Final = (*_GROUPS, *BatchState, *(o for o in Outcome if o not in {*BatchState}))
"""What ``--state`` takes: groups of states, states, and what may come of a job."""

_AGO: Final = re.compile(r"(\d{1,6})\s*(s|m|min|h|d|w)")
_UNITS_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@frozen(kw_only=True)
class Wanted:
    """
    The jobs somebody looks for.

    Attributes:
        words: States, groups of states and outcomes; none of them is any.
        account: The account's name; `None` is any.
        since: When they were handed over, at the earliest; `None` is ever.
    """

    words: frozenset[str] = frozenset()
    account: str | None = None
    since: datetime | None = None

    @property
    def states(self) -> frozenset[BatchState] | None:
        """The states such a job can be in; `None` for any."""
        if not self.words:
            return None
        return frozenset[BatchState]().union(*(_states(word) for word in self.words))

    def fits(self, status: BatchStatus) -> bool:
        """Whether a job in one of the states is one of them."""
        if not self.words:
            return True
        mine = {status.state.value, *([] if status.outcome is None else [status.outcome.value])}
        mine |= {group for group, states in _GROUPS.items() if status.state in states}
        return bool(mine & self.words)

    def __bool__(self) -> bool:
        """Whether not simply all jobs are wanted."""
        return bool(self.words) or self.account is not None or self.since is not None


def parse_wanted(
    states: Sequence[str], account: str | None, since: str | None, now: datetime | None = None
) -> Wanted:
    """
    Read what ``--state``, ``--account`` and ``--since`` say.

    Raises:
        UsageError: One of them can't be read.
    """
    now = now or datetime.now(UTC)
    return Wanted(
        words=frozenset(_parse_word(word) for text in states for word in text.split(",")),
        account=account,
        since=None if since is None else parse_since(since, now),
    )


def parse_since(text: str, now: datetime) -> datetime:
    """
    Read a time: so long ago (2h, 3d), or a date with or without a time of day.

    A time without an offset is one of this machine's time zone.

    Raises:
        UsageError: It is neither.
    """
    word = text.strip()
    try:
        if (ago_s := _span_s(word)) is not None:
            return now - timedelta(seconds=ago_s)
        return datetime.fromisoformat(word.upper()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            "--since takes a time span such as 30min, 2h or 3d, or a date such as 2026-11-20 or "
            f"2026-11-20T10:00, not {text!r}"
        ) from None


def parse_span_s(text: str, option: str) -> float:
    """
    Read a time span such as 30min, 2h or 3d, in seconds.

    Raises:
        UsageError: It is none.
    """
    span_s = _span_s(text.strip())
    if span_s is None:
        raise UsageError(f"{option} takes a time span such as 30min, 2h or 3d, not {text!r}")
    return float(span_s)


def _span_s(word: str) -> int | None:
    span = _AGO.fullmatch(word.lower())
    return None if span is None else int(span[1]) * _UNITS_S[span[2]]


def _parse_word(text: str) -> str:
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    if word not in STATE_WORDS:
        raise UsageError(f"--state takes {', '.join(STATE_WORDS)}, not {text.strip()!r}")
    return word


def _states(word: str) -> frozenset[BatchState]:
    if word in _GROUPS:
        return _GROUPS[word]
    found = {state for state in BatchState if state.value == word}
    # What came of a job is known once it has ended, whichever way.
    return frozenset(found) | (_GROUPS["ended"] if word in {*Outcome} else frozenset())

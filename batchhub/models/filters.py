"""Filters of jobs by state and time, as users write them: in a command, or in the page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from batchhub.errors import UsageError

from .states import BatchState, Outcome
from .status import BatchStatus

_GROUPS: Final = {
    "open": frozenset(state for state in BatchState if not state.is_terminal),
    "held": frozenset({BatchState.UNCONFIRMED}),
    "ended": frozenset(state for state in BatchState if state.is_terminal),
}

STATE_WORDS: Final = (*_GROUPS, *BatchState, *(o for o in Outcome if o not in {*BatchState}))
"""The words of a filter by state: groups of states, states, and outcomes."""

_AGO: Final = re.compile(r"(\d{1,6})\s*(s|m|min|h|d|w)")
_UNITS_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def read_states(texts: Iterable[str], name: str) -> frozenset[str]:
    """
    Read words of `STATE_WORDS`, comma-separated in each text.

    Args:
        texts: The texts.
        name: What to call the filter in messages.

    Raises:
        UsageError: One is another word.
    """
    given = split_words(texts)
    words = {word: word.lower().replace("-", "_").replace(" ", "_") for word in given}
    for one, word in words.items():
        if word not in STATE_WORDS:
            raise UsageError(f"{name} takes {', '.join(STATE_WORDS)}, not {one!r}")
    return frozenset(words.values())


def find_states(words: frozenset[str]) -> frozenset[BatchState] | None:
    """Return the states of the jobs that may fit one of these words; `None` for any."""
    states: set[BatchState] = set()
    for word in words:
        states.update(_GROUPS.get(word, [state for state in BatchState if state.value == word]))
        if word in {*Outcome}:  # a job has one once it has ended, whichever way
            states |= _GROUPS["ended"]
    return frozenset(states) if words else None


def find_groups(words: frozenset[str]) -> frozenset[BatchState]:
    """Return the states that words name, by themselves or as a group; of outcomes none."""
    named = {state for state in BatchState if state.value in words}
    return frozenset(named.union(*(_GROUPS[word] for word in words if word in _GROUPS)))


def fits(status: BatchStatus, words: frozenset[str]) -> bool:
    """Whether a job in one of the states found for these words fits one of them."""
    mine = {status.state.value, *([] if status.outcome is None else [status.outcome.value])}
    mine |= {group for group, states in _GROUPS.items() if status.state in states}
    return not words or bool(mine & words)


def read_since(text: str, now: datetime, name: str) -> datetime:
    """
    Read a time: a span before now (2h, 3d), or a date with or without a time of day.

    A time without an offset is in this machine's time zone.

    Args:
        text: The text.
        now: The time.
        name: What to call the filter in messages.

    Raises:
        UsageError: It is neither.
    """
    word = text.strip()
    try:
        if (ago_s := read_span_s(word)) is not None:
            return now - timedelta(seconds=ago_s)
        return datetime.fromisoformat(word.upper()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{name} takes a time span such as 30min, 2h or 3d, or a date such as 2026-11-20 or "
            f"2026-11-20T10:00, not {text!r}"
        ) from None


def read_span_s(word: str) -> int | None:
    """Return the seconds of a time span such as 2h; `None` if it is none."""
    span = _AGO.fullmatch(word.lower())
    return None if span is None else int(span[1]) * _UNITS_S[span[2]]


def split_words(texts: Iterable[str]) -> list[str]:
    """Return the words of texts with commas between them."""
    return [word.strip() for text in texts for word in text.split(",")]

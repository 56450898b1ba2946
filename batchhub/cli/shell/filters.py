"""Filters of jobs and items: by state, account, time and HTTP status."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from batchhub.errors import UsageError
from batchhub.models import BatchState, BatchStatus, ItemState, Outcome

_GROUPS: Final = {
    "open": frozenset(state for state in BatchState if not state.is_terminal),
    "held": frozenset({BatchState.UNCONFIRMED}),
    "ended": frozenset(state for state in BatchState if state.is_terminal),
}

STATE_WORDS: Final = (*_GROUPS, *BatchState, *(o for o in Outcome if o not in {*BatchState}))
"""The words of ``--state``: groups of states, states, and outcomes."""

_LONGEST_CODE: Final = 9
_AGO: Final = re.compile(r"(\d{1,6})\s*(s|m|min|h|d|w)")
_UNITS_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}

ROW_STATES: Final = ("rejected", "pending")
"""What rows of the input may be besides: refused, or without a result yet."""

_STATES: Final = ", ".join(state.value for state in ItemState)


def parse_words(texts: Sequence[str]) -> frozenset[str]:
    """
    Parse ``--state``: words of `STATE_WORDS`, comma-separated in each text.

    Raises:
        UsageError: One is another word.
    """
    words = {word: word.lower().replace("-", "_").replace(" ", "_") for word in _split(texts)}
    for given, word in words.items():
        if word not in STATE_WORDS:
            raise UsageError(f"--state takes {', '.join(STATE_WORDS)}, not {given!r}")
    return frozenset(words.values())


def find_states(words: frozenset[str]) -> frozenset[BatchState] | None:
    """Return the states of the jobs that may fit one of these words; `None` for any."""
    states: set[BatchState] = set()
    for word in words:
        states.update(_GROUPS.get(word, [state for state in BatchState if state.value == word]))
        if word in {*Outcome}:  # a job has one once it has ended, whichever way
            states |= _GROUPS["ended"]
    return frozenset(states) if words else None


def fits(status: BatchStatus, words: frozenset[str]) -> bool:
    """Whether a job in one of the states found for these words fits one of them."""
    mine = {status.state.value, *([] if status.outcome is None else [status.outcome.value])}
    mine |= {group for group, states in _GROUPS.items() if status.state in states}
    return not words or bool(mine & words)


def parse_since(text: str, now: datetime) -> datetime:
    """
    Parse a time: a span before now (2h, 3d), or a date with or without a time of day.

    A time without an offset is in this machine's time zone.

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


def parse_span_s(text: str, option: str, least_s: int = 0) -> float:
    """
    Parse a time span such as 30min, 2h or 3d; return it in seconds.

    Raises:
        UsageError: It is not a time span, or one of fewer seconds than `least_s`.
    """
    span_s = _span_s(text.strip())
    if span_s is None or span_s < least_s:
        raise UsageError(f"{option} takes a time span such as 30min, 2h or 3d, not {text!r}")
    return float(span_s)


def parse_codes(texts: Sequence[str]) -> list[int]:
    """
    Parse ``--code``: HTTP statuses, comma-separated in each text.

    Raises:
        UsageError: One is not a number.
    """
    words = _split(texts)
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) <= _LONGEST_CODE):
            raise UsageError(f"--code takes HTTP statuses such as 404 or 404,500, not {word!r}")
    return [int(word) for word in words]


def parse_states(texts: Sequence[str]) -> list[ItemState]:
    """
    Parse ``--only``: states of items, comma-separated in each text.

    Raises:
        UsageError: One is not a state.
    """
    states, others = parse_row_states(texts)
    for word in others:
        raise UsageError(f"--only takes {_STATES}, not {word!r}, which rows have: --with-input")
    return states


def parse_row_states(texts: Sequence[str]) -> tuple[list[ItemState], list[str]]:
    """
    Parse ``--only`` where rows of the input are meant.

    Returns:
        The states of items, and those that only rows have, of `ROW_STATES`.

    Raises:
        UsageError: One is not a state.
    """
    states: list[ItemState] = []
    others: list[str] = []
    for word in _split(texts):
        plain = word.lower().replace("-", "_")
        if plain in ROW_STATES:
            others.append(plain)
            continue
        try:
            states.append(ItemState(plain))
        except ValueError:
            raise UsageError(f"--only takes {_STATES}, not {word!r}") from None
    return states, others


def _split(texts: Sequence[str]) -> list[str]:
    return [word.strip() for text in texts for word in text.split(",")]


def _span_s(word: str) -> int | None:
    span = _AGO.fullmatch(word.lower())
    return None if span is None else int(span[1]) * _UNITS_S[span[2]]

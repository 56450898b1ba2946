"""Filters of jobs and items: by state, account, time and HTTP status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from batchhub.errors import UsageError
from batchhub.models import ItemState
from batchhub.models.filters import read_since, read_span_s, read_states, split_words

_LONGEST_CODE: Final = 9
ROW_STATES: Final = ("rejected", "pending")
"""What rows of the input may be besides: refused, or without a result yet."""

_STATES: Final = ", ".join(state.value for state in ItemState)


def parse_words(texts: Sequence[str]) -> frozenset[str]:
    """
    Parse ``--state``: words of `STATE_WORDS`, comma-separated in each text.

    Raises:
        UsageError: One is another word.
    """
    return read_states(texts, "--state")


def parse_since(text: str, now: datetime) -> datetime:
    """
    Parse a time: a span before now (2h, 3d), or a date with or without a time of day.

    A time without an offset is in this machine's time zone.

    Raises:
        UsageError: It is neither.
    """
    return read_since(text, now, "--since")


def parse_span_s(text: str, option: str, least_s: int = 0) -> float:
    """
    Parse a time span such as 30min, 2h or 3d; return it in seconds.

    Raises:
        UsageError: It is not a time span, or one of fewer seconds than `least_s`.
    """
    span_s = read_span_s(text.strip())
    if span_s is None or span_s < least_s:
        raise UsageError(f"{option} takes a time span such as 30min, 2h or 3d, not {text!r}")
    return float(span_s)


def parse_codes(texts: Sequence[str]) -> list[int]:
    """
    Parse ``--code``: HTTP statuses, comma-separated in each text.

    Raises:
        UsageError: One is not a number.
    """
    words = split_words(texts)
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
    for word in split_words(texts):
        plain = word.lower().replace("-", "_")
        if plain in ROW_STATES:
            others.append(plain)
            continue
        try:
            states.append(ItemState(plain))
        except ValueError:
            raise UsageError(f"--only takes {_STATES}, not {word!r}") from None
    return states, others

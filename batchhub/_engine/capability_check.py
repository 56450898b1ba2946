"""What the fields of `Capabilities` may be: an adapter's figures are looked at before use."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

_MAX_ITEMS: Final = 10_000_000

VERBS: Final = frozenset(
    {"authorize", "submit", "find_attempt", "poll", "fetch_results", "cancel", "probe", "aclose"}
)
"""What `Capabilities.verb_s` may name."""


def is_seconds(value: object) -> bool:
    """Whether a value is a number of seconds, not below zero."""
    return type(value) in (int, float) and 0 <= value < math.inf  # type: ignore[operator]


def _is_time(value: object) -> bool:
    return is_seconds(value) and value != 0


def _is_count(value: object) -> bool:
    return type(value) is int and 1 <= value <= _MAX_ITEMS


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_times(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        verb in VERBS and _is_time(limit_s) for verb, limit_s in value.items()
    )


def _or_none(is_right: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or is_right(value)


_COUNT: Final = (_is_count, "a whole number of at least 1")
_SIZE: Final = (_or_none(_is_size), "a whole number above zero or None")
_FLAG: Final = (lambda value: type(value) is bool, "True or False")
_GRACE: Final = (is_seconds, "a number of seconds, not below zero")
_TIME: Final = (_is_time, "a number of seconds above zero")
_WINDOW: Final = (_or_none(_is_time), "a number of seconds above zero or None")

_RULES: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "max_items": _COUNT,
    "max_bytes": _SIZE,
    "tickets_per_job": _COUNT,
    "tickets_per_lane": _SIZE,
    "runs_in_order": _FLAG,
    "names_targets": _FLAG,
    "poll_s": _TIME,
    "min_poll_s": _GRACE,
    "max_polled_at_once": _COUNT,
    "can_cancel": _FLAG,
    "stops_on_first_failure": _FLAG,
    "counts_items": _FLAG,
    "count_grace_s": _GRACE,
    "dedup_window_s": _WINDOW,
    "finds_attempts": _FLAG,
    "resends_unanswered": _FLAG,
    "visibility_grace_s": _GRACE,
    "results_kept_s": _WINDOW,
    "refuses_repeat_s": _WINDOW,
    "indivisible": _FLAG,
    "verb_s": (_is_times, "seconds above zero by the name of a verb"),
    "results_grace_s": _GRACE,
    "stall_s": _TIME,
    "deadline_s": (callable, "a function"),
}


def find_wrong(name: str, value: object) -> str | None:
    """Return what a field of `Capabilities` must be; `None` if its value is that."""
    is_right, what = _RULES[name]
    return None if is_right(value) else what

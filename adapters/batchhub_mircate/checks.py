"""What a setting may be: converters and validators that refuse by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from attrs import Attribute

from batchhub.errors import SettingsError
from batchhub.models import BatchState

_MAX_DIGITS: Final = 18
_MAX_ID: Final = 64
_OUTSIDE_IDS: Final = frozenset("!#%/")

VENDOR_STATES: Final = (
    BatchState.QUEUED,
    BatchState.IN_PROGRESS,
    BatchState.COMPLETED,
    BatchState.FAILED,
    BatchState.CANCELLED,
)
"""What a vendor's word may mean; the other states are batchhub's own to find."""


def to_text(value: Any) -> Any:
    """Write a whole number as text: an id of digits needs no quotes."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def to_seconds(value: Any) -> Any:
    """Make a number of seconds a float; digits may come as text."""
    is_digits = isinstance(value, str) and value.isascii() and value.isdigit()
    number = int(value) if is_digits and len(value) <= _MAX_DIGITS else value
    is_whole = isinstance(number, int) and not isinstance(number, bool)
    return float(number) if is_whole and abs(number) < 10**_MAX_DIGITS else number


def to_tuple(value: Any) -> Any:
    """Make a list a tuple."""
    return tuple(value) if isinstance(value, list) else value


def to_states(value: Any) -> Mapping[str, BatchState]:
    """
    Read a table of words and state names; the words come out case-folded.

    Raises:
        SettingsError: A word that is none, or is there twice, or a state that is none.
    """
    if not isinstance(value, Mapping):
        raise SettingsError("states must be a table: word = state", key="states")
    states: dict[str, BatchState] = {}
    for word, name in value.items():
        if not _is_text(word):
            raise SettingsError(f"states: {word!r} is no word", key="states")
        folded = word.strip().casefold()
        if folded in states:
            message = f"states has {word!r} twice; upper and lower case are alike"
            raise SettingsError(message, key="states")
        states[folded] = _to_state(word, name)
    return states


def check_id(_: object, attribute: Attribute[str], value: object) -> None:
    """Refuse what is no id at the vendor. Source: the platform's documents, instance ids."""
    key = attribute.name
    if not _is_text(value) or not value.isprintable() or " " in value:
        raise SettingsError(f"{key} must be text without spaces that is not empty", key=key)
    if len(value) > _MAX_ID or _OUTSIDE_IDS.intersection(value) or not value.strip("."):
        message = f"{key} must be at most {_MAX_ID} characters, none of them ! # % or /"
        raise SettingsError(message, key=key)


def check_seconds(_: object, attribute: Attribute[float], value: object) -> None:
    """Refuse what is no number of seconds."""
    key = attribute.name
    if not isinstance(value, float) or not math.isfinite(value) or value < 0:
        raise SettingsError(f"{key} must be a number of seconds, 0 or more", key=key)


def check_name(_: object, attribute: Attribute[str], value: object) -> None:
    """Refuse what is no name of a field."""
    key = attribute.name
    if not is_name(value):
        raise SettingsError(f"{key} must be the name of a field", key=key)


def check_names(_: object, attribute: Attribute[tuple[str, ...]], value: object) -> None:
    """Refuse what is no list of names, each there once."""
    key = attribute.name
    if not isinstance(value, tuple) or not all(is_name(name) for name in value):
        raise SettingsError(f"{key} must be a list of names of fields", key=key)
    if len(set(value)) != len(value):
        raise SettingsError(f"{key} has a name twice", key=key)


def check_some_names(_: object, attribute: Attribute[tuple[str, ...]], value: object) -> None:
    """Refuse what is no list of at least one name."""
    check_names(_, attribute, value)
    if not value:
        raise SettingsError(f"{attribute.name} must not be empty", key=attribute.name)


def is_name(value: object) -> TypeGuard[str]:
    """Tell whether a value can be the name of a field in JSON."""
    return _is_text(value) and value.isprintable() and value == value.strip()


def _to_state(word: str, name: object) -> BatchState:
    try:
        state = BatchState(name.strip().lower()) if isinstance(name, str) else None
    except ValueError:
        state = None
    if state not in VENDOR_STATES:
        known = ", ".join(VENDOR_STATES)
        message = f"states: {word!r} can't mean {name!r}; a state is one of {known}"
        raise SettingsError(message, key="states")
    return state


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())

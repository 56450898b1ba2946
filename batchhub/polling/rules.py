"""The rules a user can choose instead of the adaptive one, and how rules are written as text."""

from __future__ import annotations

import math
from typing import Any, Final

from attrs import Attribute, field, frozen

from batchhub.errors import SettingsError

from .adaptive import Adaptive
from .poll import Poll, PollRule

FORMS: Final = "'adaptive', 'fixed SECONDS' or 'backoff FIRST FACTOR MOST'"
"""How rules are written as text, for messages."""

_WORDS: Final = {"every_s": "SECONDS", "first_s": "FIRST", "factor": "FACTOR", "most_s": "MOST"}
"""What the attributes of rules are called there."""


def _check_number(rule: Any, attribute: Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SettingsError(f"{_place(rule, attribute)} must be a number, not {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{_place(rule, attribute)} must be above 0 and finite, not {value!r}")


def _place(rule: Any, attribute: Attribute[Any]) -> str:
    return f"{type(rule).__name__}: {attribute.name}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) and value < 1e15 else repr(float(value))  # noqa: PLR2004


@frozen
class Fixed:
    """
    Ask at one interval.

    Attributes:
        every_s: Seconds between two polls of a ticket.

    Raises:
        SettingsError: It is not a number above 0.
    """

    every_s: float = field(validator=_check_number)

    def next_delay_s(self, poll: Poll) -> float:
        """Return the interval."""
        del poll
        return self.every_s

    def __str__(self) -> str:
        """Return the text `parse_rule` reads: ``fixed 5``."""
        return f"fixed {_number(self.every_s)}"


@frozen
class Backoff:
    """
    Ask soon at first, then less and less often.

    Attributes:
        first_s: Seconds until a ticket is first asked about.
        factor: By how much each interval is longer than the one before, 1 or more.
        most_s: The longest interval, in seconds.

    Raises:
        SettingsError: One of them is not a number above 0, or is too small.
    """

    first_s: float = field(validator=_check_number)
    factor: float = field(validator=_check_number)
    most_s: float = field(validator=_check_number)

    def __attrs_post_init__(self) -> None:
        """Check how the numbers go together."""
        if self.factor < 1:
            raise SettingsError(f"Backoff: factor must be 1 or more, not {self.factor!r}")
        if self.most_s < self.first_s:
            raise SettingsError(
                f"Backoff: most_s must be first_s or more, not {self.most_s!r} < {self.first_s!r}"
            )

    def next_delay_s(self, poll: Poll) -> float:
        """Return the interval after as many answers as there were."""
        if poll.polls * math.log(self.factor) >= math.log(self.most_s / self.first_s):
            return self.most_s  # looked at first: the power may be too large for a float
        return self.first_s * math.pow(self.factor, poll.polls)

    def __str__(self) -> str:
        """Return the text `parse_rule` reads: ``backoff 1 2 60``."""
        return f"backoff {_number(self.first_s)} {_number(self.factor)} {_number(self.most_s)}"


def parse_rule(text: str) -> Adaptive | Backoff | Fixed:
    """
    Return the rule a text names: ``fixed 5``, ``backoff 1 2 60``, or ``adaptive``.

    Args:
        text: Its name and its numbers, with spaces between; capital letters don't matter.

    Raises:
        SettingsError: It names no rule, or a number is missing or wrong.
    """
    name, *numbers = text.lower().split() or [""]
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        values, name = [], ""
    try:
        match name, values:
            case "adaptive", []:
                return Adaptive()
            case "fixed", [every_s]:
                return Fixed(every_s)
            case "backoff", [first_s, factor, most_s]:
                return Backoff(first_s, factor, most_s)
    except SettingsError as error:
        why = str(error).partition(": ")[2]
        for attribute, word in _WORDS.items():
            why = why.replace(attribute, word)
        raise SettingsError(f"{text[:80]!r}: {why}") from None
    raise SettingsError(f"{text[:80]!r} names no rule; write {FORMS}")


def show_rule(rule: PollRule) -> str:
    """Write a rule as a setting: what `parse_rule` reads; for one of a user's own, its class."""
    return str(rule) if isinstance(rule, Adaptive | Backoff | Fixed) else type(rule).__qualname__

"""The setting `polling`: the rule that says when tickets of an account, or of all, are polled."""

from __future__ import annotations

import inspect
import reprlib
from typing import Any, Final, cast

from batchhub.errors import SettingsError

from .adaptive import Adaptive
from .poll import PollRule
from .rules import FORMS, parse_rule

_CALLS: Final = ("next_delay_s", "ended", "left")
"""The methods of a rule; all but the first may be missing."""

# One object for all who write it: they have the same setting. Each lane makes its own of it.
_ADAPTIVE: Final = Adaptive()

_PLAIN: Final = (bool, int, float, list, tuple, dict)


def read_polling(value: object, name: str = "polling") -> PollRule | None:
    """
    Return the rule that a setting asks for.

    Args:
        value: A rule or the text of one, as `parse_rule` reads it; `None` or no text for none.
        name: What to call the setting in messages.

    Raises:
        SettingsError: It is no rule, or one that can't be called in the event loop.
    """
    if value is None or value == "":  # an empty setting is none, as an empty variable is
        return None
    if isinstance(value, str):
        try:
            rule = parse_rule(value)
        except SettingsError as error:
            raise _wrong(name, f": {error}") from None
        return _ADAPTIVE if isinstance(rule, Adaptive) else rule
    if isinstance(value, type):
        raise _wrong(name, f" must be an object, not the class: write {value.__name__}(…)")
    kind = type(value).__name__
    if not callable(_find(value, "next_delay_s")):
        if isinstance(value, _PLAIN):  # as from a file, where no object can be
            raise _wrong(name, f" must be {FORMS}, not {reprlib.repr(value)}")
        own = "an object with a method next_delay_s(poll)"
        raise _wrong(name, f" must be {FORMS}, or {own}, not {kind}")
    for call in _CALLS:
        if (why := _find_fault(_find(value, call))) is not None:
            raise _wrong(name, f" can't be {kind}: {call} {why}")
    return cast("PollRule", value)


def _find(rule: object, name: str) -> Any:
    try:
        return getattr(rule, name, None)
    except Exception:  # of an object whose attributes are code
        return None


def _find_fault(call: Any) -> str | None:
    """Return why a method can't be called with a poll, if that can be seen; one may be missing."""
    if call is None:
        return None
    if not callable(call):
        return "is no method"
    if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
        return "is async; a rule has to return at once"
    try:
        inspect.signature(call).bind(None)
    except TypeError:
        return "takes not just one argument, the poll"
    except ValueError:  # of one that is not written in Python; it shows when it is called
        return None
    return None


def _wrong(name: str, why: str) -> SettingsError:
    return SettingsError(f"{name}{why}", key="polling")

"""A rule for polls as the engine asks it: whatever a user's own rule does ends where it began."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from inspect import iscoroutine
from numbers import Real
from typing import Any, Final

from batchhub._base.log import get_logger
from batchhub.polling import Poll, PollRule

_LONGEST: Final = 200
"""The most characters of what a rule has raised or returned in a line of the log."""

_MOST_S: Final = 1e9
"""More seconds than anybody waits; a whole number may be too large to be made a float."""

_log = get_logger()


class GuardedRule:
    """
    A rule that raises nothing, and returns a number of seconds or that it has none.

    What is wrong with it is logged once for each account and method.

    Args:
        rule: The rule.
        lane: The lane it is asked for.
        redact: Blanks the account's secrets in a text.
    """

    def __init__(self, rule: PollRule, lane: str, redact: Callable[[Any], Any]) -> None:
        self._rule = rule
        self._lane = lane
        self._redact = redact
        self._logged: set[tuple[str, str]] = set()

    def next_delay_s(self, poll: Poll) -> float | None:
        """Return the seconds until a ticket is asked about again; `None` if the rule is wrong."""
        try:
            found = self._rule.next_delay_s(poll)
            if _is_delay(found):
                # A number of a class of its own may say of itself what is not true.
                delay_s = float(found if isinstance(found, float) else min(found, _MOST_S))
                if _is_delay(delay_s):
                    return delay_s
        except KeyboardInterrupt:  # Ctrl-C
            raise
        except BaseException as error:  # nobody cancels what has no `await`
            self._log("next_delay_s", poll, raised=_show_error(error))
        else:
            self._log("next_delay_s", poll, returned=_show(found))
        return None

    def ended(self, poll: Poll) -> None:
        """Say that a ticket ended at the vendor between `Poll.last_age_s` and `Poll.age_s`."""
        self._tell("ended", poll)

    def left(self, poll: Poll) -> None:
        """Say that a ticket is not asked about any more, and not because it ended."""
        self._tell("left", poll)

    def _tell(self, method: str, poll: Poll) -> None:
        try:
            tell = getattr(self._rule, method, None)
            found = None if tell is None else tell(poll)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._log(method, poll, raised=_show_error(error))
        else:
            if iscoroutine(found):
                self._log(method, poll, returned=_show(found))

    def _log(self, method: str, poll: Poll, **what: str) -> None:
        if (poll.account, method) in self._logged:
            return
        self._logged.add((poll.account, method))
        shown = {how: self._redact(" ".join(words.split())) for how, words in what.items()}
        _log.error(
            "rule.failed",
            rule=f"{type(self._rule).__name__}.{method}",
            account=poll.account,
            lane=self._lane,
            **{how: words[:_LONGEST] for how, words in shown.items()},
        )


def _is_delay(found: object) -> bool:
    is_number = type(found) is float or (isinstance(found, Real) and not isinstance(found, bool))
    return is_number and 0.0 < found < math.inf  # type: ignore[operator]


def _show(found: object) -> str:
    """Return what a rule has returned in words that run no code of its own."""
    if iscoroutine(found):
        found.close()  # else Python warns that nobody has awaited it
        return "a coroutine: it must not be async"
    if found is None or type(found) in (bool, float, str):
        return repr(found)
    return f"{found:d}" if type(found) is int and abs(found) < 2**63 else type(found).__name__


def _show_error(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1]

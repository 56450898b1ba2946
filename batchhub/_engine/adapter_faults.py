"""What goes wrong in an adapter: errors that name adapter, version and verb, and are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import NoneType
from typing import Any, Final, NoReturn

from batchhub.errors import AdapterError, BatchHubError, InputError

LONGEST: Final = 1000
"""The most characters of a plug-in's words in an error."""

_ANY: Final = "any step"
"""What faults are counted by that nothing else has taken in."""


class TooLateError(TimeoutError):
    """A verb took longer than it may."""


class AdapterFaults:
    """
    Raises what goes wrong in an adapter as errors of ours, without the account's secrets.

    Counted is how many times in a row each verb has failed; so are its answers, and whatever
    nothing else has taken in.

    Args:
        shown: The adapter's name and version.
        redact: Blanks the account's secrets in a JSON-like value.
    """

    def __init__(self, shown: str, redact: Callable[[Any], Any]) -> None:
        self._shown = shown
        self._redact = redact
        self._counts: Counter[str] = Counter()

    def clear(self, verb: str) -> None:
        """Take note that a verb has not failed."""
        if self._counts and self._counts[verb]:  # for every item: nearly always there is none
            self._counts[verb] = 0

    def reading(self, verb: str, *, alone: bool = True) -> AbstractContextManager[None]:
        """
        Have what a verb has answered read inside the block: trouble with it is the verb's.

        Args:
            verb: The verb.
            alone: Whether that is all it has answered; else its faults are not counted, for a
                single answer may give many.

        Raises:
            AdapterError: The answer breaks a rule; it says how many times in a row.
            BatchHubError: What was raised inside the block.
        """
        return _Reading(self, verb, alone=alone)

    def fail_reading(self, verb: str, error: Exception, *, alone: bool) -> NoReturn:
        """Raise an error of ours for what was raised while an answer was read; see `reading`."""
        name = _its_answer(verb)
        before = self._counts[name]
        try:
            self.fail_for(verb, error, name)
        except AdapterError as failure:
            if not alone:
                self._counts[name], failure.faults = before, 0
            raise

    def blame(self, error: BaseException) -> AdapterError:
        """Return an error for what nothing else has taken in: the adapter's fault, or ours."""
        words = " ".join(self._redact(str(error)).split())[:LONGEST]
        self._counts[_ANY] += 1
        what = f"{self._shown} broke a rule, or we did: {type(error).__name__}: {words}"
        blamed = AdapterError(what)
        blamed.faults = self._counts[_ANY]
        return blamed

    def leave(self, call: str) -> AdapterError:
        """Return an error for a call, by its name, that does not end although it was cancelled."""
        verb = call.removeprefix(f"{self._shown}, ")
        self._counts[verb] += 1
        error = AdapterError(f"{call} does not end, although it was cancelled")
        error.may_have_run, error.faults = True, self._counts[verb]
        return error

    def clear_blame(self) -> None:
        """Take note that a step has ended without such an error."""
        self._counts[_ANY] = 0

    def fail_for(self, verb: str, error: BaseException, name: str | None = None) -> NoReturn:
        """
        Raise an error of ours for what a call raised.

        Args:
            verb: The verb.
            error: What it raised.
            name: What its faults are counted by; by default the verb.
        """
        redact, name = self._redact, name or verb
        if isinstance(error, BatchHubError):
            # An adapter's own words may quote what it has decoded.
            error.args = tuple(redact(list(error.args)))
            if isinstance(error, InputError):
                error.reason = redact(error.reason)
            if not isinstance(error, AdapterError):
                self._counts[name] = 0
                raise error
            if self._shown not in str(error):
                error.args = (f"{self._shown} failed in {verb}: {error}",)
            self._counts[name] += 1
            error.faults = max(error.faults, self._counts[name])
            raise error
        # Only type and message: the locals in a traceback could hold a secret.
        words = " ".join(redact(str(error)).split())[:LONGEST]
        kind = "" if isinstance(error, TooLateError) else f"{type(error).__name__}: "
        self.fail(verb, f"{kind}{words}", may_have_run=_may_have_run(error), name=name)

    def refuse(self, verb: str, kind: type | tuple[type, ...], found: object) -> NoReturn:
        """Raise that a call returned something else than it must."""
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join("None" if each is NoneType else each.__name__ for each in kinds)
        self.fail(verb, f"it must give {wanted}, not {type(found).__name__}")

    def fail(
        self, verb: str, what: str, *, may_have_run: bool = False, name: str | None = None
    ) -> NoReturn:
        """
        Raise that something is wrong with a verb.

        Args:
            verb: The verb.
            what: What is wrong.
            may_have_run: Whether a request may have run nevertheless.
            name: What its faults are counted by; by default the verb.
        """
        self._counts[name or verb] += 1
        error = AdapterError(f"{self._shown} failed in {verb}: {what}")
        error.may_have_run = may_have_run
        error.faults = self._counts[name or verb]
        raise error from None


def _its_answer(verb: str) -> str:
    return f"{verb}, its answer"


class _Reading:
    """What `AdapterFaults.reading` is; a generator would take three times as long."""

    __slots__ = ("_alone", "_faults", "_verb")

    def __init__(self, faults: AdapterFaults, verb: str, *, alone: bool) -> None:
        self._faults = faults
        self._verb = verb
        self._alone = alone

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception):
            self._faults.fail_reading(self._verb, error, alone=self._alone)
        if error is None and self._alone:
            self._faults.clear(_its_answer(self._verb))


def _may_have_run(error: BaseException) -> bool:
    """
    Whether a request may have run that went past the transport, by a client of the adapter's own.

    What Python raises of a mistake (`KeyError` and the like) says that the adapter got stuck.
    """
    return isinstance(error, OSError) or type(error).__module__ != "builtins"

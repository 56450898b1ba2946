"""A vendor's script: which requests are expected, and what went otherwise."""

from __future__ import annotations

from typing import Final

from .answers import Deliver
from .expectation import Expectation
from .seen import SeenRequest, shorten

_MAX_REASONS: Final = 10


class ScriptError(AssertionError):
    """What was asked of a scripted vendor does not fit its script; says how."""


class Script:
    """All expectations of a vendor, and what went otherwise."""

    def __init__(self) -> None:
        self.requests: list[SeenRequest] = []
        self._expectations: list[Expectation] = []
        self._faults: list[str] = []

    def add(self, expectation: Expectation) -> Expectation:
        """Expect one more kind of request; earlier ones are asked first."""
        self._expectations.append(expectation)
        return expectation

    def take(self, request: SeenRequest) -> tuple[SeenRequest, Deliver] | None:
        """Return a request as the expectation sees it, and its answer; `None` if none fits."""
        for expectation in self._expectations:
            if expectation.find_misfit(request) is None:
                seen, step = expectation.take(request)
                self.requests.append(seen)
                return seen, step
        self.requests.append(request)
        self._faults.append(self._explain(request))
        return None

    def note_fault(self, text: str) -> None:
        """Note that something else has gone wrong."""
        self._faults.append(text)

    def verify(self, *, is_over: bool = True) -> None:
        """
        Compare what was asked with the script.

        Args:
            is_over: Whether there is nothing more to come.

        Raises:
            ScriptError: They differ.
        """
        missing = self.missing() if is_over else []
        lines = [*self._faults, *(f"never asked for: {line}" for line in missing)]
        if lines:
            raise ScriptError("\n  ".join(["the vendor's script was not followed:", *lines]))

    def missing(self) -> list[str]:
        """Return what has not been asked for, a line each."""
        return [line for each in self._expectations for line in each.missing()]

    def _explain(self, request: SeenRequest) -> str:
        body = f", body {shorten(request.text)}" if request.body else ""
        lines = [f"not expected: {request} (request {len(self.requests)}){body}"]
        near = [each for each in self._expectations if each.is_near(request)]
        shown = (near or self._expectations)[:_MAX_REASONS]
        lines += [f"  {each}: {each.find_misfit(request)}" for each in shown]
        left_out = len(self._expectations) - len(shown)
        if left_out:
            lines.append(f"  … and {left_out} more")
        return "\n  ".join(lines if self._expectations else [*lines, "  the script is empty"])

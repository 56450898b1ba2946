"""Where something stands in a vendor's answer: JMESPath."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from .mistakes import Wrong, suggest

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)

_HEADING: Final = re.compile(r"^(?:Bad|Invalid) jmespath expression: ")


class PlaceError(Exception):
    """An answer has something at a place that the expression can't work with."""


class Place:
    """
    A place in an answer.

    Most are plain names with dots, which need no JMESPath: it is slow to import, and a poll of a
    thousand items looks for some thousand places.

    Args:
        text: The expression.

    Raises:
        Wrong: It is no JMESPath.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._names = tuple(text.split(".")) if _PLAIN.fullmatch(text) else None
        self._expression: Any = None if self._names is not None else _compile(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Place({self.text!r})"

    def find(self, answer: Any) -> Any:
        """
        Return what stands there; `None` if nothing does.

        Raises:
            PlaceError: A function of the expression can't take what stands there.
        """
        if self._names is not None:
            for name in self._names:
                answer = answer.get(name) if isinstance(answer, dict) else None
            return answer
        from jmespath.exceptions import JMESPathError  # noqa: PLC0415  # slow to import

        try:
            return self._expression.search(answer)
        except (JMESPathError, TypeError, ValueError, RecursionError) as error:
            why = " ".join(str(error).split())
            raise PlaceError(f"{self.text}: {why}") from None


def _compile(text: str) -> Any:
    import jmespath  # noqa: PLC0415  # slow to import, and few commands need it
    from jmespath.functions import Functions  # noqa: PLC0415

    try:
        expression = jmespath.compile(text)
    except (jmespath.exceptions.JMESPathError, RecursionError) as error:
        why = _HEADING.sub("", str(error).strip().partition("\n")[0].rstrip(":. "))
        raise Wrong(f"is no JMESPath: {why}{_hint(text)}") from None
    # Whether a function exists would show only when an answer came.
    known: dict[str, Any] = Functions.FUNCTION_TABLE
    for name, given in _find_calls(expression.parsed):
        if name not in known:
            raise Wrong(f"has the unknown function {name}(){suggest(name, sorted(known))}")
        wanted = known[name]["signature"]
        is_variadic = bool(wanted) and wanted[-1].get("variadic", False)
        if given != len(wanted) and not (is_variadic and given >= len(wanted)):
            raise Wrong(f"gives {name}() {given} arguments; it takes {len(wanted)}")
    return expression


def _hint(text: str) -> str:
    """Return what follows a mistake in what looks like a name, such as ``batch-id``."""
    if not all(each.isalnum() or each in "_- " for each in text):
        return ""
    return f"; quote a name that has anything but A-Z, a-z, 0-9 and _: '\"{text}\"'"


def _find_calls(node: Any) -> Iterator[tuple[str, int]]:
    """Yield the name of each function that is called, and how many arguments it gets."""
    nodes = [node]
    for each in nodes:  # grows as it goes
        if isinstance(each, dict):
            if each.get("type") == "function_expression":
                yield each["value"], len(each["children"])
            nodes += each.get("children", ())

"""What is wrong in a description: all of it at once, each mistake with its place."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Final

_FEW: Final = 20
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


class Wrong(Exception):  # noqa: N818  # never leaves this folder
    """
    A value can't be what it should be.

    Attributes:
        why: What is wrong, as it follows the place and a colon.
        inside: Where in the value, as keys; empty for the value itself.
    """

    def __init__(self, why: str, inside: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.why = why
        self.inside = inside


class Mistakes:
    """Collects what is wrong, in the order in which it is found; each place once."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def add(self, place: tuple[str, ...], why: str) -> None:
        """Add a mistake, unless its place has one already: that is the cause."""
        self._found.setdefault(show_place(place), why)

    def has_below(self, place: tuple[str, ...]) -> bool:
        """Whether a place, or what is below it, has a mistake."""
        name = show_place(place)
        return any(each == name or each.startswith(f"{name}.") for each in self._found)

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for each mistake."""
        return tuple(f"{place}: {why}" for place, why in self._found.items())


def show_place(place: tuple[str, ...]) -> str:
    """Write a place as TOML writes a dotted key."""
    return ".".join(
        key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False) for key in place
    )


def find_near(name: str, known: Iterable[str]) -> str | None:
    """Return the closest of known names; `None` if none is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return what follows an unknown name: the closest known one, or all if they are few."""
    known = list(known)
    if (near := find_near(name, known)) is not None:
        return f"; did you mean {near!r}?"
    return f"; known: {', '.join(known)}" if 0 < len(known) <= _FEW else ""

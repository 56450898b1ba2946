"""How messages name an argument, in Python or as an option, and what else a name may have meant."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final, Protocol

_SHOWN: Final = 20


class Say(Protocol):
    """Writes an argument for a message: its name, or its name and a value (``delimiter=";"``)."""

    def __call__(self, name: str = "", /, **argument: Any) -> str:
        """Write it."""


def in_python(name: str = "", /, **argument: Any) -> str:
    """Write an argument as a call in Python has it; the command makes an option of it."""
    return name or ", ".join(f"{each}={value!r}" for each, value in argument.items())


def suggest(name: str, known: Sequence[str]) -> str:
    """Write the nearest of the known names and all of them, as the end of a message."""
    folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), folded, n=1)
    hint = f"did you mean {folded[near[0]]!r}? " if near else ""
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"; {hint}known: {', '.join(known[:_SHOWN])}{more}"

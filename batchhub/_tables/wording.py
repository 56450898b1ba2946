"""How messages name an argument: as Python writes it, or as an option of the command."""

from __future__ import annotations

from typing import Final, Protocol


class Say(Protocol):
    """Writes the name of an argument, with a value if there is one, for a message."""

    def __call__(self, argument: str, value: str | None = None, /) -> str:
        """Write it."""


_LISTS: Final = frozenset({"text", "fields"})
_WORDS: Final = frozenset({"True", "False"})


def in_python(argument: str, value: str | None = None, /) -> str:
    """Write an argument as a call in Python has it, such as ``delimiter=';'``."""
    if value is None:
        return argument
    if argument in _LISTS:
        return f"{argument}=[{value!r}]"
    return f"{argument}={value if value in _WORDS else repr(value)}"

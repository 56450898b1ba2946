"""Words out of a fixed set, as users write them: one, or several."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import TypeVar

from batchhub.errors import UsageError

E = TypeVar("E", bound=StrEnum)


def read_choices(
    name: str, kind: type[E], given: E | str | Collection[E | str] | None
) -> list[E] | None:
    """
    Return the members of an enumeration that an argument names; `None` for all.

    Args:
        name: The argument's name, for the message.
        kind: The enumeration.
        given: One member or value, several, or `None`.

    Raises:
        UsageError: It names something else.
    """
    if given is None:
        return None
    try:
        return [kind(each) for each in ([given] if isinstance(given, str) else given)]
    except ValueError:
        raise UsageError(f"{name} takes {', '.join(kind)}, not {given!r}") from None

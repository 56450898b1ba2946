"""DataFrames of pandas and polars, tables of Arrow: known by what they can do, never imported."""

from __future__ import annotations

from typing import Final, Protocol

PACKAGES: Final = frozenset({"pandas", "polars", "pyarrow"})


class Frame(Protocol):
    """A DataFrame of pandas or polars, a table of Arrow, or what else gives Arrow's own stream."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return its rows as Arrow has them."""
        ...


def is_frame(value: object) -> bool:
    """Return whether a value is a frame, a part of one, or what a frame is made of."""
    kind = type(value)
    if hasattr(kind, "__arrow_c_stream__"):
        return True
    is_theirs = kind.__module__.partition(".")[0] in PACKAGES
    return is_theirs and (kind.__name__ in {"LazyFrame", "Series"} or hasattr(kind, "columns"))

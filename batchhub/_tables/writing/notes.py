"""What an honest reader of an export must know: said once, when it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import define, field

from batchhub.cli.screen.words import clean, count

_MOST_WORDS: Final = 300


@define
class _Many:
    number: int = 0
    first: str = ""

    def add(self, first: str) -> None:
        self.number += 1
        self.first = self.first or first


@define
class Notes:
    """
    Counts what could not be written as it was to be.

    Attributes:
        kind: What bodies are read as.
        rows: How many results there were.
    """

    kind: str = ""
    rows: int = 0
    _unread: _Many = field(factory=_Many, init=False)
    _unfit: _Many = field(factory=_Many, init=False)

    def unread(self, item_id: str, problem: str) -> None:
        """Note a body that should be of the type and is not."""
        self._unread.add(f"item {clean(item_id, 60)!r}: {clean(problem, _MOST_WORDS)}")

    def unfit(self, item_id: str, column: str) -> None:
        """Note a value that its column can't hold."""
        self._unfit.add(f"{column} of item {clean(item_id, 60)!r}")

    def lines(self, never_met: list[str]) -> Iterator[str]:
        """Yield a sentence for each kind of thing."""
        if self._unread.number:
            results = count(self._unread.number, "result")
            yield (
                f"{results} succeeded with a body that can't be read as {self.kind}; first "
                f"{self._unread.first}"
            )
        if self._unfit.number:
            values = count(self._unfit.number, "value")
            yield f"{values} did not fit the column and are empty; first {self._unfit.first}"
        if self.rows and never_met:
            fields = ", ".join(repr(clean(name, 60)) for name in never_met)
            yield f"no result has {fields}; is the name right?"

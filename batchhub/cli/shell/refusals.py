"""What is done with rows that can't be sent: listed, or set aside in a file."""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field

from batchhub._base.secrets import blank
from batchhub._base.show import clean, number
from batchhub._tables.reading.rejects import DEFAULT_LIMIT, Limit, Rejects
from batchhub.cli.screen.console import say
from batchhub.errors import InputError, UsageError
from batchhub.tables import ItemReader

from .files import as_option
from .reject_options import RejectOptions

SHOWN: Final = 20
"""Refused rows that are shown."""

_KEPT: Final = 1000
_LONGEST: Final = 1000


def open_rejects(options: RejectOptions) -> Rejects | None:
    """
    Make what sets rows aside; `None` without --rejects.

    Raises:
        UsageError: There can be no such file, or an option makes no sense.
    """
    if options.rejects is None:
        if options.max_rejects is not None:
            raise UsageError("--max-rejects needs --rejects, which names a file for the rows")
        return None
    limit = Limit.parse(options.max_rejects or DEFAULT_LIMIT, as_option)
    return Rejects(options.rejects, limit=limit, say=as_option)


_LOOK: Final = "; does the sheet fit the options? --dry-run shows how its columns are read"


def explain(items: ItemReader, error: InputError) -> UsageError:
    """Return an error of a submit with the file and line, and options by their names here."""
    found = items.explain(error)
    text = str(found).replace("with keep_input=False", "with --no-keep-input")
    return found if text == str(found) else UsageError(text)


@define
class Refusals:
    """
    Rows that are no items, and items that can't be sent.

    Attributes:
        items: Where the items come from; it knows where it is.
        is_set_aside: Whether each is set aside, so that the others are sent.
        total: How many there are.
        found: The first of them: where each is, and why it is refused.
    """

    items: ItemReader
    is_set_aside: bool = False
    total: int = 0
    found: list[dict[str, Any]] = field(factory=list)
    _lines: list[str] = field(factory=list)

    def add(self, error: InputError) -> None:
        """Take one, before the next item is read."""
        self.total += 1
        if len(self.found) < _KEPT:
            place, at = self.items.find_place(error)
            reason = blank(error.reason)
            self.found.append({place: at, "id": error.item_id, "reason": reason})
        if len(self._lines) < SHOWN:
            where = f"{self.items.name}: {self.items.locate(error)}"
            self._lines.append(clean(blank(where), _LONGEST))
        if self.is_set_aside:
            self.items.reject(error)

    def show(self) -> None:
        """Write the first of them."""
        for line in self._lines:
            say(f"refused: {line}")
        if self.total > len(self._lines):
            say(f"refused: {number(self.total - len(self._lines))} more, not shown")

    def refuse(self, rows: int) -> None:
        """
        Refuse to send the others, now that all rows were read, unless these are set aside.

        Args:
            rows: How many rows there are.

        Raises:
            UsageError: Something was refused; it says how to go on.
        """
        if self.is_set_aside or not self.total:
            return
        if self.total == 1:
            raise UsageError(f"{self._lines[0]}; nothing was sent{self.advise(rows)}")
        self.show()
        refused = f"{number(self.total)} of {number(rows)} rows can't be sent"
        advice = self.advise(rows) or _LOOK
        raise UsageError(f"{self.items.name}: {refused}; nothing was sent{advice}")

    def advise(self, rows: int) -> str:
        """Return how to go on, to end a line with; nothing where most are refused."""
        if self.items.is_cut_off or self.total * 2 > rows:
            return ""
        what = "it" if self.total == 1 else "them"
        return f"; correct {what}, or set {what} aside with --rejects FILE"

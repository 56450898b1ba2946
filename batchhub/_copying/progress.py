"""How far the copy of each table is, as the target has it: written with the rows themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from attrs import asdict, define, field
from sqlalchemy import Table

from .columns import COPIED
from .ends import End
from .reports import Replaced

_PREFIX: Final = "copy."


@define(kw_only=True)
class Progress:
    """
    How far the copy of a table is.

    Attributes:
        table: The table.
        after: The primary key of the last row that was copied; empty at first.
        rows: How many rows were copied.
        is_done: Whether that is all of them.
        replaced: What was replaced in them.
        digest: The digest of all of them, once both stores were compared.
    """

    table: Table
    after: list[Any] = field(factory=list)
    rows: int = 0
    is_done: bool = False
    replaced: Replaced = field(factory=Replaced)
    digest: str = ""

    @classmethod
    def read(cls, target: End, table: Table) -> Progress:
        """Return what the target has of it."""
        text = target.get_fact(f"{_PREFIX}{table.name}")
        if text is None:
            return cls(table=table)
        found = json.loads(text)
        return cls(table=table, **found | {"replaced": Replaced(**found["replaced"])})

    def write(self, target: End) -> None:
        """Write it, in the transaction of what it is about."""
        said = asdict(self, filter=lambda attribute, _: attribute.name != "table")
        target.set_fact(f"{_PREFIX}{self.table.name}", json.dumps(said))

    def note(self, rows: int, last: Sequence[Any], replaced: Replaced) -> None:
        """Count rows that were copied, with the last one's key."""
        self.rows += rows
        self.after = list(last)
        self.replaced.add(replaced)


def forget_progress(target: End) -> None:
    """Delete what a store has of it, in a transaction."""
    for table in COPIED:
        target.set_fact(f"{_PREFIX}{table.name}", None)

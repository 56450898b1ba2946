"""What comes of a copy, and how far it is."""

from __future__ import annotations

from attrs import define, field, frozen


@frozen(kw_only=True)
class CopyStep:
    """
    How far a copy is.

    Attributes:
        what: What is done: ``copy`` or ``compare``.
        table: The table.
        done: How many of its rows are done.
        total: How many rows it has.
    """

    what: str
    table: str
    done: int
    total: int


@define(kw_only=True)
class Replaced:
    """
    Values that the target can't hold, and has others for.

    Attributes:
        nul: Texts with a NUL character, which is the replacement character there.
        code: Items' statuses that are no number it has room for; there they have none.
        not_finite: JSON values with a number that JSON has no word for, which is null there.
    """

    nul: int = 0
    code: int = 0
    not_finite: int = 0

    def add(self, other: Replaced) -> None:
        """Count what another one has, too."""
        self.nul += other.nul
        self.code += other.code
        self.not_finite += other.not_finite

    @property
    def total(self) -> int:
        """How many there are."""
        return self.nul + self.code + self.not_finite


@frozen(kw_only=True)
class TableCopy:
    """
    A table that was copied.

    Attributes:
        table: Its name.
        rows: How many rows it has, in both stores.
        digest: The digest of its rows, in both stores.
    """

    table: str
    rows: int
    digest: str


@frozen(kw_only=True)
class CopyReport:
    """
    What came of a copy.

    Attributes:
        source: What to call the store that was copied.
        target: What to call the copy.
        tables: What was copied.
        replaced: Values that could not be kept as they were.
        is_kept: Whether the source can still be used, beside its copy.
        was_done: Whether it had been done before, and there was nothing to do.
        exchanges: Where the record of exchanges stays; `None` if there is none.
    """

    source: str
    target: str
    tables: tuple[TableCopy, ...]
    replaced: Replaced = field(factory=Replaced)
    is_kept: bool = False
    was_done: bool = False
    exchanges: str | None = None

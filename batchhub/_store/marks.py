"""
Marks on a store that must not be opened: it is being copied, or was copied and lives elsewhere.

A mark is in the place of the store's version, so that no version of batchhub opens it, not even one
that knows nothing of marks. What it is about is a fact of the store, as JSON.
"""

from __future__ import annotations

import json
import shlex
from typing import Any, Final

from attrs import asdict, fields_dict, frozen
from sqlalchemy import Connection, select

from batchhub.errors import StoreError, UsageError

from .tables import facts

COPYING: Final = "copying"
"""In place of the version: it is copied to another store, or another one to it."""

MOVED: Final = "moved"
"""In place of the version: it was copied, and the copy is what is used now."""

MARKS: Final = frozenset({COPYING, MOVED})

COPY_FACT: Final = "copy"
"""The fact that says which copy it is."""


class StoreMarkedError(StoreError, UsageError):
    """
    A store must not be opened: it is being copied, or lives elsewhere by now.

    It is the settings that name it, or the command: to try again is of no use.
    """

    retryable = False


@frozen(kw_only=True)
class CopyFact:
    """
    Which copy a store is a part of.

    Attributes:
        copy_id: Names the copy, in both stores.
        source: The address of the store that is copied.
        target: The address of the store it is copied to.
        at: When it was begun, or ended, as ISO 8601 text in UTC.
        is_target: Whether this store is the one it is copied to.
        stamp: What the source was like when it was begun.
        is_verified: Whether both stores were compared.
        is_kept: Whether the source can still be used afterwards.
    """

    copy_id: str
    source: str
    target: str
    at: str
    is_target: bool
    stamp: str = ""
    is_verified: bool = False
    is_kept: bool = False

    def to_text(self) -> str:
        """Return it as the store has it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str | None) -> CopyFact | None:
        """Read what a store has; `None` for what makes no sense."""
        try:
            found: dict[str, Any] = json.loads(text or "null")
            return cls(**{name: found[name] for name in fields_dict(cls) if name in found})
        except (ValueError, TypeError):
            return None


def refuse_mark(connection: Connection, version: str | None) -> None:
    """
    Refuse a store that has a mark in place of its version.

    Raises:
        StoreMarkedError: It has.
    """
    if version not in MARKS:
        return
    text = connection.execute(select(facts.c.value).where(facts.c.name == COPY_FACT)).scalar()
    raise StoreMarkedError(explain_mark(version, CopyFact.from_text(text)))


def explain_mark(version: str | None, fact: CopyFact | None) -> str:
    """Return in one line what a mark says, and what to do."""
    if fact is None:
        return f"it is marked as {version}, and does not say for which copy"
    at = fact.at[:16].replace("T", " ")
    keep = ["--keep"] if fact.is_kept else []
    go_on = shlex.join(["batchhub", "store", "copy", fact.source, fact.target, *keep])
    reopen = shlex.join(["batchhub", "store", "reopen", fact.source])
    if version == MOVED:
        return (
            f"it was copied to {fact.target} on {at} UTC, and that is the store to use; to use "
            f"this one again, and no longer the other, reopen it: {reopen}"
        )
    if fact.is_target:
        return (
            f"a copy of {fact.source} to it, begun on {at} UTC, is not complete; go on with: "
            f"{go_on}"
        )
    return (
        f"it is being copied to {fact.target} since {at} UTC; go on with: {go_on}; or give that "
        f"copy up, and use this one again: {reopen}"
    )

"""
The steps of a copy, each committed, so that one that was killed goes on where it was.

1. Both stores are held: nobody else writes to them.
2. The source is marked, then the target, with the number of the copy and what the source is like.
3. The rows are copied, a few thousand a transaction, together with the key of the last one.
4. Both stores are read anew and compared, row by row; that they are alike is written down.
5. The source is marked as moved, so that nobody goes on with it, or freed of its mark.
6. The target gets its version, and can be opened.

Killed between any two of them, both stores stay marked and nobody can open either: no job is ever
driven from both.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import evolve
from sqlalchemy import LargeBinary, Table

from batchhub._base.failpoints import failpoint
from batchhub._store.marks import COPY_FACT, COPYING, MARKS, MOVED, CopyFact, explain_mark
from batchhub._store.migrations import HEAD
from batchhub.errors import StoreError, UsageError

from .columns import COPIED, NUMBERED, Row, Rows
from .ends import COPIED_FACT, End
from .progress import Progress, forget_progress
from .reports import CopyReport, CopyStep, Replaced, TableCopy

CHUNK_ROWS: Final = 5_000
"""The most rows of a transaction."""

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Bytes from which on a transaction gets no more rows."""

_DIGEST_BYTES: Final = 16


class CopyStoppedError(Exception):
    """The copy was stopped by its caller; it can go on."""


class LoadsLeftError(Exception):
    """The source has jobs that were being stored or deleted by processes that are gone."""


class Copying:
    """
    One copy of a store, or what is left of it.

    Args:
        source: What is copied; it is held.
        target: What it is copied to; it is held.
        is_kept: Whether the source can still be used afterwards.
        is_anew: Whether what an earlier copy has left in the target is deleted first.
        on_step: Told how far it is.
        check: Called now and then; what it raises ends the copy, which can go on.
    """

    def __init__(
        self,
        source: End,
        target: End,
        *,
        is_kept: bool,
        is_anew: bool,
        on_step: Callable[[CopyStep], None],
        check: Callable[[], None],
    ) -> None:
        self._source = source
        self._target = target
        self._is_kept = is_kept
        self._is_anew = is_anew
        self._on_step = on_step
        self._check = check

    def run(self) -> CopyReport:
        """
        Copy what is not copied yet.

        Raises:
            UsageError: These two stores can't be copied so; nothing was changed.
            LoadsLeftError: Something is to be deleted from the source first.
            StoreError: A store could not be read or written, or the copy is not like its source.
        """
        fact = self._begin()
        if fact is None:
            is_open = self._source.find_version() == HEAD
            return evolve(self._report(), is_kept=is_open, was_done=True)
        if not fact.is_verified:
            done = [self._copy(table) for table in COPIED]
            self._set_numbers()
            self._target.refresh()
            self._compare(done)
            with self._target.transaction():
                fact = evolve(fact, is_verified=True)
                self._target.set_fact(COPY_FACT, fact.to_text())
        failpoint("copy.verified")
        tables = [Progress.read(self._target, table) for table in COPIED]
        if self._is_kept:
            self._open_target(fact)
            self._free_source()
        else:
            self._move_source(fact)
            failpoint("copy.moved")
            self._open_target(fact)
        return self._report(tables)

    # The beginning.

    def _begin(self) -> CopyFact | None:
        """Return which copy this is, once both stores are marked; `None` if it is complete."""
        source, target = self._source, self._target
        theirs, ours = source.find_version(), target.find_version()
        if ours not in {HEAD, *MARKS} or theirs not in {HEAD, *MARKS}:
            name, version = (
                (target.name, ours) if theirs in {HEAD, *MARKS} else (source.name, theirs)
            )
            raise UsageError(f"store {name} is of version {version}, and not of {HEAD}")
        begun = source.find_copy() if theirs in MARKS else None
        if theirs in MARKS and (begun is None or begun.is_target or begun.target != target.address):
            raise UsageError(f"store {source.name}: {explain_mark(theirs, begun)}")
        if ours in MARKS:
            return self._go_on(begun)
        copied = CopyFact.from_text(target.get_fact(COPIED_FACT))
        if begun is not None and copied is not None and copied.copy_id == begun.copy_id:
            if theirs == COPYING:  # it was to be kept
                self._free_source()
            return None
        if theirs == MOVED:
            raise UsageError(f"store {source.name}: {explain_mark(theirs, begun)}")
        if found := target.find_rows():
            raise UsageError(
                f"store {target.name} is not empty (it has {', '.join(found[:3])}); a store is "
                "copied to an empty one only"
            )
        return self._mark(begun)

    def _go_on(self, begun: CopyFact | None) -> CopyFact:
        """Return which copy is to go on, or to begin anew."""
        source, target = self._source, self._target
        found = target.find_copy()
        if found is None or not found.is_target or found.source != source.address:
            version = target.find_version()
            raise UsageError(f"store {target.name}: {explain_mark(version, found)}")
        if not self._is_anew:
            if begun is None or begun.copy_id != found.copy_id:
                raise UsageError(
                    f"store {source.name} was used since its copy to {target.name} was begun; "
                    "begin anew with --restart"
                )
            if not found.is_verified and source.stamp() != found.stamp:
                raise UsageError(
                    f"store {source.name} has changed since its copy to {target.name} was begun; "
                    "begin anew with --restart"
                )
            return self._note_option(begun, found)
        if source.find_version() == MOVED:
            raise UsageError(f"store {source.name}: {explain_mark(MOVED, begun)}")
        with target.transaction():
            for table in reversed(COPIED):
                target.clear(table)
            forget_progress(target)
        return self._mark(None)

    def _mark(self, begun: CopyFact | None) -> CopyFact:
        """Mark both stores, the source first."""
        source, target = self._source, self._target
        if source.find_loads():
            raise LoadsLeftError
        fact = begun or CopyFact(
            copy_id=secrets.token_hex(8),
            source=source.address,
            target=target.address,
            at=_now(),
            is_target=False,
        )
        fact = evolve(fact, is_kept=self._is_kept)
        with source.transaction():
            source.set_fact(COPY_FACT, fact.to_text())
            source.set_version(COPYING)
        failpoint("copy.marked")
        fact = evolve(fact, is_target=True, stamp=source.stamp())
        with target.transaction():
            if target.find_rows():
                raise UsageError(f"store {target.name} is not empty any more")
            target.set_fact(COPY_FACT, fact.to_text())
            target.set_version(COPYING)
        failpoint("copy.begun")
        return fact

    def _note_option(self, begun: CopyFact, found: CopyFact) -> CopyFact:
        """Have both marks say what becomes of the source if it is another thing by now."""
        if found.is_kept == self._is_kept:
            return found
        for end, fact in ((self._source, begun), (self._target, found)):
            with end.transaction():
                end.set_fact(COPY_FACT, evolve(fact, is_kept=self._is_kept).to_text())
        return evolve(found, is_kept=self._is_kept)

    # The rows.

    def _copy(self, table: Table) -> Progress:
        """Copy what the target does not have of a table."""
        source, target = self._source, self._target
        progress = Progress.read(target, table)
        if progress.is_done:
            return progress
        rows, total = Rows(table, target.find_limits(table)), source.count(table)
        wide = [n for n, each in enumerate(table.columns) if isinstance(each.type, LargeBinary)]
        key = [table.columns.keys().index(column.name) for column in table.primary_key]
        self._say("copy", table, progress.rows, total)
        for chunk in _cut(source.rows(table, progress.after), wide):
            self._check()
            made = [rows.convert(row) for row in chunk]
            progress.note(len(chunk), [chunk[-1][n] for n in key], rows.take_replaced())
            with target.transaction():
                target.insert(table, made)
                progress.write(target)
            failpoint("copy.chunk_kept")
            self._say("copy", table, progress.rows, total)
        progress.is_done = True
        with target.transaction():
            progress.write(target)
        return progress

    def _set_numbers(self) -> None:
        """Have the target number new rows behind all that the source ever had."""
        with self._target.transaction():
            for table, column in NUMBERED:
                self._target.set_highest(table, column, self._source.find_highest(table, column))

    def _compare(self, done: Iterable[Progress]) -> None:
        """
        Compare both stores, and keep the digests.

        Raises:
            StoreError: They are not alike.
        """
        unlike = []
        for progress in done:
            table, limits = progress.table, self._target.find_limits(progress.table)
            total = 2 * progress.rows
            theirs = self._digest(self._source, Rows(table, limits), 0, total)
            ours = self._digest(
                self._target, Rows(table, None, is_source=False), progress.rows, total
            )
            if theirs != ours:
                unlike.append(f"{table.name} ({theirs[0]} and {ours[0]} rows)")
                continue
            progress.digest = ours[1]
            with self._target.transaction():
                progress.write(self._target)
        if unlike:
            raise StoreError(
                f"store {self._target.name} is not like {self._source.name}: table "
                f"{', '.join(unlike)}; one of them was changed meanwhile, so the copy can't be "
                "used; begin anew with --restart"
            )

    def _digest(self, end: End, rows: Rows, begin: int, total: int) -> tuple[int, str]:
        """Return how many rows a table has, and their digest in the order of their keys."""
        hashed, number = hashlib.blake2b(digest_size=_DIGEST_BYTES), 0
        for row in end.rows(rows.table):
            hashed.update(rows.digest(rows.convert(row)))
            number += 1
            if not number % CHUNK_ROWS:
                self._check()
                self._say("compare", rows.table, begin + number, total)
        return number, hashed.hexdigest()

    # The end.

    def _move_source(self, fact: CopyFact) -> None:
        """Mark the source as moved."""
        with self._source.transaction():
            said = evolve(fact, is_target=False, at=_now())
            self._source.set_fact(COPY_FACT, said.to_text())
            self._source.set_version(MOVED)

    def _free_source(self) -> None:
        """Take the mark off the source."""
        with self._source.transaction():
            self._source.set_fact(COPY_FACT, None)
            self._source.set_version(HEAD)

    def _open_target(self, fact: CopyFact) -> None:
        """Give the target its version."""
        with self._target.transaction():
            forget_progress(self._target)
            self._target.set_fact(COPY_FACT, None)
            self._target.set_fact(COPIED_FACT, evolve(fact, at=_now()).to_text())
            self._target.set_version(HEAD)

    def _report(self, done: Iterable[Progress] = ()) -> CopyReport:
        replaced = Replaced()
        for each in done:
            replaced.add(each.replaced)
        return CopyReport(
            source=self._source.name,
            target=self._target.name,
            tables=tuple(
                TableCopy(table=str(each.table.name), rows=each.rows, digest=each.digest)
                for each in done
            ),
            replaced=replaced,
            is_kept=self._is_kept,
        )

    def _say(self, what: str, table: Table, done: int, total: int) -> None:
        self._on_step(CopyStep(what=what, table=str(table.name), done=done, total=total))


def _cut(rows: Iterable[Row], wide: Sequence[int]) -> Iterator[list[Row]]:
    """Cut rows into chunks; those in some columns are long."""
    chunk, size = list[Row](), 0
    for row in rows:
        chunk.append(row)
        size += sum(len(row[n] or b"") for n in wide)
        if len(chunk) == CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def reopen(end: End) -> CopyFact | None:
    """
    Take a mark off a store that was copied, so that it can be used again; return which copy it was.

    Raises:
        UsageError: It is an incomplete copy itself.
    """
    version = end.find_version()
    if version not in MARKS:
        return None
    fact = end.find_copy()
    if fact is not None and fact.is_target:
        raise UsageError(f"store {end.name}: {explain_mark(version, fact)}")
    with end.transaction():
        end.set_fact(COPY_FACT, None)
        end.set_version(HEAD)
    return fact


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

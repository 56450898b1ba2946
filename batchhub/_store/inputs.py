"""The rows that the items of a job were made of, read with what became of each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Final, TypeAlias

from attrs import evolve, field, frozen
from sqlalchemy import Connection, bindparam, inspect, select

from batchhub.errors import NotKnownError, StoreError, UsageError
from batchhub.models import ItemResult
from batchhub.models.rows import InputHead, InputRow

from . import job_rows
from .damage import DamagedError, damaged, read_row
from .database import Database
from .last_words import LastWords
from .records import JobRecord
from .row_blocks import BlockRows, decompress, read_data, read_head
from .statements import Row, Statement
from .tables import input_blocks, inputs, results

_HEAD: Final = Statement(select(inputs).where(inputs.c.job_no == bindparam("this_job")))
_PLACES: Final = Statement(
    select(input_blocks.c.job_no, input_blocks.c.first_row, input_blocks.c.first_item)
    .where(input_blocks.c.job_no == bindparam("this_job"))
    .order_by(input_blocks.c.first_row)
)
_BLOCK: Final = Statement(
    select(input_blocks).where(
        input_blocks.c.job_no == bindparam("this_job"),
        input_blocks.c.first_row == bindparam("this_row"),
    )
)
_REPEATED: Final = Statement(
    select(results.c.position)
    .where(
        results.c.job_no == bindparam("this_job"), results.c.retried_in == bindparam("this_retry")
    )
    .order_by(results.c.position)
)

_Positions: TypeAlias = "array[int]"


@frozen(kw_only=True)
class KeptInput:
    """
    The rows that a job's items were made of, before they are read.

    Attributes:
        job: The job.
        head: What is known of the rows as a whole.
        source: The number of the job that has them: of a retry, the first one of its chain.
        rows: How many rows that one has.
        blocks: Of each block, the number of its first row, and the position of its first item.
        picked: Of a retry, the positions in `source` of the items it repeats; `None` for all.
    """

    job: JobRecord
    head: InputHead
    source: int
    rows: int
    blocks: Sequence[tuple[int, int]] = field(repr=False)
    picked: _Positions | None = field(repr=False)


class Inputs:
    """
    The inputs of the jobs of a store.

    Every method raises `StoreError` when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get(self, job_id: str) -> KeptInput:
        """
        Return what is known of the rows of a job, or of a retry's first job.

        Raises:
            NotKnownError: The store has no such job.
            UsageError: No rows were kept; it says of which job.
        """

        def work(connection: Connection) -> KeptInput:
            # An older store that can only be read has no such tables.
            if self._db.is_read_only and not inspect(connection).has_table(inputs.name):
                raise _nothing_kept(job_id)
            job = job_rows.get_job(connection, job_id)
            source, picked = _find_source(connection, job)
            try:
                row = _HEAD.first(connection, {"this_job": source.job_no})
                if row is None:
                    raise _nothing_kept(job_id, source.job_id)
                head, rows = _read_head(row)
                blocks = [_read_place(row) for row in _places(connection, source)]
            except DamagedError as error:
                raise error.of(source.job_id) from None
            head = evolve(head, rows=rows if picked is None else len(picked))
            return KeptInput(
                job=job, head=head, source=source.job_no, rows=rows, blocks=blocks, picked=picked
            )

        return await self._db.read(work)

    async def read(self, kept: KeptInput, *, with_retries: bool) -> AsyncIterator[InputRow]:
        """
        Yield the rows in their order, a block of them in memory.

        Args:
            kept: What `get` returned.
            with_retries: Whether the results are those of retries, where there are any.

        Raises:
            NotKnownError: The job was deleted meanwhile.
            DamagedError: Rows are missing, or can't be read.
        """
        words = LastWords(kept.job.job_no, with_retries=with_retries)
        reader = _Reader(kept, words)
        try:
            for work in reader.works():
                for row in await self._db.read(work):
                    yield row
        except DamagedError as error:
            raise error.of(kept.job.job_id) from None


class _Reader:
    """Reads block after block, and looks that none is missing."""

    def __init__(self, kept: KeptInput, words: LastWords) -> None:
        self._kept = kept
        self._words = words
        self._next = (1, 1)

    def works(self) -> Iterator[Callable[[Connection], list[InputRow]]]:
        """Yield what is to be done in a transaction, for each block."""
        picked, blocks = self._kept.picked, self._kept.blocks
        ends = [*(item for _, item in blocks[1:]), None]
        for place, end in zip(blocks, ends, strict=True):
            if picked is None:
                yield self._make_work(place)
                continue
            first = bisect_left(picked, place[1])
            last = len(picked) if end is None else bisect_left(picked, end)
            if first < last:
                yield self._make_work(place, range(first, last))
        if picked is None:
            self._check((self._kept.rows + 1, None), self._kept.rows)

    def _make_work(
        self, place: tuple[int, int], which: range | None = None
    ) -> Callable[[Connection], list[InputRow]]:
        def work(connection: Connection) -> list[InputRow]:
            kept = self._kept
            facts = {"this_job": kept.source, "this_row": place[0]}
            row = _BLOCK.first(connection, facts)
            if job_rows.find_job_no(connection, kept.job.job_id) is None:
                raise NotKnownError("job", kept.job.job_id, hint="it was deleted meanwhile")
            if row is None:
                raise StoreError(f"the rows of job {kept.job.job_id} were deleted meanwhile")
            block = _read_block(row)
            if which is None:
                return self._all(connection, row, block)
            return self._some(connection, row, block, which)

        return work

    def _all(self, connection: Connection, row: Row, block: BlockRows) -> list[InputRow]:
        """Return all rows of a block."""
        first_row, first_item = row["first_row"], row["first_item"]
        self._check((first_row, first_item), first_row)
        sent = len(block.cells) - len(block.reasons)
        self._next = (first_row + len(block.cells), first_item + sent)
        found = self._words.read(connection, first_item, first_item + sent - 1) if sent else {}
        made, position = [], first_item
        for at in range(len(block.cells)):
            result = None
            if at not in block.reasons:
                result, position = found.get(position), position + 1
            made.append(_make_row(first_row, block, at, result))
        return made

    def _some(
        self, connection: Connection, row: Row, block: BlockRows, which: range
    ) -> list[InputRow]:
        """Return the rows of a block whose items a retry repeats; `which` are its items, from 0."""
        picked = self._kept.picked
        assert picked is not None  # noqa: S101  # else all rows are read
        sent = [at for at in range(len(block.cells)) if at not in block.reasons]
        found = self._words.read(connection, which.start + 1, which.stop)
        made = []
        for each in which:
            nth = picked[each] - row["first_item"]
            if nth >= len(sent):
                raise damaged(input_blocks, row, "rows that were made items are missing")
            made.append(_make_row(row["first_row"], block, sent[nth], found.get(each + 1)))
        return made

    def _check(self, found: tuple[int, int | None], row: int) -> None:
        """Check that rows and items go on where those before have ended."""
        wanted = self._next
        if found[0] != wanted[0] or found[1] not in {wanted[1], None}:
            reason = f"rows are missing, from {wanted[0]} on"
            raise DamagedError(input_blocks.name, self._kept.source, row, reason)


def _find_source(connection: Connection, job: JobRecord) -> tuple[JobRecord, _Positions | None]:
    """
    Return the job that a chain of retries begins with, and which of its items this one repeats.

    Raises:
        UsageError: It was deleted.
    """
    picked: _Positions | None = None
    source = job
    while source.retry_of is not None:
        try:
            older = job_rows.get_job(connection, source.retry_of)
        except NotKnownError:
            raise UsageError(
                f"job {job.job_id} repeats items of job {source.retry_of}, which was deleted "
                "together with its rows"
            ) from None
        facts = {"this_job": older.job_no, "this_retry": source.job_id}
        theirs = array("Q", (row["position"] for row in _REPEATED.rows(connection, facts)))
        picked = theirs if picked is None else _pick(theirs, picked, older)
        source = older
    return source, picked


def _pick(positions: _Positions, items: _Positions, job: JobRecord) -> _Positions:
    """Return the positions of some items of a retry, which are counted from 1."""
    if items and items[-1] > len(positions):
        raise DamagedError(results.name, job.job_id, None, "items that are repeated are missing")
    return array("Q", (positions[item - 1] for item in items))


def _places(connection: Connection, job: JobRecord) -> Iterator[Row]:
    return _PLACES.rows(connection, {"this_job": job.job_no})


def _read_place(row: Row) -> tuple[int, int]:
    values = read_row(input_blocks, row, ("first_row", "first_item"))
    return values["first_row"], values["first_item"]


def _read_head(row: Row) -> tuple[InputHead, int]:
    values = read_row(inputs, row, ("head",))
    try:
        return read_head(values["head"])
    except ValueError as error:
        raise damaged(inputs, row, str(error)) from None


def _read_block(row: Row) -> BlockRows:
    values = read_row(input_blocks, row, ("first_row", "first_item", "data"))
    try:
        return read_data(decompress(values["data"]))
    except ValueError as error:
        raise damaged(input_blocks, row, str(error)) from None


def _make_row(first: int, block: BlockRows, at: int, result: ItemResult | None) -> InputRow:
    """Return the row at a place of a block that begins with row `first`."""
    return InputRow(
        row=first + at,
        line=block.lines[at],
        cells=block.cells[at],
        reason=block.reasons.get(at),
        result=result,
    )


def _nothing_kept(job_id: str, source: str | None = None) -> UsageError:
    """Return an error that says of which job no rows were kept, and why that may be."""
    what = f"no rows were kept of job {source or job_id}"
    if source not in {None, job_id}:
        what += f", whose items job {job_id} repeats"
    return UsageError(
        f"{what}: its items were not made of rows, or it was to keep none, or an earlier version "
        "of batchhub took it in"
    )

"""Where the results of a command go, and whether the file may be written."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from batchhub._base.show import clean
from batchhub.adapter import Adapter
from batchhub.cli.screen.console import OutputError, say_warning
from batchhub.errors import NotKnownError, StoreError, UsageError
from batchhub.hub import BatchHub, BatchJob
from batchhub.models import InputRow, InputRows, ItemResult, ItemState
from batchhub.tables import ResultsWriter

from .files import make_writer, write_results
from .job_options import OutputOptions

_UNSENT: Final = "; nothing was sent"


@frozen(kw_only=True)
class Which:
    """
    Which results are wanted.

    Attributes:
        states: Those in one of these states; all if neither these nor the next are there.
        row_states: Of rows also those in one of these states of `ROW_STATES`.
        codes: Those with one of these HTTP statuses; all if there are none.
        with_retries: Whether the last word over all retries is wanted.
    """

    states: Collection[ItemState] = ()
    row_states: Collection[str] = ()
    codes: Collection[int] = ()
    with_retries: bool = False

    def choose(self, rows: InputRows) -> InputRows:
        """Return the rows with such a result; if all are wanted, those without one, too."""
        if not (self.states or self.row_states or self.codes):
            return rows

        async def read() -> AsyncIterator[InputRow]:
            async for row in rows:
                if self._is_wanted(row):
                    yield row

        return InputRows(rows.head, read)

    def _is_wanted(self, row: InputRow) -> bool:
        if row.result is None:
            state = "pending" if row.reason is None else "rejected"
            return state in self.row_states and not self.codes
        is_all = not (self.states or self.row_states)
        is_in_state = is_all or row.result.state in self.states
        return is_in_state and (not self.codes or row.result.code in self.codes)


def _refuse_columns(options: OutputOptions) -> None:
    """Refuse what chooses columns of results: before a file that has them is proposed for it."""
    chosen = {"--fields": options.fields, "--as": options.as_, "--explode": options.explode}
    for option, is_given in chosen.items():
        if is_given:
            raise UsageError(f"{option} is for results alone; rows have the columns of the input")


class Output:
    """
    The file, pipe or stream of the results.

    A file that exists is written over only if it has the results of the very job, as they were
    written: whatever else is in it may be somebody's work. ``--force`` says that it is not. What
    the command reads from is never written over.

    Attributes:
        name: What it is called in messages.
        unit: What is written: ``result`` or ``row``.
        needs_adapter: Whether `fit` is needed.

    Args:
        options: The options of the command.
        sends: Whether the command sends something, which a refusal says was not done.

    Raises:
        UsageError: There can be no such file, format or field, or a package is missing.
    """

    def __init__(self, options: OutputOptions, *, sends: bool) -> None:
        if options.with_input:
            _refuse_columns(options)
        self._writer = make_writer(options)
        self._hub: BatchHub | None = None
        self._is_forced = options.force
        self._has_input = options.with_input
        self._end = _UNSENT if sends else ""
        self.name = self._writer.name
        self.unit = "row" if options.with_input else "result"
        self.needs_adapter = self._writer.needs_adapter

    def fit(self, adapter: type[Adapter[Any]]) -> None:
        """Make the columns by the type that the adapter reads bodies as."""
        self._writer.fit(adapter)

    def spare(self, files: Iterable[str | os.PathLike[str]]) -> None:
        """Refuse to write over files that the command needs, whatever was said."""
        self._writer.spare(files)

    async def spare_input(self, job: BatchJob) -> None:
        """
        Refuse to write over the file that the items of a job came from, whatever was said.

        Raises:
            UsageError: The results would go there.
        """
        if self._writer.file is None:
            return
        try:
            head = (await job.rows()).head
        except (UsageError, StoreError):  # not kept or damaged: nobody knows where they are from
            return
        if head.path is not None and self._writer.is_file(head.path):
            raise UsageError(
                f"can't write results to {self.name}: the items of job {job.id} are from this "
                f"file{self._end}"
            )

    async def check(self, hub: BatchHub, jobs: Iterable[BatchJob]) -> None:
        """
        Look whether the file may be written, before anything is sent.

        Args:
            hub: The hub that knows which results were written where.
            jobs: The jobs whose results may be in it.

        Raises:
            UsageError: It may not be.
        """
        self._hub = hub
        why = await self._find_obstacle({job.id for job in jobs})
        if why is not None:
            raise UsageError(f"{why}; --force overwrites it, or name another file{self._end}")

    async def check_key(self, hub: BatchHub, account: str, key: str | None) -> None:
        """
        Look whether the file may be written by a job that is not there yet, or is joined by a key.

        Raises:
            UsageError: It may not be.
        """
        file = self._writer.file
        joined: list[BatchJob] = []
        if key is not None and file is not None and _is_there(file) and not self._is_forced:
            found = await hub.find_export(file)
            job = None if found is None else await _find(hub, found.job_id)
            if job is not None and job.key == key and job.lane == hub.accounts[account].lane:
                joined.append(job)
        await self.check(hub, joined)

    async def write(self, job: BatchJob, which: Which | None = None) -> int:
        """
        Write the results of a job, and note where, so that they may be written there again.

        Args:
            job: The job, of the hub of `check`.
            which: Which results are wanted; by default all.

        Returns:
            How many results, or rows, there were.

        Raises:
            OutputError: They can't be written, or the file was made or changed meanwhile.
            UsageError: The job kept no input.
        """
        what = await self._find_results(job, which or Which())
        file = self._writer.file

        async def note(complete: Path) -> None:
            before = _look_at(file)
            why = await self._find_obstacle({job.id})
            if why is None:
                await _note(job, self._writer, complete)
                # Both take a while, and what is there by now is the last that is looked at.
                if not self._is_forced and _look_at(file) != before:
                    why = f"can't write results to {self.name}: it has just been written by others"
            if why is not None:
                raise OutputError(f"{why}; write them to another file")

        return await write_results(self._writer, what, None if file is None else note)

    async def _find_results(
        self, job: BatchJob, which: Which
    ) -> AsyncIterator[ItemResult] | InputRows:
        if not self._has_input:
            return job.results(
                only=which.states or None, code=which.codes or None, with_retries=which.with_retries
            )
        try:
            return which.choose(await job.rows(with_retries=which.with_retries))
        except UsageError as error:
            text = str(error).replace("with keep_input=False", "with --no-keep-input")
            raise UsageError(f"--with-input: {text}") from None

    async def _find_obstacle(self, jobs: set[str]) -> str | None:
        """Return why the file may not be written over; `None` if it may, or there is none."""
        file = self._writer.file
        if self._is_forced or file is None or not _is_there(file):
            return None
        found = None if self._hub is None else await self._hub.find_export(file)
        exists = f"can't write results to {self.name}: it exists"
        if found is None:
            return f"{exists}, and nothing says that it has results"
        if not found.is_unchanged:
            return f"{exists}, and was changed since it got the results of job {found.job_id}"
        if found.job_id not in jobs:
            return f"{exists}, and has the results of job {found.job_id}"
        return None


async def _note(job: BatchJob, writer: ResultsWriter, complete: Path) -> None:
    """Note what the file is about to have; without that it is written all the same."""
    assert writer.file is not None  # noqa: S101  # only of files
    try:
        await job.save_export(writer.file, complete)
    except StoreError as error:
        say_warning(f"the store can't note what {writer.name} has: {clean(str(error), 200)}")


async def _find(hub: BatchHub, job_id: str) -> BatchJob | None:
    try:
        return await hub.job(job_id)
    except NotKnownError:
        return None


def _look_at(file: Path | None) -> tuple[int, ...] | None:
    """Return what changes where a file is written, or another takes its place; `None` without."""
    try:
        seen = os.lstat(file or "")
    except OSError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns


def _is_there(file: Path) -> bool:
    return os.path.lexists(file)

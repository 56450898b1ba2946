"""Exit codes: one table for all commands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from batchhub.cli.screen.console import OutputError
from batchhub.errors import AdapterError, CredentialsError, UsageError
from batchhub.models import BatchStatus


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    """All items succeeded, or a read-only command finished."""
    UNSUCCESSFUL = 1
    """The job ended, but not all items succeeded. Or rows were set aside by `--rejects`."""
    USAGE = 2
    """Bad usage, input or settings, or an unknown name: nothing was sent. Or the output could
    not be written."""
    REFUSED = 3
    """The vendor refused every ticket, or the credentials."""
    UNFINISHED = 4
    """Not finished; can be resumed. Or `health` found a job that is stuck or unattended."""
    HELD = 5
    """Held: it is unknown whether the vendor has a ticket; decide with `adopt`, `retry` or
    `cancel`; also what `health` found. Or the adapter fails each time."""
    INTERRUPTED = 130
    """Interrupted; can be resumed."""


_WORST_FIRST: Final = (
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.HELD,
    ExitCode.UNFINISHED,
    ExitCode.UNSUCCESSFUL,
    ExitCode.OK,
)


def exit_code(end: BatchStatus | BaseException) -> ExitCode:
    """Return the exit code for a job's status, or for the error that ended a command."""
    if isinstance(end, BaseException):
        return _of_error(end)
    if end.is_held:
        return ExitCode.HELD
    if not end.state.is_terminal:
        return ExitCode.UNFINISHED
    if end.is_refused:
        return ExitCode.REFUSED
    is_success = end.counts.succeeded == end.counts.total
    return ExitCode.OK if is_success else ExitCode.UNSUCCESSFUL


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the worst of several codes; OK if there are none."""
    found = set(codes)
    return next((code for code in _WORST_FIRST if code in found), ExitCode.OK)


def _of_error(error: BaseException) -> ExitCode:
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        return ExitCode.INTERRUPTED
    if isinstance(error, AdapterError) and error.is_lasting:
        return ExitCode.HELD  # it fails each time: somebody has to look at it
    # An adapter that does not load fails before anything is sent. Output that can't be written is
    # the caller's to fix; the results can be written again.
    if isinstance(error, UsageError | AdapterError | OutputError):
        return ExitCode.USAGE
    if isinstance(error, CredentialsError):
        return ExitCode.REFUSED
    # Everything else, even a bug of ours, leaves the jobs in the store to be resumed.
    return ExitCode.UNFINISHED

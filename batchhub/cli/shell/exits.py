"""Exit codes: what a command's end means to whoever called it, by one table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from batchhub.cli.screen.console import OutputError
from batchhub.errors import AdapterError, CredentialsError, UsageError

if TYPE_CHECKING:
    from batchhub.models import BatchStatus


class ExitCode(IntEnum):
    """Every code the command ends with."""

    OK = 0
    """Every item succeeded; or a reader has read."""
    UNSUCCESSFUL = 1
    """Finished, but some item did not succeed."""
    USAGE = 2
    """Bad usage, input, settings, or an unknown name: nothing was sent. Or output nobody takes."""
    REFUSED = 3
    """The vendor refused every ticket, or the credentials."""
    UNFINISHED = 4
    """Not finished, and can be resumed."""
    HELD = 5
    """Nobody can tell whether the vendor has a ticket; somebody has to decide."""
    INTERRUPTED = 130
    """Stopped by a signal; can be resumed."""


_WORST_FIRST: Final = (
    ExitCode.REFUSED,
    ExitCode.HELD,
    ExitCode.UNFINISHED,
    ExitCode.UNSUCCESSFUL,
    ExitCode.OK,
)


def exit_code(end: BatchStatus | BaseException) -> ExitCode:
    """Return the code for how a job, or a command, came to its end."""
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
    """Return the worst of the codes of some jobs; OK if there are none."""
    found = set(codes)
    return next((code for code in _WORST_FIRST if code in found), ExitCode.OK)


def _of_error(error: BaseException) -> ExitCode:
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        return ExitCode.INTERRUPTED
    # A plug-in that does not load is met before anything is sent: the installation is at fault.
    # Output that can't be written is the caller's to mend, too; the results can be asked for again.
    if isinstance(error, UsageError | AdapterError | OutputError):
        return ExitCode.USAGE
    if isinstance(error, CredentialsError):
        return ExitCode.REFUSED
    # All the rest, a fault of our own included, leaves the jobs in the store to be resumed.
    return ExitCode.UNFINISHED

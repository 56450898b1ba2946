"""Output: results and JSON to standard output, everything else to standard error."""

from __future__ import annotations

import codecs
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from batchhub._base.show import clean
from batchhub.errors import BatchHubError

from .harmless import HarmlessStream, escape_hidden, show_plain, show_styled

if TYPE_CHECKING:
    from rich.console import Console

_READABLE: Final = "batchhub.readable"
"""The error handler for characters that the encoding lacks."""

ENDLESS: Final = 10_000
"""The width of an output that is not a terminal: lines are not wrapped."""

_NARROWEST: Final = 40


class OutputClosedError(Exception):
    """The reader of standard output has closed it, such as `head`."""


class OutputError(BatchHubError):
    """Output could not be written; the store still has the results."""


def say(text: str, *, styled: bool = False) -> None:
    """
    Write a line to standard error; errors are ignored, so that they stop no job.

    Args:
        text: The line, or several.
        styled: Whether Rich drew it, with colours.
    """
    harmless = show_styled(text) if styled else show_plain(text)
    try:
        # In one write, so that another process's output can't come between a line and its end.
        sys.stderr.write(f"{harmless}\n")
        sys.stderr.flush()
    except OSError:
        drop(sys.stderr)


def say_error(text: str) -> None:
    """Write an error as one line."""
    say(f"error: {clean(text, 1000)}")


def say_warning(text: str) -> None:
    """Write a warning as one line."""
    say(f"warning: {clean(text, 1000)}")


def write(line: str, *, styled: bool = False) -> None:
    """
    Write a line to standard output; characters that its encoding lacks are escaped.

    Args:
        line: The line.
        styled: Whether Rich drew it, with colours.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    harmless = show_styled(line) if styled else show_plain(line)
    write_bytes([harmless.encode(encoding, _READABLE) + b"\n"])


def write_json(value: Any) -> None:
    """Write attrs objects or plain JSON values as one line of JSON; a closed output is ignored."""
    with suppress(OutputClosedError):
        stream_json(value)


def stream_json(value: Any) -> None:
    """
    Write attrs objects or plain JSON values as one line of JSON to standard output.

    Raises:
        OutputClosedError: Its reader has closed it; there is no point in going on.
    """
    from batchhub.wire import dumps  # noqa: PLC0415  # cattrs is slow to import

    write_bytes([escape_hidden(dumps(value)) + b"\n"])


def write_bytes(chunks: Iterable[bytes]) -> None:
    """
    Write to standard output.

    Raises:
        OutputClosedError: Its reader has closed it.
        OutputError: It can't be written, such as to a full disk.
    """
    try:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        drop(sys.stdout)
        raise OutputClosedError from None
    except OSError as error:
        drop(sys.stdout)
        raise OutputError(f"can't write to standard output: {error.strerror}") from error


def prepare_streams() -> None:
    """Make sure that both streams exist, and that every character can be written."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_READABLE)
    guard_stderr()


def guard_stderr() -> None:
    """Let nothing harmful through to standard error, whoever writes it."""
    if sys.stderr is not None and not isinstance(sys.stderr, HarmlessStream):
        sys.stderr = cast("TextIO", HarmlessStream(sys.stderr))


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace an ellipsis by three dots, and any other character by its escape."""
    if isinstance(error, UnicodeEncodeError) and error.object[error.start] == "…":
        return "...", error.start + 1
    return codecs.backslashreplace_errors(error)


codecs.register_error(_READABLE, _escape)


def drop(stream: TextIO) -> None:
    """Discard what is still buffered, so that the interpreter's own flush succeeds."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def make_console(stream: TextIO, into: TextIO | None = None) -> Console:
    """
    Make a Rich console; lines are wrapped only on a terminal.

    Args:
        stream: Where its output will be shown.
        into: Where it is written to, if that is another.
    """
    from rich.console import Console  # noqa: PLC0415  # slow to import, and not always needed

    class PatientConsole(Console):
        def on_broken_pipe(self) -> None:
            drop(stream)

    is_terminal = stream.isatty()
    console = PatientConsole(
        file=into or stream,
        force_terminal=is_terminal,
        width=None if is_terminal else ENDLESS,
        highlight=False,
        markup=False,
    )
    if is_terminal and console.width < _NARROWEST:
        console.width = _NARROWEST
    return console


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Show Python's `warnings` as one line each, for as long as it is entered."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say_warning(str(message))

    before = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before

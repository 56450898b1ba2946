"""Reading items: JSON Lines from a file or standard input, a line in memory at a time."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from batchhub import _json
from batchhub.errors import InputError, UsageError

from ._console import say

T = TypeVar("T")

STDIN: Final = "-"
"""The name that stands for standard input."""

MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""The longest line; without a bound a file that has no lines would be read whole."""

_STDIN_FD: Final = 0
_CHUNK_BYTES: Final = 256 * 1024
_UNSENT: Final = "nothing was sent"
_BOM: Final = b"\xef\xbb\xbf"
_ENDINGS: Final = (".jsonl", ".ndjson")
_LATER: Final = {".csv": "CSV is", ".tsv": "CSV is", ".json": "a JSON array is"}
_KINDS: Final = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}


class ItemReader:
    """
    The items of one source, read once by ``async for``.

    Attributes:
        name: What to call the source in messages.
        line: The line that was yielded last, from 1; 0 before the first.
    """

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self.line = 0
        self._descriptor = descriptor
        self._has_begun = False

    def __enter__(self) -> ItemReader:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; standard input is left open."""
        if self._descriptor != _STDIN_FD:
            os.close(self._descriptor)

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """
        Yield one object for each line that is not blank.

        Raises:
            InputError: A line is no JSON object, or can't be read; it says which.
        """
        self._has_begun = True
        number = 0
        async for line in self._lines():
            number += 1
            if number == 1:
                line = line.removeprefix(_BOM)  # noqa: PLW2901  # some editors write one
            if line.strip():
                self.line = number
                yield parse_line(line, number)

    def explain(self, error: InputError) -> UsageError:
        """Say of an error that came up while the items were taken which line it was in."""
        if not self._has_begun:
            return error
        if error.position is not None:
            error = InputError(error.reason, item_id=error.item_id, line=self.line)
        end = "" if str(error).endswith(_UNSENT) else f"; {_UNSENT}"
        return UsageError(f"{self.name}: {error}{end}")

    async def _lines(self) -> AsyncIterator[bytes]:
        number, parts, size = 1, list[bytes](), 0
        async for chunk in self._chunks():
            *whole, rest = chunk.split(b"\n")
            for line in whole:
                yield b"".join((*parts, line))
                number, parts, size = number + 1, [], 0
            parts.append(rest)
            size += len(rest)
            if size > MAX_LINE_BYTES:
                raise InputError(f"longer than {MAX_LINE_BYTES >> 20} MiB", line=number)
        if size:
            yield b"".join(parts)

    async def _chunks(self) -> AsyncIterator[bytes]:
        """Read as it comes, so that a pipe nobody writes to can still be interrupted."""
        while True:
            try:
                if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                    chunk = os.read(self._descriptor, _CHUNK_BYTES)
                    await asyncio.sleep(0)
                else:
                    chunk = await _in_thread(lambda: os.read(self._descriptor, _CHUNK_BYTES))
            except OSError as error:
                raise InputError(f"can't be read: {error.strerror}") from error
            if not chunk:
                return
            yield chunk


def open_items(source: str) -> ItemReader:
    """
    Open a source of items; how it is read is told by its ending.

    Args:
        source: A path, or ``-`` for standard input.

    Raises:
        UsageError: There is no such file, it can't be read, or its form is not known.
    """
    if source == STDIN:
        if os.isatty(_STDIN_FD):
            say("reading items from the terminal, an object a line; Ctrl-D ends them")
        return ItemReader("standard input", _STDIN_FD)
    path = Path(source)
    try:
        if stat.S_ISREG(path.stat().st_mode):
            _check_ending(path)
        elif path.is_dir():
            raise UsageError(f"{source} is a folder; name a file with items")
        return ItemReader(source, os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)))
    except OSError as error:
        raise UsageError(f"can't read {source}: {error.strerror}") from None


def parse_line(line: bytes, number: int) -> dict[str, Any]:
    """
    Read the object a line holds.

    Raises:
        InputError: It holds something else, or one key twice: one of the two would be lost.
    """
    try:
        text = line.decode("utf-8")
        value = _json.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 (byte {error.start})", line=number) from None
    except ValueError as error:
        if text.lstrip().startswith("["):
            raise _no_array(number) from None
        reason = str(error).removeprefix("JSON is malformed: ")
        raise InputError(f"not valid JSON: {reason}", line=number) from None
    if isinstance(value, list):
        raise _no_array(number)
    if not isinstance(value, dict):
        kind = _KINDS.get(type(value), "a number")
        raise InputError(f"not an object but {kind}; write one object a line", line=number)
    try:
        _keys.decode(text)
    except _RepeatedKeyError as error:
        raise InputError(f"the key {error.args[0]!r} is there twice", line=number) from None
    return value


class _RepeatedKeyError(Exception):
    """Its argument is the key."""


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedKeyError(key)
        seen.add(key)


_keys: Final = json.JSONDecoder(object_pairs_hook=_refuse_repeated)


def _no_array(number: int) -> InputError:
    return InputError("a JSON array is not read yet; write one object a line", line=number)


def _check_ending(path: Path) -> None:
    ending = path.suffix.lower()
    if ending in _ENDINGS:
        return
    if ending in _LATER:
        raise UsageError(f"{path}: {_LATER[ending]} not read yet; write JSON Lines (.jsonl)")
    raise UsageError(
        f"{path}: the form is told by the ending, which must be {' or '.join(_ENDINGS)}; "
        "or use - for standard input"
    )


async def _in_thread(work: Callable[[], T]) -> T:
    """
    Do what may block for ever in a thread that keeps no process alive.

    Raises:
        OSError: From `work`.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: OSError | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # `None` only with an error

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except OSError as failure:
            error = failure
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=run, name="batchhub-input", daemon=True).start()
    return await future

"""JSON objects: one a line, or the elements of one array; strict, and no key lost."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from batchhub._base import json as _json
from batchhub.errors import InputError

from . import limits as _limits

BOM: Final = b"\xef\xbb\xbf"
"""What some editors write before UTF-8."""

_KINDS: Final = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
_SPACE: Final = re.compile(r"[ \t\n\r]*")


Found = tuple[int, "dict[str, Any] | InputError"]
"""Where something is, counted from 1, and the item, or why it is none."""

MakeItem = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes an item of an object."""


async def read_objects(chunks: AsyncIterator[bytes], make: MakeItem) -> AsyncIterator[Found]:
    """
    Yield what each line holds; its place is its number.

    Raises:
        InputError: A line is longer than 64 MiB.
    """
    async for number, line in read_lines(chunks):
        try:
            yield number, make(parse_line(line, number))
        except InputError as error:
            yield number, InputError(error.reason, line=number)


async def read_array(chunks: AsyncIterator[bytes], make: MakeItem) -> AsyncIterator[Found]:
    """
    Yield what each element of an array holds; its place is its number.

    Raises:
        InputError: The source holds no array, or more than 64 MiB.
    """
    for number, element in split_array(await read_whole(chunks)):
        try:
            if isinstance(element, InputError):
                raise element  # told like those of the elements that are whole
            yield number, make(parse_object(element))
        except InputError as error:
            yield number, InputError(error.reason, position=number)


async def read_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """
    Yield the lines that are not blank, with their numbers from 1.

    Raises:
        InputError: A line is longer than 64 MiB.
    """
    number, parts, size = 1, list[bytes](), 0
    async for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            joined = b"".join((*parts, line)) if parts else line
            if found := _strip(joined, number):
                yield number, found
            number, parts, size = number + 1, [], 0
        if rest:
            parts.append(rest)
            size += len(rest)
            if size > _limits.MAX_BYTES:
                raise _limits.too_long(number)
    if found := _strip(b"".join(parts), number):
        yield number, found


def _strip(line: bytes, number: int) -> bytes:
    return (line.removeprefix(BOM) if number == 1 else line).strip()


def parse_line(line: bytes, number: int) -> dict[str, Any]:
    """
    Read the object a line holds.

    Raises:
        InputError: It holds something else, or one key twice: one of the two would be lost.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 (byte {error.start})", line=number) from None
    try:
        return parse_object(text)
    except InputError as error:
        if text.lstrip().startswith("["):
            reason = "a JSON array; write one object a line, or say --format json"
            raise InputError(reason, line=number) from None
        hint = "; write one object a line" if error.reason.startswith("not an object") else ""
        raise InputError(f"{error.reason}{hint}", line=number) from None


def parse_object(text: str) -> dict[str, Any]:
    """
    Read one object.

    Raises:
        InputError: The text holds something else, or one key twice.
    """
    try:
        value = _json.loads(text)
    except ValueError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        if reason.startswith("maximum recursion depth"):
            raise _too_deep() from None
        raise InputError(f"not valid JSON: {reason}") from None
    if not isinstance(value, dict):
        raise InputError(f"not an object but {_KINDS.get(type(value), 'a number')}")
    try:
        _keys.decode(text)
    except _RepeatedKeyError as error:
        raise InputError(f"the key {error.args[0]!r} is there twice") from None
    except RecursionError:
        raise _too_deep() from None
    return value


async def read_whole(chunks: AsyncIterator[bytes]) -> bytes:
    """
    Read what must be in memory as a whole.

    Raises:
        InputError: It is more than 64 MiB.
    """
    parts, size = list[bytes](), 0
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > _limits.MAX_BYTES:
            raise InputError(
                f"a JSON array of more than {_limits.MAX_BYTES >> 20} MiB is not read; "
                "write JSON Lines (.jsonl), an object a line, which may have any size"
            )
    return b"".join(parts)


def split_array(data: bytes) -> Iterator[tuple[int, str | InputError]]:
    """
    Yield the elements of an array as JSON texts, numbered from 1; of a broken one the error.

    After an element that is no JSON the rest can't be told apart: it comes last.

    Raises:
        InputError: The data is no array.
    """
    try:
        text = data.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"not UTF-8 (byte {error.start}); JSON is UTF-8", line=line) from None
    at = _skip(text, 0)
    if at == len(text):
        return
    if text[at] != "[":
        hint = "; for an object a line, say --format jsonl" if text[at] == "{" else ""
        raise InputError(f"not a JSON array{hint}", line=1 + text.count("\n", 0, at))
    number, at = 0, _skip(text, at + 1)
    is_end = text.startswith("]", at)
    while not is_end:
        number += 1
        try:
            end = _elements.raw_decode(text, at)[1]
            after = _skip(text, end)
            if text[after : after + 1] not in {",", "]"}:
                raise json.JSONDecodeError("Expecting ',' or ']'", text, after)  # noqa: TRY301
        except (json.JSONDecodeError, RecursionError) as error:
            yield number, _broken(error)
            return
        yield number, text[at:end]
        is_end = text[after] == "]"
        at = after + 1 if is_end else _skip(text, after + 1)
    if _skip(text, at + (number == 0)) != len(text):
        yield number + 1, InputError("there is something behind the array's end")


def _broken(error: json.JSONDecodeError | RecursionError) -> InputError:
    if isinstance(error, RecursionError):
        return _too_deep()
    if error.pos >= len(error.doc.rstrip()):
        return InputError("not valid JSON: the file ends inside the array; is it complete?")
    return InputError(f"not valid JSON: {error.msg}, at line {error.lineno} column {error.colno}")


def _too_deep() -> InputError:
    return InputError("not valid JSON: nested too deeply")


def _skip(text: str, at: int) -> int:
    """Return where the next character is that is no space."""
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


class _RepeatedKeyError(Exception):
    """Its argument is the key."""


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedKeyError(key)
        seen.add(key)


def _nothing(_: object) -> None:
    """Keep no number: Python bounds the digits of one, the exact reader does not."""


_keys: Final = json.JSONDecoder(object_pairs_hook=_refuse_repeated, parse_int=_nothing)
_elements: Final = json.JSONDecoder(parse_int=_nothing, parse_float=_nothing)

"""JSON objects: one a line, or the elements of one array; strict, and no key lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

from batchhub._base import json as _json
from batchhub._tables.wording import Say
from batchhub.errors import InputError

from . import source as _source

BOM: Final = b"\xef\xbb\xbf"
"""What some editors write before UTF-8."""

_KINDS: Final = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
_SPACE: Final = re.compile(r"[ \t\n\r]*")


Found = tuple[int, "dict[str, Any] | InputError"]
"""Where something is, counted from 1, and the item, or why it is none."""

MakeItem = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes an item of an object."""


def read_objects(stream: IO[bytes], make: MakeItem, *, say: Say) -> Iterator[Found]:
    """
    Yield what each line holds; its place is its number. Blank lines hold nothing.

    Raises:
        InputError: A line is longer than 64 MiB.
    """
    number = 0
    while line := stream.readline(_source.MAX_BYTES + 1):
        number += 1
        if len(line) > _source.MAX_BYTES:
            raise _source.too_long(number)
        bare = (line.removeprefix(BOM) if number == 1 else line).strip()
        if not bare:
            continue
        try:
            yield number, make(_parse_line(bare, number, say))
        except InputError as error:
            yield number, InputError(error.reason, line=number)


def read_array(stream: IO[bytes], make: MakeItem, *, say: Say) -> Iterator[Found]:
    """
    Yield what each element of an array holds; its place is its number.

    Raises:
        InputError: The source holds no array, or more than 64 MiB.
    """
    data = stream.read(_source.MAX_BYTES + 1)
    if len(data) > _source.MAX_BYTES:
        raise InputError(
            f"a JSON array of more than {_source.MAX_BYTES >> 20} MiB is not read; "
            "write JSON Lines (.jsonl), an object a line, which may have any size"
        )
    for number, element in _split_array(data, say):
        try:
            if isinstance(element, InputError):
                raise element  # placed like those of the elements that are whole
            yield number, make(_parse_object(element))
        except InputError as error:
            yield number, InputError(error.reason, position=number)


def _parse_line(line: bytes, number: int, say: Say) -> dict[str, Any]:
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
        return _parse_object(text)
    except InputError as error:
        if text.lstrip().startswith("["):
            reason = f"a JSON array; write one object a line, or say {say('format', 'json')}"
            raise InputError(reason, line=number) from None
        hint = "; write one object a line" if error.reason.startswith("not an object") else ""
        raise InputError(f"{error.reason}{hint}", line=number) from None


def _parse_object(text: str) -> dict[str, Any]:
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


def _split_array(data: bytes, say: Say) -> Iterator[tuple[int, str | InputError]]:
    """
    Yield the elements of an array as JSON texts, numbered from 1; of a broken one the error.

    An element that is no JSON comes last: nobody knows where the next one begins.

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
        hint = f"; for an object a line, say {say('format', 'jsonl')}" if text[at] == "{" else ""
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

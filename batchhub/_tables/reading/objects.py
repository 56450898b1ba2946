"""JSON objects: one a line, or the elements of one array; strict, and no key lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final

import msgspec

from batchhub._tables.formats import Say
from batchhub.errors import InputError

from . import source as _source
from .json_faults import explain_fault, read_float, split_array

BOM: Final = b"\xef\xbb\xbf"
"""What some editors write before UTF-8."""

_KINDS: Final = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
_AT: Final = re.compile(r" \(byte (\d+)\)")
_elements: Final = msgspec.json.Decoder(list[msgspec.Raw])

Found = tuple[int, "dict[str, Any] | InputError", Any]
"""Where something is, counted from 1; the item, or why it is none; and what it was made of."""

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
        raw: Any = bare
        try:
            raw = _parse_object(bare)
            yield number, make(raw), raw
        except InputError as error:
            reason = error.reason
            if bare.startswith(b"["):
                reason = f"a JSON array; write one object a line, or say {say(format='json')}"
            elif reason.startswith("not an object"):
                reason += "; write one object a line"
            yield number, InputError(reason, line=number), raw


def read_array(stream: IO[bytes], make: MakeItem, *, say: Say) -> Iterator[Found]:
    """
    Yield what each element of an array holds; its place is its number.

    Raises:
        InputError: The source holds no array, a broken one, or more than 64 MiB.
    """
    data = stream.read(_source.MAX_BYTES + 1)
    if len(data) > _source.MAX_BYTES:
        raise InputError(
            f"a JSON array of more than {_source.MAX_BYTES >> 20} MiB is not read; "
            "write JSON Lines (.jsonl), an object a line, which may have any size"
        )
    if not data.removeprefix(BOM).strip():
        return
    for number, element in enumerate(_split_array(data.removeprefix(BOM), say), 1):
        raw: Any = bytes(element)
        try:
            raw = _parse_object(element)
            yield number, make(raw), raw
        except InputError as error:
            yield number, InputError(error.reason, position=number), raw


def _parse_object(data: bytes | msgspec.Raw) -> dict[str, Any]:
    """
    Read one object.

    Raises:
        InputError: The data holds something else, or one key twice: one of the two would be lost.
    """
    try:
        text = bytes(data).decode()
        value = _reader.decode(text)
        if isinstance(value, dict):
            _keys.decode(text)
            return value
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InputError(explain_fault(bytes(data), error)) from None
    raise InputError(f"not an object but {_KINDS.get(type(value), 'a number')}")


def _split_array(data: bytes, say: Say) -> Sequence[bytes | msgspec.Raw]:
    """
    Return the elements of an array, as JSON that is only skimmed; they may be broken in themselves.

    Raises:
        InputError: The data is no array, or a broken one. Nobody knows where elements begin then.
    """
    try:
        return _elements.decode(data)
    except msgspec.ValidationError:
        begin = len(data) - len(data.lstrip())
        hint = (
            f"; for an object a line, say {say(format='jsonl')}"
            if data[begin:].startswith(b"{")
            else ""
        )
        reason = f"not a JSON array{hint}"
    except (msgspec.DecodeError, RecursionError) as error:
        elements = split_array(data)
        if elements is not None:
            return elements
        reason = explain_fault(data, error)
        found = _AT.search(str(error))
        begin = int(found[1]) if found else len(data.rstrip())
    raise InputError(reason, line=1 + data.count(b"\n", 0, begin))


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key is there twice")


def _nothing(_: object) -> None:
    """Keep no number: Python bounds the digits of one, the exact reader does not."""


_reader: Final = msgspec.json.Decoder(float_hook=read_float)
_keys: Final = json.JSONDecoder(object_pairs_hook=_refuse_repeated, parse_int=_nothing)

"""A vendor's JSON with something else in it than there should be."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

Path = tuple[Any, ...]
"""Where something is in a document: keys and places, from the outside."""


_GZIP: Final = b"\x1f\x8b"

OTHERS: Final[Sequence[Any]] = (None, [], {}, [None], {"a": None}, True, "", "?", -1, 0.5, 10**30)


def change_json(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """
    Return what changes a body, if it is JSON; anything else stays as it is.

    Lines of JSON are a list of them. What is packed by gzip is packed again.
    """

    def do(body: bytes) -> bytes:
        if body.startswith(_GZIP):
            return gzip.compress(do(gzip.decompress(body)))
        try:
            return json.dumps(change(json.loads(body))).encode()
        except ValueError:
            pass
        try:
            lines = [json.loads(line) for line in body.splitlines()]
        except ValueError:
            return body
        changed = change(lines) if lines else lines
        lines = changed if isinstance(changed, list) else [changed]
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    return do


def unpack(body: bytes) -> bytes:
    """Return a body without its gzip, if it has any."""
    return gzip.decompress(body) if body.startswith(_GZIP) else body


def replace_texts(is_meant: Callable[[str], bool], by: str) -> Callable[[Any], Any]:
    """Return what replaces some texts of a document."""

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: change(each) for key, each in value.items()}
        if isinstance(value, list):
            return [change(each) for each in value]
        return by if isinstance(value, str) and is_meant(value) else value

    return change


def change_lists(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], Any]:
    """Return what changes each list of objects in a document."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(each) for key, each in value.items()}
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            return change(value)
        return value

    return walk


def find_places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where something is in a document, the document itself first."""
    yield path
    inner: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inner = [*value.items()]
    elif isinstance(value, list):
        inner = [*enumerate(value)]
    for key, each in inner:
        yield from find_places(each, (*path, key))


def change_type(value: Any, place: int, other: int) -> tuple[Any, str]:
    """
    Put something of another type into a place of a document, or leave out what is there.

    Args:
        value: The document.
        place: Which place; those of a document are counted over and over again.
        other: Which of `OTHERS` comes there; more than there are leaves the place out.

    Returns:
        The other document, and in words what was done.
    """
    paths = [*find_places(value)]
    return _change(value, paths[place % len(paths)], other)


def _change(value: Any, path: Path, other: int) -> tuple[Any, str]:
    if not path:
        others = [each for each in OTHERS if type(each) is not type(value)]
        chosen = others[other % len(others)]
        return chosen, f"{json.dumps(value)[:60]} is {json.dumps(chosen)}"
    key, *rest = path
    if isinstance(value, dict) and not rest and other >= len(OTHERS):
        return {name: each for name, each in value.items() if name != key}, f"{key} is missing"
    changed, what = _change(value[key], tuple(rest), other)
    if isinstance(value, dict):
        return {**value, key: changed}, what
    return [changed if n == key else each for n, each in enumerate(value)], what

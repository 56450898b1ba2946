"""One item's body as an object of a type, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
from cattrs import ClassValidationError, IterableValidationError, IterableValidationNote

from batchhub.errors import BodyError

from . import exact
from .converter import converter
from .reading import decode, is_struct

T = TypeVar("T")

_MOST_NAMED: Final = 5


def read_body(raw: bytes | None, kind: type[T], item_id: str) -> T:
    """
    Make an object of a type from an item's body.

    Raises:
        BodyError: There is no body, it is not valid JSON, or its values have other types.
    """
    name = getattr(kind, "__name__", str(kind))
    if raw is None:
        raise BodyError(f"item {item_id!r} has no body to read as {name}", item_id=item_id)
    try:
        return converter.loads(raw, kind)
    except Exception as error:
        problems = tuple(_find_in_struct(raw, kind)) or tuple(_find(error))
        words = "; ".join(problems[:_MOST_NAMED])
        more = len(problems) - _MOST_NAMED
        rest = f"; and {more} more" if more > 0 else ""
        raise BodyError(
            f"item {item_id!r} can't be read as {name}: {words}{rest}",
            item_id=item_id,
            problems=problems,
        ) from error


def _find_in_struct(raw: bytes, kind: Any) -> Iterator[str]:
    """Yield the first problem of each field: msgspec stops at the first of all."""
    if not is_struct(kind):
        return
    try:
        value = exact.loads(exact.unescape(raw))
    except ValueError:
        return
    for field in msgspec.structs.fields(kind) if isinstance(value, Mapping) else ():
        if field.encode_name in value:
            try:
                decode(exact.dumps(value[field.encode_name]), field.type)
            except Exception as error:
                yield from _find(error, f"$.{field.encode_name}")


def _find(error: Exception, path: str = "$") -> Iterator[str]:
    """Yield what is wrong, each with its path: of cattrs', Pydantic's and msgspec's errors."""
    if isinstance(error, ClassValidationError | IterableValidationError):
        noted, rest = error.group_exceptions()
        for inner, note in noted:
            step = note.index if isinstance(note, IterableValidationNote) else note.name
            yield from _find(inner, path + _step(step))
        for inner in rest:
            yield from _find(inner, path)
    elif callable(list_errors := getattr(error, "errors", None)):
        for each in list_errors():
            yield f"{each['msg']} @ {path}{''.join(map(_step, each['loc']))}"
    else:
        words, _, place = _say(error).partition(" - at `$")
        yield f"{words} @ {path}{place.rstrip('`')}"


def _step(name: Any) -> str:
    return f"[{name}]" if isinstance(name, int) else f".{name}"


def _say(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return "Missing"
    if isinstance(error, AttributeError) and error.name in {"items", "copy"}:
        return "Expected `object`"  # cattrs asks whatever should be a mapping for these
    return str(error) or type(error).__name__

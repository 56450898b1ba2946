"""Reading one item's body: plain when it is looked at, typed when a type is asked for."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from cattrs import BaseValidationError, transform_error

from batchhub.errors import BodyError

from .door import converter

T = TypeVar("T")

_MOST_TOLD: Final = 5


def read_body(raw: bytes | None, kind: type[T], item_id: str) -> T:
    """
    Make an object of a type from an item's body.

    Raises:
        BodyError: If there is no body, if it is no JSON, or if its values are of other types.
    """
    if raw is None:
        name = _name(kind)
        raise BodyError(f"item {item_id!r} has no body to read as {name}", item_id=item_id)
    try:
        return converter.structure(raw, kind)
    except Exception as error:
        name = _name(kind)
        problems = _problems(error)
        told = "; ".join(problems[:_MOST_TOLD])
        more = len(problems) - _MOST_TOLD
        rest = f"; and {more} more" if more > 0 else ""
        raise BodyError(
            f"item {item_id!r} can't be read as {name}: {told}{rest}",
            item_id=item_id,
            problems=problems,
        ) from error


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))


def _problems(error: Exception) -> tuple[str, ...]:
    if isinstance(error, BaseValidationError):
        return tuple(transform_error(error, format_exception=_tell))
    return (f"{_tell(error, None)} @ $",)


def _tell(error: BaseException, _: object) -> str:
    if isinstance(error, KeyError):
        return "Missing"
    if isinstance(error, AttributeError) and error.name == "items":
        return "Expected `object`"  # cattrs asks whatever should be a mapping for its items.
    return str(error) or type(error).__name__

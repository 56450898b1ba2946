"""What the stand-in is asked: reading a submit, and refusing what is wrong."""

from __future__ import annotations

import json
from typing import Any, Final

from attrs import field, frozen

from batchhub.sandbox import AnswerError

from .catalogue import Json

MAX_ITEMS: Final = 500
"""Source: page "Receive Price", 5,000 products are 10 requests. Assumed: more are refused."""

MAX_FREQUENCY_S: Final = 10
"""Source: page "Receive Price", frequency."""


def make_error(code: str, message: str) -> Json:
    """
    Build the usual error body.

    Source: the platform's documents on errors, VALIDATION. Assumed: every other error has
    the same form.
    """
    return {"code": code, "message": message}


@frozen(kw_only=True)
class Submission:
    """
    The body of a submit.

    Source: page "Receive Price", body. Assumed: both numbers may be left out.

    Attributes:
        items: One or more JSON objects.
        frequency_s: Seconds between the items, 0 to 10.
    """

    items: tuple[Json, ...] = field(repr=False)
    frequency_s: int


def parse_submission(body: bytes, items_key: str) -> Submission:
    """
    Read the body of a submit.

    Raises:
        AnswerError: 400: it is none.
    """
    document = _decode(body)
    if not isinstance(document, dict):
        raise _refuse([], "expected an object")
    return Submission(
        items=_check_items(document.get(items_key), items_key),
        frequency_s=_check_frequency(document.get("frequency", 0)),
    )


def _check_items(value: Any, key: str) -> tuple[Json, ...]:
    if not isinstance(value, list):
        raise _refuse([key], "expected an array")
    if not 1 <= len(value) <= MAX_ITEMS:
        raise _refuse([key], f"expected 1 to {MAX_ITEMS} items, received {len(value)}")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise _refuse([key, index], "expected an object")
    return tuple(value)


def _check_frequency(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_FREQUENCY_S:
        raise _refuse(["frequency"], f"expected a whole number from 0 to {MAX_FREQUENCY_S}")
    return value


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _refuse([], "expected JSON") from None


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _refuse(path: list[str | int], reason: str) -> AnswerError:
    """Source: the platform's documents on errors. Assumed: what an issue holds."""
    issue = {"path": path, "message": reason}
    body = make_error("VALIDATION", "The body is invalid") | {"issues": [issue]}
    return AnswerError(400, body)

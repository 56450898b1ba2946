"""What the stand-in is asked: reading a create, and refusing what the vendor would refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from batchhub.sandbox import AnswerError

MAX_ITEMS: Final = 500
"""Source: older page "Create batch request", batch request limit."""

METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})
"""Source: older page "Create batch request", request body."""


def make_error(message: str, code: str | None = None) -> dict[str, Any]:
    """
    Build the usual error body.

    Source: older page "Get batch request status", errors. Assumed: the codes.
    """
    body = {"errorMessage": message}
    return body if code is None else {**body, "errorCode": code}


@frozen(kw_only=True)
class Item:
    """
    One request of a batch, as it came.

    Attributes:
        id: The id its sender gave it, if any.
        method: The HTTP method.
        path: Path and query below the store's own path.
        body: Any JSON; `None` for none.
    """

    id: str | None
    method: str
    path: str
    body: Any = field(default=None, repr=False)


def parse_items(body: bytes) -> tuple[Item, ...]:
    """
    Read the body of a create: a bare array of items.

    Assumed: an empty array, and more than 500 items, are refused with 400.

    Raises:
        AnswerError: 400, if it or one of its items is not valid.
    """
    try:
        entries = decode_json(body)
    except ValueError:
        raise _refuse("It is not JSON") from None
    if not isinstance(entries, list):
        raise _refuse("Path $ contains bad value")
    if not entries:
        raise _refuse("There are no requests in it")
    if len(entries) > MAX_ITEMS:
        raise _refuse(f"There are {len(entries)} requests in it, more than {MAX_ITEMS}")
    return tuple(_parse_item(entry, f"$[{index}]") for index, entry in enumerate(entries))


def decode_json(text: str | bytes) -> Any:
    """
    Decode JSON.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse_flag(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """
    Read a flag: ``true`` or ``false``, in lower case.

    Source: the vendor's pages on batch requests, query parameters.
    Assumed: anything else is answered 400.

    Raises:
        AnswerError: 400, if it is something else.
    """
    text = query.get(name, "true" if default else "false")
    if text not in {"true", "false"}:
        raise AnswerError(400, make_error(f"Parameter {name} must be true or false, not {text}"))
    return text == "true"


def parse_number(query: Mapping[str, str], name: str, default: int) -> int:
    """
    Read a number of 0 or more.

    Raises:
        AnswerError: 400, if it is something else.
    """
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise AnswerError(400, make_error(f"Parameter {name} must be a number, not {text}"))
    return int(text)


def _parse_item(entry: Any, place: str) -> Item:
    if not isinstance(entry, dict):
        raise _refuse(f"Path {place} contains bad value")
    item_id, method, path = entry.get("id"), entry.get("method"), entry.get("path")
    if item_id is not None and not isinstance(item_id, str):
        raise _refuse(f"Path {place}.id contains bad value")
    if not isinstance(method, str) or method not in METHODS:
        raise _refuse(f"Path {place}.method contains bad value")
    if not isinstance(path, str) or not path:
        raise _refuse(f"Path {place}.path contains bad value")
    return Item(id=item_id, method=method, path=path, body=entry.get("body"))


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _refuse(reason: str) -> AnswerError:
    # Only this call spells the key in snake case.
    message = f"Can't create batch. Batch request body is invalid. {reason}"
    return AnswerError(400, {"error_message": message})

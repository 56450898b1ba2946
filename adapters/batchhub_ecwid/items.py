"""The items of an Ecwid batch: how to write them or make them of rows, and what is sent."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from batchhub.adapter import RowMap, WireItem, encode_json, plain_json, write_fields
from batchhub.errors import InputError
from batchhub.models import BatchItem

from .kinds import find_thing, find_thing_of_map
from .paths import Params, add_params, has_param, make_path, normalise_path

Body: TypeAlias = Mapping[str, Any] | Sequence[Any]
"""What an item sends: a JSON object or array. A `Decimal` goes out as a number, digit by digit."""

_KEYS: Final = ("id", "method", "path", "body")
_KNOWN: Final = frozenset(_KEYS)
_FOREIGN_KEYS: Final = {
    "url": "path",
    "uri": "path",
    "endpoint": "path",
    "verb": "method",
    "httpmethod": "method",
    "data": "body",
    "json": "body",
    "payload": "body",
    "httpbody": "body",
}
METHODS: Final = ("GET", "POST", "PUT", "DELETE")
"""What an item may do."""

_IS_METHOD: Final = frozenset(METHODS)
_WRITES_BODY: Final = frozenset({"POST", "PUT"})
_REPLACES: Final = frozenset({"PUT", "DELETE"})
_PICTURE: Final = re.compile(
    r"/(?:image|logo|invoicelogo|emaillogo)(?:/async)?/?(?:\?|$)", re.IGNORECASE
)
_FILE_PARAM: Final = "externalUrl"
_READS: Final = frozenset({"GET"})
_IDEMPOTENT: Final = frozenset({"GET", "PUT", "DELETE"})


class _Method(msgspec.Struct):
    method: str


_method_decoder = msgspec.json.Decoder(_Method)


def get(path: str, *, params: Params | None = None, id: str | None = None) -> BatchItem:  # noqa: A002  # the item's own word
    """
    Make an item that reads something.

    Args:
        path: The endpoint, such as ``/orders/XJ12H``. A literal ``+`` stands for a plus sign.
        params: The query, encoded safely; a list is joined by commas, `None` left out.
        id: The item's id; its position in the job if left out.
    """
    return BatchItem(id=id, payload={"method": "GET", "path": add_params(path, params)})


def post(
    path: str,
    body: Body | None,
    *,
    params: Params | None = None,
    id: str | None = None,  # noqa: A002  # the item's own word
) -> BatchItem:
    """Make an item that creates something. `body` is `None` only for a file by `externalUrl`."""
    return _make_write("POST", path, body, params, id)


def put(
    path: str,
    body: Body | None,
    *,
    params: Params | None = None,
    id: str | None = None,  # noqa: A002  # the item's own word
) -> BatchItem:
    """Make an item that changes something. `body` is `None` only for a file by `externalUrl`."""
    return _make_write("PUT", path, body, params, id)


def delete(path: str, *, params: Params | None = None, id: str | None = None) -> BatchItem:  # noqa: A002  # the item's own word
    """Make an item that deletes something."""
    return BatchItem(id=id, payload={"method": "DELETE", "path": add_params(path, params)})


def encode_item(item: BatchItem) -> bytes:
    """
    Check an item and write it as one element of the array that is sent.

    Returns:
        ``{"id","method","path","body"}`` as compact JSON; without ``body`` where there is none.

    Raises:
        InputError: The vendor would refuse the item, or it could do harm.
    """
    payload = item.payload
    if type(payload) is not dict and not isinstance(payload, Mapping):
        raise InputError("an item is an object with id, method, path and body")
    if not _KNOWN.issuperset(payload):
        raise _unknown_key(next(key for key in payload if key not in _KNOWN))
    item_id, method, body = item.id, payload.get("method"), payload.get("body")
    # Nearly every item is as it should be, and of a million each call counts.
    if "id" in payload or type(item_id) is not str or not item_id:
        item_id = _item_id(item)
    if type(method) is not str or method not in _IS_METHOD:
        method = _method(method)
    path = make_path(payload.get("path"))
    wire: dict[str, Any] = {"id": item_id, "method": method, "path": path}
    if type(body) is not dict or method not in _WRITES_BODY:
        body = _body(method, path, body)
    if body is not None:
        body = plain_json(body, "body")
        try:
            kinds = find_thing(path).body
            wire["body"] = write_fields(body, kinds) if type(body) is dict else body
        except InputError as error:
            raise InputError(f"body.{error}") from None
    return encode_json(wire)


def find_target(item: BatchItem) -> str | None:
    """
    Return the path of what an item changes, in one spelling; `None` if it changes nothing.

    Nor is there a target for a POST: it makes something new. It has one where it sets a picture
    that its owner has one of.

    Source: older page "Create batch request", BatchRequest (`method`, `path`). Assumed: POST as
    HTTP defines it, `image` and `logo` aside; what is below a path, as the stock of a product, is
    something else than the path itself.
    """
    payload = item.payload
    method, path = payload["method"], payload["path"]
    if method in _REPLACES or method.upper() in _REPLACES:
        return normalise_path(path)
    if method.upper() == "POST" and _PICTURE.search(path):
        return normalise_path(path)
    return None


def may_repeat(items: Iterable[WireItem], *, idempotent_writes: bool) -> bool:
    """
    Whether every item of a batch may run twice.

    GET may. PUT and DELETE may as HTTP defines them, if the user says so: a PUT
    that adds to a figure is an exception, and nothing in the item shows it.

    Args:
        items: The items, as they are sent.
        idempotent_writes: Whether PUT and DELETE may.
    """
    allowed = _IDEMPOTENT if idempotent_writes else _READS
    return all(_method_decoder.decode(item.wire).method in allowed for item in items)


def read_map(text: str) -> RowMap:
    """
    Read ``PUT /products/{product_id}``: a method, a path, and a body of what is set.

    Raises:
        InputError: The text is no method and path.
    """
    method, _, path = text.strip().partition(" ")
    path = path.strip()
    if method.upper() not in METHODS or not path:
        raise InputError(
            f"{text[:60]!r} is no method and path; write a method ({', '.join(METHODS)}) and a "
            "path, as in 'PUT /products/{product_id}'"
        )
    thing = find_thing_of_map(path)
    return RowMap(
        templates={"method": method.upper(), "path": path},
        quoted=frozenset({"path"}),
        set_under="body",
        kinds=None if thing is None else thing.item,
    )


def _make_write(
    method: str, path: str, body: Body | None, params: Params | None, item_id: str | None
) -> BatchItem:
    payload = {"method": method, "path": add_params(path, params), "body": body}
    return BatchItem(id=item_id, payload=payload)


def _unknown_key(key: object) -> InputError:
    word = str(key).replace("_", "").lower()
    near = difflib.get_close_matches(word, _KEYS, n=1)
    right = _FOREIGN_KEYS.get(word) or (near[0] if near else None)
    hint = f"did you mean {right!r}?" if right else f"an item has {', '.join(_KEYS)}"
    return InputError(f"unknown key {str(key)[:40]!r}: {hint}")


def _item_id(item: BatchItem) -> str:
    """
    Return the id the results are matched by.

    Source: older page "Create batch request", BatchRequest (a string) and errors: an id of
    another type gets the whole batch refused.
    """
    own = item.payload.get("id")
    item_id = item.id if own is None else own
    if not isinstance(item_id, str) or not item_id:
        raise InputError("id must be text that is not empty")
    if item.id not in (None, item_id):
        raise InputError(f"the item has two ids, {str(item.id)[:40]!r} and {item_id[:40]!r}")
    return item_id


def _method(value: object) -> str:
    method = value.upper() if isinstance(value, str) else value
    if method is None or method == "":
        raise InputError(f"method is missing: one of {', '.join(METHODS)}")
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, not {str(value)[:40]!r}")
    return str(method)


def _body(method: str, path: str, body: object) -> Any:
    """
    Check that a body is one; `None` where none is sent.

    Text is refused. A page calls the body a string, while the same vendor's examples and
    every known client send an object; text would be sent as a JSON string, and what
    the server does with one is not known.

    Source: older page "Create batch request", BatchRequest (required to create or update) and
    uploading files (by `externalUrl`, a parameter). Assumed: an upload by `externalUrl` in the
    query needs no body; objects and arrays only, as clients send them.
    """
    if method not in _WRITES_BODY:
        if body is None or body == "":
            return None
        raise InputError(f"{method} takes no body")
    if body is None or body == "":
        if has_param(path, _FILE_PARAM):
            return None
        raise InputError(f"{method} needs a body: a JSON object or array")
    if isinstance(body, str):
        raise InputError("body is text; hand over the object or array itself, not its JSON text")
    if isinstance(body, bytes | bytearray | memoryview):
        raise InputError("body is binary; files go by URL, in the externalUrl parameter")
    if not isinstance(body, Mapping | list | tuple):
        raise InputError(f"body must be a JSON object or array, not {type(body).__name__}")
    return body

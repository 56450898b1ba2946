"""What a shop answers: errors, pages, and the lists of a batch, as they are and distorted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from batchhub.sandbox import AnswerError, Batch, ItemOutcome, SandboxState, distort

from .switches import WooCommerceSwitches

Json = dict[str, Any]

LISTS: Final = {"POST": "create", "PUT": "update", "DELETE": "delete"}
"""Source: code, `batch_items`: what is done first, and the list that says what came of it."""

FOREIGN_ID: Final = 9_000_000

NOT_FOUND_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>Page not found</title></head>"
    '<body class="error404">Nothing was found at this location.</body></html>'
)
GATEWAY_PAGE: Final = (
    "<html><head><title>504 Gateway Time-out</title></head>"
    "<body><center><h1>504 Gateway Time-out</h1></center></body></html>"
)
_WARNING: Final = (
    '<br />\n<b>Warning</b>:  Undefined array key "x" in <b>/shop/plugin.php</b> '
    "on line <b>7</b><br />\n"
)


def make_error(code: str, message: str, status: int, **data: Any) -> Json:
    """
    Build the body of an error, which is also what an item of a batch has as its `error`.

    Source: documents, errors.
    """
    return {"code": code, "message": message, "data": {"status": status, **data}}


def fail(code: str, message: str, status: int, **data: Any) -> AnswerError:
    """Return the error, to be raised."""
    return AnswerError(status, make_error(code, message, status, **data))


def make_critical() -> AnswerError:
    """
    Return how a request ends that PHP could not finish.

    Source: WordPress, `_json_wp_die_handler`. Assumed: the text.
    """
    body = make_error(
        "internal_server_error", "<p>There has been a critical error on this website.</p>", 500
    )
    return AnswerError(500, {**body, "additional_errors": []})


def make_answer(batch: Batch, sandbox: SandboxState, switches: WooCommerceSwitches) -> web.Response:
    """
    Build the answer to a batch.

    Source: code, `batch_items`: the three lists in the order of the items, and no list where
    nothing was sent; a failed create has the id 0, another failed one the id it was sent with.

    Args:
        batch: Whose items have run.
        sandbox: Whose chance shuffles.
        switches: How the answer is distorted.
    """
    document: Json = {}
    for outcome in batch.outcomes.values():
        entry = _make_entry(outcome, switches)
        document.setdefault(LISTS[outcome.item.method], []).append(entry)
    for name, entries in document.items():
        document[name] = kept = _distort(entries, switches)
        if switches.shuffle_results:
            sandbox.make_random(batch.id).shuffle(kept)
    # PHP's empty array.
    text = json.dumps(document or [])
    if sandbox.strikes("no_lists"):
        text = "[]"
    if sandbox.strikes("php_warning"):
        return web.Response(text=_WARNING + text, content_type="text/html")
    return web.Response(text=text, content_type="application/json")


def _make_entry(outcome: ItemOutcome, switches: WooCommerceSwitches) -> Json:
    if outcome.failed:
        body: Mapping[str, Any] = outcome.body
        error = {**body, "data": None} if switches.null_data else body
        entry = {"id": find_sent_id(outcome.item.method, outcome.item.body), "error": error}
    else:
        entry = {**outcome.body}
        if switches.padding_bytes:
            entry["description"] = "x" * switches.padding_bytes
    if switches.text_ids:
        entry["id"] = str(entry["id"])
    return entry


def find_sent_id(method: str, body: Any) -> Any:
    """Return the id that a failed item's result has."""
    match method:
        case "POST":
            return 0
        case "PUT":
            return body.get("id")
    return body


def _distort(entries: Sequence[Json], switches: WooCommerceSwitches) -> list[Json]:
    """Apply the faults; which entries they strike is the same in every answer."""
    foreign = [
        {"id": FOREIGN_ID + number, "name": "Never sent", "sku": f"foreign-{number}"}
        for number in range(1, switches.foreign_results + 1)
    ]
    return distort(
        entries,
        missing=switches.missing_results,
        doubled=switches.doubled_results,
        foreign=foreign,
    )

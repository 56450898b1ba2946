"""What the stand-in is asked: which call a path stands for, and what a submit holds."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from batchhub.sandbox import AnswerError, Call, read_json

from .catalogue import Json, Operation
from .switches import MircateSwitches

MAX_ITEMS: Final = 500
"""Source: page "Receive Price", 5,000 products are 10 requests. Assumed: more are refused."""

MAX_FREQUENCY_S: Final = 10
"""Source: page "Receive Price", frequency."""

PIM_CLASS: Final = "PIMAPI"
"""Source: page "Upsert Product", URL."""

UPSERT_METHODS: Final = frozenset({"bulkUpsertProduct", "bulkProductUpsert"})
"""Assumed: after the page "Upsert Product" and its method, and after the title of the page."""

STATUS_TARGET: Final = ("MerchantImportJob", "checkBatchStatus")
"""Source: page "Check Batch Status", URL."""


def make_error(code: str, message: str) -> Json:
    """
    Build the usual error body.

    Source: the platform's documents on errors, VALIDATION. Assumed: every other error has
    the same form.
    """
    return {"code": code, "message": message}


@frozen(kw_only=True)
class StatusCall:
    """
    A status call.

    Assumed: the PIM's batches and the merchant's don't know each other.

    Attributes:
        methods: The HTTP methods it takes.
        operations: The kinds of batch it knows.
    """

    methods: frozenset[str]
    operations: frozenset[Operation]


MERCHANT_STATUS: Final = StatusCall(
    methods=frozenset({"GET"}), operations=frozenset({Operation.PRICE, Operation.STOCK})
)
"""Source: page "Check Batch Status", URL."""

PIM_STATUS: Final = StatusCall(
    methods=frozenset({"GET", "POST"}), operations=frozenset({Operation.UPSERT})
)
"""Source: the vendor's list of pages, PIM: POST. Assumed: GET is taken too."""


def find_call(call: Call, switches: MircateSwitches) -> Operation | StatusCall | None:
    """
    Return what a path calls: a submit of that operation, or a status call; `None` for nothing.

    Source: the platform's documents on calling methods.
    """
    target = call.params["class_name"], call.params["method_name"]
    upserts = {switches.upsert_method} if switches.upsert_method else UPSERT_METHODS
    calls: dict[tuple[str, str], Operation | StatusCall] = {
        (switches.importer_class, switches.price_method): Operation.PRICE,
        (switches.importer_class, switches.stock_method): Operation.STOCK,
        STATUS_TARGET: MERCHANT_STATUS,
        (PIM_CLASS, switches.pim_status_method): PIM_STATUS,
        **{(PIM_CLASS, name): Operation.UPSERT for name in upserts},
    }
    return calls.get(target)


def read_submission(body: bytes, key: str) -> tuple[list[Json], int]:
    """
    Read the body of a submit.

    Source: page "Receive Price", body. Assumed: both numbers may be left out.

    Args:
        body: The body.
        key: The key of its items.

    Returns:
        One or more items, and the seconds between two of them, 0 to 10.

    Raises:
        AnswerError: 400, if the body is not valid.
    """
    try:
        document = read_json(body)
    except ValueError:
        raise _refuse([], "expected JSON") from None
    if not isinstance(document, dict):
        raise _refuse([], "expected an object")
    items, frequency_s = document.get(key), document.get("frequency", 0)
    if not isinstance(items, list):
        raise _refuse([key], "expected an array")
    if not 1 <= len(items) <= MAX_ITEMS:
        raise _refuse([key], f"expected 1 to {MAX_ITEMS} items, received {len(items)}")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise _refuse([key, index], "expected an object")
    if type(frequency_s) is not int or not 0 <= frequency_s <= MAX_FREQUENCY_S:
        raise _refuse(["frequency"], f"expected a whole number from 0 to {MAX_FREQUENCY_S}")
    return items, frequency_s


def _refuse(path: list[Any], reason: str) -> AnswerError:
    """Source: the platform's documents on errors. Assumed: what an issue holds."""
    issue = {"path": path, "message": reason}
    body = make_error("VALIDATION", "The body is invalid") | {"issues": [issue]}
    return AnswerError(400, body)

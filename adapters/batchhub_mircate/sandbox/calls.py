"""What the stand-in is asked: which call a path stands for, and what a submit holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from attrs import field, frozen

from batchhub.sandbox import AnswerError

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

STATUS_METHODS: Final = frozenset({"GET"})
"""Source: page "Check Batch Status", URL."""

PIM_STATUS_METHODS: Final = frozenset({"GET", "POST"})
"""Source: the vendor's list of pages, PIM: POST. Assumed: GET is taken too."""

MERCHANT_OPERATIONS: Final = frozenset({Operation.PRICE, Operation.STOCK})
PIM_OPERATIONS: Final = frozenset({Operation.UPSERT})

_SEGMENTS: Final = 5


def make_error(code: str, message: str) -> Json:
    """
    Build the usual error body.

    Source: the platform's documents on errors, VALIDATION. Assumed: every other error has
    the same form.
    """
    return {"code": code, "message": message}


@frozen(kw_only=True)
class Call:
    """
    What a path calls: ``/{project}/CALL/{class}/{method}/{instance}``.

    Source: the platform's documents on calling methods.

    Attributes:
        project: The project's id.
        class_name: The class.
        method_name: The method of the class; not the HTTP method.
        instance: The id of the instance, decoded.
    """

    project: str
    class_name: str
    method_name: str
    instance: str

    @property
    def target(self) -> tuple[str, str]:
        """The class and its method."""
        return self.class_name, self.method_name


def parse_call(raw_path: str) -> Call | None:
    """
    Read a path; `None` if it calls nothing.

    Args:
        raw_path: The path as it came. An instance id whose slash is not encoded is one
            segment too many, as at the vendor.
    """
    segments = raw_path.partition("?")[0].removeprefix("/").split("/")
    if len(segments) != _SEGMENTS or segments[1] != "CALL" or not all(segments):
        return None
    project, _, class_name, method_name, instance = map(unquote, segments)
    return Call(project=project, class_name=class_name, method_name=method_name, instance=instance)


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


def find_operation(call: Call, switches: MircateSwitches) -> Operation | None:
    """Return what a submit at that path does; `None` if the path is not for submits."""
    if call.class_name == PIM_CLASS:
        names = {switches.upsert_method} if switches.upsert_method else UPSERT_METHODS
        return Operation.UPSERT if call.method_name in names else None
    targets: Mapping[tuple[str, str], Operation] = {
        (switches.importer_class, switches.price_method): Operation.PRICE,
        (switches.importer_class, switches.stock_method): Operation.STOCK,
    }
    return targets.get(call.target)


def find_status_call(call: Call, switches: MircateSwitches) -> StatusCall | None:
    """Return the status call of that path; `None` if the path is not for status calls."""
    if call.target == STATUS_TARGET:
        return StatusCall(methods=STATUS_METHODS, operations=MERCHANT_OPERATIONS)
    if call.target == (PIM_CLASS, switches.pim_status_method):
        return StatusCall(methods=PIM_STATUS_METHODS, operations=PIM_OPERATIONS)
    return None


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
        AnswerError: 400, if the body is not valid.
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
    raise ValueError(f"{text} is not JSON")


def _refuse(path: list[str | int], reason: str) -> AnswerError:
    """Source: the platform's documents on errors. Assumed: what an issue holds."""
    issue = {"path": path, "message": reason}
    body = make_error("VALIDATION", "The body is invalid") | {"issues": [issue]}
    return AnswerError(400, body)

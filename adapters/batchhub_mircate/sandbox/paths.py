"""Which call a path stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from attrs import frozen

from .catalogue import Operation
from .switches import MircateSwitches

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
        operations: The kinds of batch it tells of.
    """

    methods: frozenset[str]
    operations: frozenset[Operation]


def find_operation(call: Call, switches: MircateSwitches) -> Operation | None:
    """Return what a submit at that path does; `None` if it is none."""
    if call.class_name == PIM_CLASS:
        names = {switches.upsert_method} if switches.upsert_method else UPSERT_METHODS
        return Operation.UPSERT if call.method_name in names else None
    targets: Mapping[tuple[str, str], Operation] = {
        (switches.importer_class, switches.price_method): Operation.PRICE,
        (switches.importer_class, switches.stock_method): Operation.STOCK,
    }
    return targets.get(call.target)


def find_status_call(call: Call, switches: MircateSwitches) -> StatusCall | None:
    """Return the status call of that path; `None` if it is none."""
    if call.target == STATUS_TARGET:
        return StatusCall(methods=STATUS_METHODS, operations=MERCHANT_OPERATIONS)
    if call.target == (PIM_CLASS, switches.pim_status_method):
        return StatusCall(methods=PIM_STATUS_METHODS, operations=PIM_OPERATIONS)
    return None

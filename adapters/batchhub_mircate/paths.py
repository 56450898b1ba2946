"""The paths of the calls: templates with defaults, checked when loaded, filled in when used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from attrs import frozen

from batchhub.errors import SettingsError

OPERATIONS: Final = ("receive-price", "receive-stock", "product-upsert")
"""The kinds of batch; the first is the default."""

SUBMIT_PATHS: Final[Mapping[str, str]] = {
    "receive-price": (
        "/{project_id}/CALL/MerchantStockPriceImporter/receivePrice/{merchant_project_id}"
    ),
    "receive-stock": (
        "/{project_id}/CALL/MerchantStockPriceImporter/receiveStock/{merchant_project_id}"
    ),
    "product-upsert": "/{project_id}/CALL/PIMAPI/bulkUpsertProduct/{project_id}",
}
"""
Where batches are sent, by POST.

Source: page "Receive Price" (the class, the merchant's project id in the path); page "Upsert
Product" (class and instance); the platform's grammar of addresses. Assumed: the methods' names.
"""

STATUS_PATHS: Final[Mapping[str, str]] = {
    "receive-price": "GET /{project_id}/CALL/MerchantImportJob/checkBatchStatus/{batch_id}",
    "receive-stock": "GET /{project_id}/CALL/MerchantImportJob/checkBatchStatus/{batch_id}",
    "product-upsert": "POST /{project_id}/CALL/PIMAPI/checkBatchStatus/{batch_id}",
}
"""
Where batches are asked about.

Source: page "Check Batch Status" of the product suppliers (GET, the whole path); the list of
pages (the one for products is a POST). Assumed: the path of the one for products.
"""

_PLACEHOLDERS: Final = ("project_id", "merchant_project_id", "batch_id")
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
_PLAIN: Final = re.compile(r"/(?!/)[!-~]*")
_VERBS: Final = ("GET", "POST")


@frozen
class Call:
    """A request's method, and its path from the ``/`` after the host, percent-encoded."""

    method: str
    path: str


@frozen
class StatusPath:
    """
    Where one kind of batch is asked about, all but the batch's id filled in.

    Attributes:
        method: The request's method.
        parts: What stands around the id, wherever it does.
    """

    method: str
    parts: tuple[str, ...]

    def make_call(self, batch_id: str) -> Call:
        """Return the request about a batch."""
        return Call(self.method, _encode(batch_id).join(self.parts))


def make_call(template: str, method: str, **values: str) -> Call:
    """
    Fill in a template that was checked.

    Args:
        template: A path, possibly after a verb and a space.
        method: The verb where the template has none.
        values: What stands in the place of each placeholder, not encoded yet.
    """
    status_path = prepare_path(template, method, **values)
    return Call(status_path.method, "".join(status_path.parts))


def prepare_path(template: str, method: str, **values: str) -> StatusPath:
    """Fill in a template, as `make_call` does, but for the batch's id."""
    verb, path = _split(template)
    filled = (
        _PLACE.sub(lambda match: _encode(values[match[1]]), part)
        for part in path.split("{batch_id}")
    )
    return StatusPath(verb or method, tuple(filled))


def check_paths(key: str, given: Any, defaults: Mapping[str, str]) -> Mapping[str, str]:
    """
    Lay a setting's templates over the defaults.

    Args:
        key: The setting: `paths` or `status_paths`.
        given: The user's mapping of operations to templates.
        defaults: The template of each operation.

    Raises:
        SettingsError: An operation is not known, or a template is not valid.
    """
    if not isinstance(given, Mapping):
        raise SettingsError(f"{key} must be a table: operation = path", key=key)
    for operation, template in given.items():
        if operation not in OPERATIONS:
            known = ", ".join(OPERATIONS)
            raise SettingsError(f"{key} has no operation {operation!r}; known: {known}", key=key)
        why = _find_fault(template, is_status=key == "status_paths")
        if why:
            raise SettingsError(f"{key}: the path of {operation} {why}", key=key)
    return {**defaults, **given}


def _find_fault(template: Any, *, is_status: bool) -> str | None:
    """Return what is wrong with a template; `None` if it is valid."""
    if not isinstance(template, str) or not template:
        return "must be text such as /{project_id}/CALL/..."
    verb, path = _split(template)
    if verb is not None and (not is_status or verb not in _VERBS):
        return (
            "may begin with GET or POST"
            if is_status
            else "has a verb; batches are always sent by POST"
        )
    if not _PLAIN.fullmatch(path) or "#" in path:
        return "must begin with one / and contain only ASCII, without spaces and #"
    return _find_misplaced(path, verb or "GET", is_status=is_status)


def _find_misplaced(path: str, verb: str, *, is_status: bool) -> str | None:
    names, rest = _PLACE.findall(path), _PLACE.sub("", path)
    if unknown := [name for name in names if name not in _PLACEHOLDERS]:
        return f"has the unknown placeholder {{{unknown[0]}}}; known: {', '.join(_PLACEHOLDERS)}"
    if "{" in rest or "}" in rest:
        return "has a brace that is not part of a placeholder"
    if not is_status and "batch_id" in names:
        return "can't contain {batch_id}: there is no id before a batch is sent"
    if is_status and verb == "GET" and "batch_id" not in names:
        return "must contain {batch_id}, or every batch would get the same answer"
    return None


def _split(template: str) -> tuple[str | None, str]:
    verb, space, path = template.partition(" ")
    return (verb, path) if space else (None, template)


def _encode(value: str) -> str:
    """Percent-encode one part of a path, also one of dots alone: it would climb out of the path."""
    return quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")

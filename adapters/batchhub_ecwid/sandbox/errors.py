"""The vendor's errors: their form, their codes, and its words where they are known."""

from __future__ import annotations

from typing import Any, Final

from batchhub.sandbox import AnswerError

WRONG_PARAMETER: Final = "WRONG_PARAMETER"
"""Source: the vendor's page "REST API error codes", general errors (400)."""

GENERAL: Final = {
    403: ("The access token is invalid", "INVALID_API_TOKEN"),
    404: ("Ticket not found", "TICKET_NOT_FOUND"),
    405: ("Method is not allowed", "METHOD_NOT_ALLOWED"),
    429: ("Too many requests", "RATE_LIMITED"),
    500: ("Internal error", "INTERNAL_ERROR"),
}
"""
What an error says that has no words of its own.

Source: the vendor's page "REST API error codes", general errors (the codes but for tickets).
Assumed: the texts.
"""


def make_error(message: str, code: str | None = None) -> dict[str, Any]:
    """
    Build the usual error body.

    Source: older page "Get batch request status", errors; page "REST API error codes".
    """
    body = {"errorMessage": message}
    return body if code is None else {**body, "errorCode": code}


def refuse(status: int, message: str, code: str | None = None) -> AnswerError:
    """Return the vendor's error, to be raised."""
    return AnswerError(status, make_error(message, code))


def not_found(entity: str, name: object) -> AnswerError:
    """
    Return the answer about something that is not there.

    Source: the vendor's Java client, its tests of deleted entities (``Product #… not found``);
    page "REST API error codes" (``PRODUCT_NOT_FOUND``).
    """
    code = f"{entity.upper().replace(' ', '_')}_NOT_FOUND"
    return refuse(404, f"{entity} #{name} not found", code)


def not_allowed(method: str) -> AnswerError:
    """Return the answer to a method that a path does not have."""
    return refuse(405, f"Method {method} is not allowed here", "METHOD_NOT_ALLOWED")


def wrong_value(name: str, expected: str) -> AnswerError:
    """
    Return the answer to a parameter whose value can't be read.

    Source: the vendor's document "Errors" of 2020, 400 (``Wrong parameter 'inStock' value:
    expected one of …``).
    """
    return refuse(400, f"Wrong parameter '{name}' value: expected {expected}", WRONG_PARAMETER)


def wrong_number(name: str) -> AnswerError:
    """
    Return the answer to a parameter that should be a number.

    Source: the vendor's document "Product variations" of 2020, errors.
    """
    message = f"Wrong numeric parameter '{name}' value: not a number or a number out of range"
    return refuse(400, message, WRONG_PARAMETER)


def unknown_parameter(name: str, place: str) -> AnswerError:
    """Assumed: the words for a parameter that a call does not have; see the switch `strict`."""
    message = f"Wrong parameter '{name[:60]}': {place} has no such parameter"
    return refuse(400, message, WRONG_PARAMETER)

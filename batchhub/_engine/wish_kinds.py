"""What both sides of a wish know: how an error goes through the store, and how old a wish gets."""

from __future__ import annotations

from typing import Final

from batchhub.errors import (
    AdapterError,
    BatchHubError,
    ContactError,
    CredentialsError,
    StoreError,
    UnsupportedError,
    UsageError,
    VendorError,
)

UNCHANGED: Final = "nothing was changed"

SEEN_S: Final = 20.0
"""Seconds in which a driver takes a wish up, or never will."""

ANSWER_S: Final = 120.0
"""Seconds after which nobody waits for the answer any more, and no driver takes the wish up."""

_KINDS: Final[tuple[type[BatchHubError], ...]] = (
    UnsupportedError,
    UsageError,
    CredentialsError,
    VendorError,
    ContactError,
    AdapterError,
    StoreError,
    BatchHubError,
)
"""The kinds of errors that a caller handles in one way each, the most particular first."""


def kind_of(error: BatchHubError) -> str:
    """Return the name by which the kind of an error goes through the store."""
    return next(kind.__name__ for kind in _KINDS if isinstance(error, kind))


def make_error(kind: str, message: str) -> BatchHubError:
    """Return an error that has come through the store, from whichever version."""
    found = next((each for each in _KINDS if each.__name__ == kind), BatchHubError)
    return found(message)

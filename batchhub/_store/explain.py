"""What a database says when it fails, in one line: which store, what is wrong, what to do."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.exc import DBAPIError

from batchhub.errors import StoreError

READ_ONLY: Final = "it is read-only; make it writable or choose another store"
_FULL: Final = "disk is full"
_ADVICE: Final = (
    (_FULL, "the disk is full; make room, then go on"),
    (r"readonly database", READ_ONLY),
    (r"unable to open", "it can't be opened; check that the folder exists and is writable"),
    (r"not a database", "it is no batchhub store; choose another store"),
    (r"File exists|Not a directory", "a part of its path is a file, not a folder"),
    (r"is locked", "another process has held it for too long; try again"),
)


def is_full(error: BaseException) -> bool:
    """Whether there is no room on the disk."""
    return _FULL in str(error)


def explain_error(error: BaseException, name: str) -> StoreError:
    """Make one line of what a database says: which store, what is wrong, what to do."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause) if not isinstance(cause, OSError) else (cause.strerror or str(cause))
    for pattern, advice in _ADVICE:
        if re.search(pattern, text):
            return StoreError(f"store {name}: {advice}")
    return StoreError(f"store {name}: {text}")

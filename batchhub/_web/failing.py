"""What is shown where something went wrong: a sentence each, and never a traceback."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from batchhub._base.secrets import blank
from batchhub._base.show import clean
from batchhub.errors import BatchHubError, NotKnownError, SettingsError, StoreError, UsageError

from .door import NoStoreError
from .guard import Refusal
from .look import Shown

INTERNAL: Final = 500

_LONGEST: Final = 1_000
_BAD, _NOT_HERE, _NOT_POSSIBLE, _TOO_LARGE, _NO_STORE = 400, 404, 405, 413, 503

_HTTP: Final = {
    _NOT_HERE: ("There is no such page", "The address may be mistyped, or of an older version."),
    _NOT_POSSIBLE: ("Not possible", "There is no such way to use this page."),
    _TOO_LARGE: ("Too large", "That is more than any form of these pages has; nothing was done."),
}

# The first that fits.
_OURS: Final = {
    NotKnownError: (
        _NOT_HERE,
        "Not here any more, or never was",
        "It may have been deleted since, as 'batchhub prune' does.",
    ),
    StoreError: (
        _NO_STORE,
        "The store can't be read",
        "This page shows it again as soon as it can be read.",
    ),
    UsageError: (_BAD, "That can't be shown", None),
    BatchHubError: (_BAD, "That did not work", None),
}


def describe(error: Exception) -> Shown:
    """Return the page that says of an error what is wrong and what to do."""
    if isinstance(error, NoStoreError):
        return Shown("no_store.html")
    if isinstance(error, Refusal):
        return _say(error.status, error.heading, str(error))
    if isinstance(error, web.HTTPException):
        unknown = ("Not possible", f"The server says: {error.reason}.")
        return _say(error.status, *_HTTP.get(error.status, unknown))
    for kind, (status, heading, advice) in _OURS.items():
        if isinstance(error, kind):
            return _say(status, heading, str(error), advice)
    return _say(
        INTERNAL,
        "This page could not be made",
        "Something is wrong in batchhub itself. Why is in the log of the process that serves this "
        "page; jobs are not touched by it.",
    )


def in_words(error: BatchHubError) -> str:
    """Return an error in a line, with all that is wrong with a file of settings."""
    text = str(error)
    if isinstance(error, SettingsError) and error.problems:
        text = f"{text.partition(chr(10))[0]} {'; '.join(error.problems)}"
    return clean(blank(text), _LONGEST)


def _say(status: int, heading: str, message: str, advice: str | None = None) -> Shown:
    facts = {
        "heading": heading,
        "message": clean(blank(message), _LONGEST),
        "advice": advice,
        "links": [("/", "Accounts"), ("/jobs", "Jobs")],
    }
    return Shown("error.html", facts, status)

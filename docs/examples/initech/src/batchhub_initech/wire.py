"""Initech's words and answers. Its documents are made up, as it is itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import DecodeError, Struct, ValidationError, json

from batchhub.adapter import ItemReport, Kind, one_line
from batchhub.errors import ReplyError
from batchhub.models import BatchState, ItemState

JSON_LINES: Final = "application/jsonl"
"""The type of an uploaded document."""

STATES: Final[Mapping[str, BatchState]] = {
    "IN_QUEUE": BatchState.QUEUED,
    "IN_PROGRESS": BatchState.IN_PROGRESS,
    "DONE": BatchState.COMPLETED,
    "FATAL": BatchState.FAILED,
    "CANCELLED": BatchState.CANCELLED,
}
"""What its words for a feed mean. Source: page "Feeds", status."""

KINDS: Final[Mapping[str, Kind]] = {
    "sku": Kind.TEXT,
    "price": Kind.NUMBER_AS_TEXT,
    "quantity": Kind.INTEGER,
}
"""What the fields of an item take. Source: page "Documents", lines."""


class Token(Struct):
    """An access token."""

    access_token: str
    expires_in: float


class Document(Struct, rename="camel"):
    """A place for a document, where it has to be put within minutes."""

    document_id: str
    url: str


class Feed(Struct, rename="camel"):
    """A feed; why it failed, and how many of its lines are done."""

    feed_id: str
    status: str
    processed: int | None = None
    message: str | None = None


class Feeds(Struct):
    """The feeds that were asked for."""

    feeds: list[Feed]


class ResultFile(Struct):
    """Where the results of a feed can be downloaded, for minutes."""

    url: str


class Push(Struct, rename="camel"):
    """A call by Initech: something of these feeds has changed."""

    feed_ids: list[str]


class Failure(Struct):
    """Why a request or an item was refused."""

    code: str | None = None
    message: str | None = None


class Refusal(Struct):
    """The body of an error."""

    error: Failure


class Line(Struct):
    """A line of the results: what came of one item."""

    sku: str
    status: int
    error: Failure | None = None


_OK: Final = range(200, 300)
_refusal: Final = json.Decoder(Refusal)
_line: Final = json.Decoder(Line)
_push: Final = json.Decoder(Push)


def read_error(body: bytes) -> tuple[str | None, str | None]:
    """Return code and message of an error, as far as it has them."""
    try:
        error = _refusal.decode(body).error
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    return error.code, one_line(error.message)


def read_line(text: bytes) -> ItemReport:
    """
    Read what came of one item.

    A status below 500 says whether it ran; above, Initech itself does not know. A line of another
    form names no item, which is a finding of the job.

    Raises:
        ReplyError: It is no JSON, so the file is not that of the results; they are fetched again.
    """
    try:
        line = _line.decode(text)
    except ValidationError:
        return ItemReport(state=ItemState.UNKNOWN, raw=text)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise ReplyError("a line of the results is no JSON", vendor="initech") from None
    state = ItemState.SUCCEEDED if line.status in _OK else ItemState.FAILED
    if not 200 <= line.status < 500:  # noqa: PLR2004
        state = ItemState.UNKNOWN
    message = None if line.error is None else one_line(line.error.message)
    return ItemReport(key_value=line.sku, state=state, code=line.status, message=message, raw=text)


def read_push(body: bytes) -> list[str]:
    """
    Return the ids of the feeds that a call by Initech is about.

    Raises:
        ValueError: It is no such call.
    """
    return _push.decode(body).feed_ids

"""Amazon's words and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, json

from batchhub.adapter import NOT_JSON, one_line
from batchhub.models import BatchState

FEEDS: Final = "/feeds/2021-06-30/feeds"
DOCUMENTS: Final = "/feeds/2021-06-30/documents"
MARKETPLACES: Final = "/sellers/v1/marketplaceParticipations"
FEED_TYPE: Final = "JSON_LISTINGS_FEED"
CONTENT_TYPE: Final = "application/json; charset=UTF-8"
"""What a document is, where it is asked for and where it is put. Source: page "Submit a feed"."""

STATES: Final[Mapping[str, BatchState]] = {
    "IN_QUEUE": BatchState.QUEUED,
    "IN_PROGRESS": BatchState.IN_PROGRESS,
    "DONE": BatchState.COMPLETED,
    "FATAL": BatchState.FAILED,
    "CANCELLED": BatchState.CANCELLED,
}
"""What its words for a feed mean. Source: feeds_2021-06-30.json at 34dc93f, processingStatus."""


class Token(Struct):
    """An access token. Source: page "Connect to the SP-API", step 1."""

    access_token: str
    expires_in: float


class Document(Struct, rename="camel"):
    """Where a document is put or found, for five minutes."""

    url: str
    feed_document_id: str


class Accepted(Struct, rename="camel"):
    """The answer to a new feed."""

    feed_id: str


class Feed(Struct, rename="camel"):
    """A feed. When it began, and where its report is, are there once it has and is."""

    feed_id: str
    processing_status: str
    created_time: str | None = None
    processing_start_time: str | None = None
    processing_end_time: str | None = None
    result_feed_document_id: str | None = None


class Feeds(Struct, rename="camel"):
    """A page of the list of feeds."""

    feeds: list[Feed]
    next_token: str | None = None


class Marketplace(Struct):
    """A marketplace."""

    id: str


class Participation(Struct, rename="camel"):
    """Whether the seller sells in a marketplace."""

    is_participating: bool


class Place(Struct):
    """A marketplace that the seller may sell in."""

    marketplace: Marketplace
    participation: Participation


class Places(Struct):
    """The marketplaces that the seller may sell in."""

    payload: list[Place]


def find_marketplaces(places: Places) -> set[str]:
    """Return the marketplaces that the seller sells in."""
    return {p.marketplace.id for p in places.payload if p.participation.is_participating}


class Trouble(Struct):
    """An error, of the API or of Login with Amazon."""

    code: str | None = None
    message: str | None = None
    details: str | None = None


class Refusal(Struct):
    """
    The body of an error: of the API, or of Login with Amazon.

    Source: feeds_2021-06-30.json at 34dc93f, ErrorList; page "Authorization Code Grant" of Login
    with Amazon, access token errors.
    """

    errors: list[Trouble] = []
    error: str | None = None
    error_description: str | None = None


_refusal: Final = json.Decoder(Refusal)


def read_error(body: bytes) -> tuple[str | None, str | None]:
    """Return code and message of an error, as far as it has them."""
    try:
        refusal = _refusal.decode(body)
    except NOT_JSON:
        return None, None
    if not refusal.errors:
        return refusal.error, one_line(refusal.error_description)
    first = refusal.errors[0]
    words = [words for words in (one_line(first.message), one_line(first.details)) if words]
    return first.code, ": ".join(words) or None

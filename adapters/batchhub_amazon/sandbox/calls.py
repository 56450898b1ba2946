"""What the stand-in is asked: what a call has to hold, and how a wrong one is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen

from batchhub.sandbox import AnswerError, Call

from .feeds import FEED_TYPE, WORDS
from .listings import Json

MAX_MARKETPLACES: Final = 25
"""Source: the model, CreateFeedSpecification."""

PAGE_SIZE: Final = 10
MAX_PAGE_SIZE: Final = 100
MAX_TYPES: Final = 10
"""Source: the model, getFeeds, parameters."""

KEPT: Final = timedelta(days=90)
"""Source: the same, createdSince."""

_DENIED: Final = "Access to requested resource is denied."
_ERRORS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("InvalidInput", "Invalid request parameters"),
    401: ("Unauthorized", _DENIED),
    403: ("Unauthorized", _DENIED),
    404: ("NotFound", "The specified resource does not exist."),
    405: ("InvalidInput", "The method is not allowed here."),
    413: ("InvalidInput", "The request size exceeded the maximum accepted size."),
    415: ("InvalidInput", "The request's Content-Type header is invalid."),
    429: ("QuotaExceeded", "You exceeded your quota for the requested resource."),
    503: ("ServiceUnavailable", "Service is temporarily unavailable. Please try again later."),
}
_INTERNAL: Final = ("InternalFailure", "We encountered an internal error. Please try again.")

EXPIRED: Final = "The access token you provided has expired."
REVOKED: Final = "The access token you provided is revoked, malformed or invalid."
MISSING: Final = "Access token is missing in the request header."


def make_errors(status: int, details: str = "") -> Json:
    """
    Build the body of an error.

    Source: the model, ErrorList; the texts of 403 and 429: selling-partner-api-models, threads
    2333 and 4414; that of 400: thread 1832. Assumed: the codes and texts of the rest.
    """
    code, message = _ERRORS.get(status, _INTERNAL)
    return {"errors": [{"code": code, "message": message, "details": details}]}


def make_participations(marketplace_ids: Iterable[str]) -> Json:
    """
    Build the answer of getMarketplaceParticipations.

    Source: the model of the Sellers API.
    """
    shop = {
        "name": "Amazon.de",
        "countryCode": "DE",
        "defaultCurrencyCode": "EUR",
        "defaultLanguageCode": "de_DE",
        "domainName": "www.amazon.de",
    }
    takes_part = {"isParticipating": True, "hasSuspendedListings": False}
    return {
        "payload": [
            {"marketplace": {"id": each, **shop}, "participation": takes_part, "storeName": "Shop"}
            for each in marketplace_ids
        ]
    }


@frozen(kw_only=True)
class FeedSpecification:
    """
    What a feed is to be made of.

    Attributes:
        marketplace_ids: Where it applies.
        document_id: Its document.
    """

    marketplace_ids: tuple[str, ...]
    document_id: str


def read_content_type(call: Call) -> str:
    """
    Read the body of createFeedDocument.

    Source: the model, CreateFeedDocumentSpecification.
    """
    document = _read_object(call)
    content_type = document.get("contentType")
    if not isinstance(content_type, str) or "/" not in content_type:
        raise call.refuse(400, "contentType")
    return content_type


def read_specification(call: Call) -> FeedSpecification:
    """
    Read the body of createFeed.

    Source: the model, CreateFeedSpecification; what is said of missing fields:
    selling-partner-api-models, thread 2741. Assumed: other types of feeds are refused.
    """
    document = _read_object(call)
    names = ("marketplaceIds", "feedType", "inputFeedDocumentId")
    missing = [name for name in names if not document.get(name)]
    if missing:
        body = make_errors(400, "".join(f"{name};" for name in missing))
        body["errors"][0]["message"] = "One or more required parameters missing"
        raise AnswerError(400, body)
    marketplaces, kind, document_id = (document[name] for name in names)
    if (
        not isinstance(marketplaces, list)
        or not all(isinstance(each, str) for each in marketplaces)
        or len(marketplaces) > MAX_MARKETPLACES
    ):
        raise call.refuse(400, "marketplaceIds")
    if kind != FEED_TYPE:
        raise call.refuse(400, "feedType")
    if not isinstance(document_id, str):
        raise call.refuse(400, "inputFeedDocumentId")
    return FeedSpecification(marketplace_ids=tuple(marketplaces), document_id=document_id)


@frozen(kw_only=True)
class Search:
    """
    What getFeeds is asked for.

    Attributes:
        types: The types of feeds.
        marketplace_ids: Where one of them applies; empty for anywhere.
        words: How far; empty for any.
        since: The earliest time a feed was made.
        until: The latest.
        size: How many feeds are on a page.
        begin: Where the page begins.
    """

    types: frozenset[str]
    marketplace_ids: frozenset[str]
    words: frozenset[str]
    since: datetime
    until: datetime
    size: int = PAGE_SIZE
    begin: int = 0


def read_search(call: Call, now: datetime) -> Search:
    """
    Read the parameters of getFeeds, but for `nextToken`.

    Source: the model, getFeeds, parameters.

    Args:
        call: The call.
        now: The vendor's time.
    """
    types = _read_list(call, "feedTypes")
    words = _read_list(call, "processingStatuses")
    if not 1 <= len(types) <= MAX_TYPES or not words <= WORDS:
        raise call.refuse(400, "feedTypes" if words <= WORDS else "processingStatuses")
    size = call.number("pageSize", PAGE_SIZE)
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise call.refuse(400, "pageSize")
    return Search(
        types=types,
        marketplace_ids=_read_list(call, "marketplaceIds"),
        words=words,
        since=_read_time(call, "createdSince", now - KEPT),
        until=_read_time(call, "createdUntil", now),
        size=size,
    )


def explain_token(token: str | None, has_expired: Callable[[str], bool]) -> str:
    """
    Return what an error says of a token that isn't valid.

    Source: selling-partner-api-models, thread 2333. Assumed: that an expired one and a
    missing one are told apart, and how.
    """
    if token is None:
        return MISSING
    return EXPIRED if has_expired(token) else REVOKED


def _read_object(call: Call) -> Json:
    """Assumed: a body of another media type than JSON is answered 415."""
    if call.content_type != "application/json":
        raise call.refuse(415, "")
    document: Any = call.json()
    if not isinstance(document, dict):
        raise call.refuse(400, "")
    return document


def _read_list(call: Call, name: str) -> frozenset[str]:
    """Assumed: a list may come with commas, and by repeating the parameter."""
    texts = call.request.query.getall(name, [])
    return frozenset(part for text in texts for part in text.split(",") if part)


def _read_time(call: Call, name: str, default: datetime) -> datetime:
    if name not in call.query:
        return default
    try:
        moment = datetime.fromisoformat(call.query[name])
    except ValueError:
        raise call.refuse(400, name) from None
    if moment.tzinfo is None:
        raise call.refuse(400, name)
    return moment

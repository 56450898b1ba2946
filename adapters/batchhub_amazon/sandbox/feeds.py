"""A feed: what it was made of, how far it is, and how the vendor shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import frozen

from batchhub.sandbox import Batch, Item, Stage, read_json

from .listings import Json
from .switches import AmazonSwitches

FEED_TYPE: Final = "JSON_LISTINGS_FEED"
"""Source: page "Listings Feed Type Values"."""

MAX_MESSAGES: Final = 25_000
"""Source: changelog of the developer documentation, 2025-05-06. Assumed: more are refused."""

VERSION: Final = "2.0"
"""Source: the schema of a listings feed (v2), header."""

WORDS: Final = frozenset({"IN_QUEUE", "IN_PROGRESS", "DONE", "CANCELLED", "FATAL"})
"""Source: the model, processingStatus."""


@frozen(kw_only=True)
class Feed:
    """
    What is known of a feed besides its batch.

    Attributes:
        marketplace_ids: Where it applies.
        report_id: The id of its report, once there is one.
        problem: The issue of a feed that can't be read as a whole; `None` of any other.
        is_fatal: Whether it ends FATAL.
        is_cancelled: Whether somebody else cancels it.
    """

    marketplace_ids: tuple[str, ...]
    report_id: str
    problem: Json | None = None
    is_fatal: bool = False
    is_cancelled: bool = False


def read_messages(content: bytes, seller_id: str) -> tuple[list[Item], Json | None]:
    """
    Read the document of a feed.

    Source: the schema of a listings feed (v2); the issue of a wrong version and its code:
    selling-partner-api-docs, thread 1133; that of a wrong seller: thread 2685.
    Assumed: the other codes and texts.

    Returns:
        Its messages, and the issue that keeps them from being looked at, if there is one.
    """
    try:
        document = read_json(content)
        header, messages = document["header"], document["messages"]
        version, seller = header["version"], header["sellerId"]
        ids = [message["messageId"] for message in messages]
    except (ValueError, TypeError, KeyError, UnicodeDecodeError):
        return [], _make_problem("4002001", "The feed is not a document of its schema.")
    if version != VERSION:
        return [], _make_problem("4002006", "The 'version' attribute has not the required value.")
    if not 1 <= len(ids) <= MAX_MESSAGES:
        return [], _make_problem("4002002", f"A feed has 1 to {MAX_MESSAGES} messages.")
    if any(type(each) is not int or each < 1 for each in ids) or len({*ids}) < len(ids):
        return [], _make_problem("4002003", "The 'messageId' of each message must be unique.")
    is_own = seller == seller_id
    return [_make_item(message, is_own=is_own) for message in messages], None


def get_word(batch: Batch, switches: AmazonSwitches) -> str:
    """Return how far a feed is, in the vendor's words."""
    feed: Feed = batch.about
    if not batch.has_ended:
        running = switches.unknown_word or "IN_PROGRESS"
        return running if batch.stage is Stage.RUNNING else "IN_QUEUE"
    if feed.is_cancelled or batch.is_stopped:
        return "CANCELLED"
    return "FATAL" if feed.is_fatal else "DONE"


def has_report(batch: Batch, switches: AmazonSwitches, now: float) -> bool:
    """Return whether a feed names its report at a moment in monotonic seconds."""
    if batch.ended_at is None or now < batch.ended_at + switches.report_after_s:
        return False
    word = get_word(batch, switches)
    return (word == "DONE" and not switches.no_report) or (
        word == "FATAL" and switches.fatal_has_report
    )


def show_time(moment: datetime) -> str:
    """Write a time. Source: the model, examples of getFeeds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _make_item(message: Json, *, is_own: bool) -> Item:
    sku = message.get("sku")
    path = "/listings" if is_own else "/foreign"
    return Item(id=sku if isinstance(sku, str) else None, path=path, body=message)


def _make_problem(code: str, message: str) -> Json:
    return {"code": code, "severity": "ERROR", "message": message}

"""The body of an answer as adapters get it: unpacked, as UTF-8, with a note of what was odd."""

from __future__ import annotations

from typing import Final

from batchhub._base.threads import in_thread
from batchhub._base.waits import note_oddity

from .body import (
    GZIP,
    Answer,
    BodyBrokenError,
    BodyTooLargeError,
    read_beginning,
    read_body,
    unpack,
)
from .page import begins_as_page, is_page_type
from .text import is_usual, needs_look, to_utf8

MAX_WORDS_BYTES: Final = 64 * 1024
"""The most bytes read of an error answer: enough for a code and a message."""

_LARGE_BYTES: Final = 256 * 1024
"""An answer of more bytes is taken apart in a thread."""

_LARGE_PACKED_BYTES: Final = 16 * 1024
"""What is compressed has a thousand times as many at most."""

_UNREADABLE: Final = "\ufffd".encode()
"""Stands for a page that came and can't be decompressed."""

_FILES: Final = ("application/", "audio/", "font/", "image/", "video/")
"""What a body may be that is a gzip file on purpose; JSON is none of them."""


async def read_answer(
    response: Answer, max_bytes: int, *, unpacks: bool, whole: bytes | None = None
) -> bytes:
    """
    Read the body of an answer that is no error.

    Args:
        response: The answer.
        max_bytes: The most bytes, compressed, decompressed and as UTF-8.
        unpacks: Whether a gzip file is decompressed, whatever the headers say.
        whole: The body, if it came with the head.

    Raises:
        BodyTooLargeError: It is larger.
        BodyBrokenError: Its compression is unknown, damaged or incomplete.
        aiohttp.ClientError: It is incomplete.
    """
    body = await read_body(response, max_bytes) if whole is None else whole
    if is_usual(body):
        return body
    if unpacks:
        body = unpack(body, max_bytes)
    elif body.startswith(GZIP) and not _may_be_file(find_type(response)):
        if len(body) > _LARGE_PACKED_BYTES:
            body = await in_thread(unpack, body, max_bytes)
        else:
            body = unpack(body, max_bytes)
        note_oddity("gzip, without a Content-Encoding")
    body = await _plain(body, find_type(response))
    if len(body) > max_bytes:
        raise BodyTooLargeError
    return body


async def read_refusal(response: Answer, max_bytes: int) -> bytes:
    """
    Read the body of an error answer; empty if it can't be read: the status says enough.

    Of a page the beginning is read in any case, since what is in between answers by pages.
    """
    content_type, max_bytes = find_type(response), min(MAX_WORDS_BYTES, max_bytes)
    try:
        body, is_whole = await read_beginning(response, max_bytes)
        body = unpack(body, max_bytes)
    except (BodyBrokenError, BodyTooLargeError):
        return _UNREADABLE if is_page_type(content_type) else b""
    body = await _plain(body, content_type)
    return body if is_whole or begins_as_page(body, content_type) else b""


def find_type(response: Answer) -> str:
    """Return the ``Content-Type`` of an answer; empty if it has none."""
    return response.headers.get("Content-Type", "")


async def _plain(body: bytes, content_type: str) -> bytes:
    """Return a body as UTF-8, where that is certain, and take note of what was odd."""
    if not needs_look(body, content_type):
        return body
    if len(body) > _LARGE_BYTES:
        body, oddity = await in_thread(to_utf8, body, content_type)
    else:
        body, oddity = to_utf8(body, content_type)
    if oddity is not None:
        note_oddity(oddity)
    return body


def _may_be_file(content_type: str) -> bool:
    """Return whether a gzip file may be what was asked for, by what the answer calls itself."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith(_FILES) and not kind.endswith("json")

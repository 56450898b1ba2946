"""Slack's incoming webhooks: the message as plain text, in which nothing is markup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_LONGEST_BLOCK: Final = 2_900
_LONGEST_TEXT: Final = 30_000
_LONGEST_HEAD: Final = 140


def write_slack(body: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Return what is posted, and its headers."""
    title, _, rest = str(body["text"]).partition("\n")
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(_fit(title, _LONGEST_HEAD))},
        *({"type": "section", "text": _plain(part)} for part in _parts(rest.strip("\n"))),
        {"type": "context", "elements": [_plain(f"message {body['id']}")]},
    ]
    message = {
        "text": _escape(_fit(title, _LONGEST_HEAD)),
        "blocks": blocks,
        # Else a name with an @ in an item's text would call somebody.
        "link_names": False,
        "parse": "none",
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    return json.dumps(message).encode(), {"Content-Type": "application/json; charset=utf-8"}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escape(text), "emoji": False}


def _escape(text: str) -> str:
    """Write the three characters that Slack's markup is made of as it wants them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _parts(text: str) -> list[str]:
    """Cut a text into what fits into a block, at the ends of lines, escaped or not."""
    parts, part = [], ""
    for line in _cut(text, _LONGEST_TEXT).split("\n"):
        cut = _fit(line, _LONGEST_BLOCK)
        if part and len(_escape(f"{part}\n{cut}")) > _LONGEST_BLOCK:
            parts.append(part)
            part = cut
        else:
            part = f"{part}\n{cut}" if part else cut
    return [each for each in (*parts, part) if each.strip()]


def _fit(text: str, limit: int) -> str:
    """Cut a text so that it fits once it is escaped."""
    cut = _cut(text, limit)
    while len(_escape(cut)) > limit:
        cut = _cut(cut, len(cut) * 3 // 4)
    return cut


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

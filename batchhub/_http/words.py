"""What a page says that stands where an answer should be."""

from __future__ import annotations

from batchhub._adapter.answers import one_line

from .page import find_title, is_page


def describe_page(body: bytes) -> str | None:
    """
    Return what a page of HTML is, by its title; `None` for anything else.

    For pages in places where an adapter expects an answer, such as the answer to a single item.
    """
    if not is_page(body, ""):
        return None
    title = one_line(find_title(body))
    return f"a page of HTML, {title!r}" if title else "a page of HTML without a title"

"""Pages as a browser takes them: elements, links and texts, and what is wrong in them."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from typing import Final

_VOID: Final = {"meta", "link", "input", "br", "rect"}
_ALLOWED: Final = {
    *("html", "head", "title", "meta", "link", "script", "body", "a", "header", "nav", "main"),
    *("ul", "li", "h1", "h2", "h3", "p", "div", "span", "small", "strong", "code", "pre", "time"),
    *("form", "input", "label", "select", "option", "button", "section", "footer", "svg", "rect"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd"),
    *("details", "summary"),
}
_BLOCKS: Final = {"ul", "dl", "table", "section", "div", "h1", "h2", "h3", "pre", "form", "p"}
"""What ends a paragraph by itself, so that its end tag closes nothing."""


class Html(HTMLParser):
    """
    A page that was read.

    Attributes:
        faults: What a browser would have to guess, or what no page may have.
        links: Where its links lead, with their texts.
        text: Its text, between spaces.
        ids: The ids of its elements.
        headings: Its first headings.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.text = " "
        self.ids: Counter[str] = Counter()
        self.headings: list[str] = []
        self._open: list[str] = []
        self._href: str | None = None
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag in self._open]
        self.faults += [f"id {name} is there twice" for name, n in self.ids.items() if n > 1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the beginning of an element."""
        given = dict(attrs)
        if tag not in _ALLOWED:
            self.faults.append(f"there is a <{tag}>")
        if "p" in self._open and tag in _BLOCKS:
            self.faults.append(f"<{tag}> is in a <p>")
        if tag == "a" and "a" in self._open:
            self.faults.append("a link is in a link")
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.faults.append(f"<{tag}> has {name}={value}")
        if tag == "th" and "scope" not in given:
            self.faults.append("a header of a table does not say of what")
        if tag == "script" and not given.get("src"):
            self.faults.append("a script is in the page")
        if (element_id := given.get("id")) is not None:
            self.ids[element_id] += 1
        if tag == "a":
            href = given.get("href") or ""
            if not href.startswith(("/", "#")):
                self.faults.append(f"a link leads to {href}")
            self.links.append((href, ""))
            self._href = href
        if tag == "h1":
            self.headings.append("")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that ends at once."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Take the end of an element."""
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1:]}")
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "a":
            self._href = None

    def handle_data(self, data: str) -> None:
        """Take text."""
        words = " ".join(data.split())
        if not words:
            return
        self.text += f"{words} "
        if self._href is not None:
            href, before = self.links[-1]
            self.links[-1] = (href, f"{before} {words}".strip())
        if self.headings and self._open[-1:] == ["h1"]:
            self.headings[-1] += words

    def find(self, text: str) -> str:
        """Return where the first link with a text leads."""
        found = [href for href, words in self.links if words == text]
        assert found, f"no link {text!r} among {self.links}"
        return found[0]

    def has_link(self, text: str) -> bool:
        """Whether there is a link whose text begins so."""
        return any(words.startswith(text) for _, words in self.links)

"""Blanks secrets in what others wrote: answers, error messages, chained errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import aiohttp

from batchhub._base.secrets import BLANK, MIN_LENGTH, find_forms, remember


class Redactor:
    """
    Blanks an account's secrets, also percent-encoded or escaped as in JSON.

    A secret of fewer than 8 characters stays in texts, since it could be a part of any word; an
    error that shows one is not chained, though. The log blanks the secrets of all redactors.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = [secret for secret in secrets if secret]
        remember(known)
        forms = {form for secret in known for form in find_forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)
        self._blanked = [form for form in self._forms if len(form) >= MIN_LENGTH]
        self._blanked_bytes = [form.encode() for form in self._blanked]

    def text(self, text: str) -> str:
        """Return `text` with every secret as ``***``."""
        for form in self._blanked:
            text = text.replace(form, BLANK)
        return text

    def body(self, body: bytes) -> bytes:
        """Return `body` with every secret as ``***``."""
        for form in self._blanked_bytes:
            body = body.replace(form, BLANK.encode())
        return body

    def line(self, text: str, limit: int) -> str:
        """Return `text` blanked, on one line of printable characters, cut at `limit` of them."""
        printable = "".join(c if c.isprintable() else " " for c in self.text(text))
        line = " ".join(printable.split())
        return line if len(line) <= limit else f"{line[: limit - 1]}…"

    def shows_secret(self, error: BaseException) -> bool:
        """Whether a traceback of `error`, or its `repr`, could show a secret."""
        return any(
            # An aiohttp error on an answer carries the whole request, `Authorization` included.
            isinstance(link, aiohttp.ClientResponseError) or self._shows(link)
            for link in _chain(error)
        )

    def _shows(self, error: BaseException) -> bool:
        text = f"{error!r} {error} {getattr(error, '__notes__', '')}"
        return any(form in text for form in self._forms)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            links += [link.__cause__, link.__context__]
            yield link

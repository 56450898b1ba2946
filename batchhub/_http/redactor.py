"""Blanks secrets in what others wrote: answers, error messages, chained errors."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from weakref import finalize

import aiohttp
from yarl import URL

from batchhub._base.secrets import BLANK, MIN_LENGTH, Blanker, forget, remember

_AUTHORISING: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
_MAX_SENT: Final = 64
_QUERY: Final = re.compile(
    r"(https?:\\*/\\*/(?:[^\s?#\"'<>\\]|\\+/)*)\?(?:[^\s\"'<>\\]|\\+/)*", re.IGNORECASE
)
"""An address with a query, also in JSON inside a text, where a slash may be escaped."""


class Redactor:
    """
    Blanks an account's secrets, in any form that `batchhub._base.secrets` knows.

    A secret of fewer than 8 characters stays in texts, since it could be a part of any word; an
    error that shows one is not chained, though. The log blanks the secrets of all redactors.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = [secret for secret in secrets if secret]
        self._any = Blanker(known, min_length=1)
        self._blanker = Blanker()
        self._sent: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        # A program may open hub after hub, each with credentials of its own.
        finalize(self, _forget_all, self._sent).atexit = False
        self.add(known)

    def note_headers(self, headers: Mapping[str, str]) -> None:
        """Blank from now on what authorises a request: as it is sent, and its base64."""
        for name, value in headers.items():
            if value in self._sent:
                self._sent.move_to_end(value)
            elif (has_secret := self._any.shows(value)) or name.lower() in _AUTHORISING:
                self._note(value, _forms_sent(value, has_secret=has_secret))

    def note_credentials(self, headers: Mapping[str, str]) -> None:
        """Blank from now on every value of headers that were got to authorise requests."""
        for value in headers.values():
            self._note(value, _forms_sent(value, has_secret=False))

    def _note(self, value: str, forms: Sequence[str]) -> None:
        """Blank what was sent, until much else has been: such values come and go."""
        if value in self._sent:
            self._sent.move_to_end(value)
            return
        self._sent[value] = tuple(forms)
        self.add(forms)
        if len(self._sent) > _MAX_SENT:
            _, old = self._sent.popitem(last=False)
            self._blanker.remove(old)
            forget(old)

    def text(self, text: str) -> str:
        """Return `text` with every secret as ``***``."""
        return self._blanker.text(text)

    def body(self, body: bytes) -> bytes:
        """Return `body` with every secret as ``***``."""
        return self._blanker.data(body)

    async def long_body(self, body: bytes) -> bytes:
        """Return what `body` does; a long one does not hold up the event loop."""
        return await self._blanker.long_data(body)

    def value(self, value: Any) -> Any:
        """
        Return a JSON-like value as it may be kept and shown.

        Every secret in its texts is ``***``, and so is the query of every address: a link to a
        file often is what gives access to it.
        """
        return _drop_queries(self._blanker.value(value))

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
        return self._any.shows(text) or self._blanker.shows(text)

    def add(self, secrets: Iterable[str]) -> None:
        """Blank these as well from now on, also in the log."""
        self._blanker.add(secrets)
        remember(secrets)


class LinkRedactor(Redactor):
    """
    Blanks, in addition to an account's secrets, what gives access in the query of one address.

    Only in errors: in an answer such a text may be a fact that is meant to be there.
    """

    def __init__(self, account: Redactor, url: URL) -> None:
        super().__init__(())
        self._account = account
        query = url.raw_query_string
        values = (each for pair in query.split("&") for each in pair.split("=", 1)[1:])
        # Not remembered for the log: an address is used once, and there may be very many.
        self._link = Blanker([query, *values, *url.query.values()], min_length=MIN_LENGTH)

    def text(self, text: str) -> str:
        """Return `text` with every secret as ``***``, and no address in it with a query."""
        return _drop_query(self._link.text(self._account.text(text)))

    def body(self, body: bytes) -> bytes:
        """Return `body` with every secret as ``***``."""
        return self._link.data(self._account.body(body))

    def shows_secret(self, error: BaseException) -> bool:
        """Whether a traceback of `error`, or its `repr`, could show a secret."""
        return self._account.shows_secret(error) or any(
            self._link.shows(f"{link!r} {link}") for link in _chain(error)
        )


def _drop_query(text: str) -> str:
    return _QUERY.sub(rf"\1?{BLANK}", text) if "?" in text else text


def _drop_queries(value: Any) -> Any:
    if isinstance(value, str):
        return _drop_query(value)
    if isinstance(value, Mapping):
        return {_drop_queries(key): _drop_queries(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_drop_queries(inner) for inner in value]
    return value


def _forms_sent(value: str, *, has_secret: bool) -> list[str]:
    """Return what to look for, of a header's value: what it is in itself, and its base64."""
    _, _, credentials = value.partition(" ")  # as in "Bearer abc"
    plain = [] if has_secret else [credentials or value]
    coded = (
        code(part.encode(errors="surrogatepass")).decode().rstrip("=")
        for part in filter(None, (value, credentials))
        for code in (b64encode, urlsafe_b64encode)
    )
    return [*plain, *dict.fromkeys(coded)]


def _forget_all(sent: Mapping[str, Iterable[str]]) -> None:
    for forms in sent.values():
        forget(forms)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            links += [link.__cause__, link.__context__]
            yield link

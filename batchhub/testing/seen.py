"""What a scripted vendor was asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import field, frozen
from multidict import CIMultiDictProxy, MultiMapping

from batchhub._base.json import loads
from batchhub._base.secrets import blank

_SHOWN: Final = 200
"""How many characters of a body a message shows."""


@frozen(kw_only=True)
class SeenRequest:
    """
    One request, as it came.

    Attributes:
        method: Its HTTP method.
        path: Its path as it was sent, percent-encoded, without the query.
        query: Its query parameters, decoded. Equal to a dict; `getall` has repeated ones.
        headers: Its headers; names are not case-sensitive.
        body: Its body, whole; empty if there was none.
        host: The name of the host it went to, as in `ScriptedVendor.url`; empty for `base_url`.
        at: When it had come in whole, by the vendor's clock.
        path_params: What stands in the path for each ``{name}`` of the template, decoded.
    """

    method: str
    path: str
    query: MultiMapping[str]
    headers: CIMultiDictProxy[str] = field(repr=False)
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    host: str = ""
    at: datetime
    path_params: Mapping[str, str] = field(factory=dict)

    def json(self) -> Any:
        """
        Decode the body as one JSON document.

        Raises:
            AssertionError: It is not valid JSON.
        """
        try:
            return loads(self.body)
        except ValueError as error:
            raise AssertionError(f"{self} has a body that is not JSON: {error}") from None

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        return blank(f"{self.method} {self.path}{'?' if query else ''}{query}{at_host(self.host)}")


def at_host(host: str) -> str:
    """Return which host it is, for messages; nothing for the account's own."""
    return f" at host {host!r}" if host else ""


def shorten(text: str) -> str:
    """Return a text on one line, known secrets blanked, cut to what a message shows."""
    line = " ".join(blank(text[: 10 * _SHOWN]).split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"

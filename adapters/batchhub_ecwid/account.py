"""One Ecwid store and the token that opens it."""

from __future__ import annotations

from typing import ClassVar, Final

from attrs import frozen

from batchhub.adapter import Account, Budget, flag, header_secret, whole_number

BASE_URL: Final = "https://app.ecwid.com"
"""Where Ecwid answers. Source: older page "Create batch request", URL."""

MAX_REQUEST_BYTES: Final = 5 * 1024 * 1024
"""Bytes in one request. Assumed: no page gives a bound; 500 long product texts stay below it."""

REQUESTS_PER_MINUTE: Final = 600
"""Requests a token may make. Source: the vendor's pages on rate limits."""

_SETTINGS_TEXT: Final = """\
# Required. The store's number.
store_id = 0
# Required. The store's access token for the REST API, without "Bearer".
token = { env = "ECWID_TOKEN" }
# Scheme and host of the API.
#base_url = "https://app.ecwid.com"
# Maximum size of a request body, in bytes.
#max_request_bytes = 5242880
# Requests a minute. More than the vendor allows gets the token blocked.
#requests_per_minute = 600
# Send a batch of GET, PUT and DELETE again when no answer came, even if the vendor would no longer
# recognise it. A batch of GET alone is always sent again.
#repeat_idempotent = false
"""
"""What `batchhub init` writes."""


@frozen(kw_only=True)
class EcwidAccount(Account):
    """
    One Ecwid store.

    Attributes:
        store_id: The store's number, or its digits as text.
        token: The store's access token for the REST API, without ``Bearer``.
        base_url: Where the vendor answers: scheme and host.
        max_request_bytes: The most bytes in the body of one request.
        requests_per_minute: How many requests a minute the token may make. More than the
            vendor allows gets the token blocked.
        repeat_idempotent: Whether a batch of nothing but GET, PUT and DELETE is sent again when no
            answer came and the vendor would no longer recognise it. Of GET alone it always is.
    """

    adapter: ClassVar[str] = "ecwid"
    settings_text: ClassVar[str] = _SETTINGS_TEXT

    store_id: int = whole_number()
    token: str = header_secret()
    base_url: str = BASE_URL
    max_request_bytes: int = whole_number(default=MAX_REQUEST_BYTES)
    requests_per_minute: int = whole_number(default=REQUESTS_PER_MINUTE)
    repeat_idempotent: bool = flag(default=False)

    @property
    def identity(self) -> str:
        """The store's number: the limits are the store's token's, whatever its name here."""
        return str(self.store_id)

    @property
    def budget(self) -> Budget:
        """The requests a minute the token may make, spread evenly but for five at once."""
        return Budget(requests=self.requests_per_minute, per_s=60.0, burst=5)

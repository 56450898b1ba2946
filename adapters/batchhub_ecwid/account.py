"""One Ecwid store and the token that opens it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from attrs import Attribute, field, frozen

from batchhub.adapter import Account, Budget, secret
from batchhub.errors import SettingsError

BASE_URL: Final = "https://app.ecwid.com"
"""Where Ecwid answers. Source: older page "Create batch request", URL."""

MAX_REQUEST_BYTES: Final = 5 * 1024 * 1024
"""Bytes in one request. Assumed: no page gives a bound; 500 long product texts stay below it."""

REQUESTS_PER_MINUTE: Final = 600
"""Requests a token may make. Source: the vendor's pages on rate limits."""

_MAX_DIGITS: Final = 18

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


def _check_token(_: object, attribute: Attribute[str], value: object) -> None:
    """Refuse what no token can be, and say so without showing it."""
    key = attribute.name
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{key} must be text that is not empty", key=key)
    if not _is_visible_ascii(value):
        raise SettingsError(
            f"{key} holds a space or a character no header can carry; "
            "write the bare token, without 'Bearer'",
            key=key,
        )


def _is_visible_ascii(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def _to_number(value: Any) -> Any:
    """Read a number from its digits, as an environment variable gives them."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value) if len(value) <= _MAX_DIGITS else value
    return value


def _check_positive(_: object, attribute: Attribute[int], value: object) -> None:
    key = attribute.name
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingsError(f"{key} must be a whole number above zero", key=key)


def _check_bool(_: object, attribute: Attribute[bool], value: object) -> None:
    key = attribute.name
    if not isinstance(value, bool):
        raise SettingsError(f"{key} must be true or false", key=key)


@frozen(kw_only=True)
class EcwidAccount(Account):
    """
    One Ecwid store.

    Attributes:
        store_id: The store's number; its digits as text are taken, too.
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

    store_id: int = field(converter=_to_number, validator=_check_positive)
    token: str = secret(validator=_check_token)
    base_url: str = BASE_URL
    max_request_bytes: int = field(
        default=MAX_REQUEST_BYTES, converter=_to_number, validator=_check_positive
    )
    requests_per_minute: int = field(
        default=REQUESTS_PER_MINUTE, converter=_to_number, validator=_check_positive
    )
    repeat_idempotent: bool = field(default=False, validator=_check_bool)

    @property
    def identity(self) -> str:
        """The store's number: the limits are the store's token's, whatever its name here."""
        return str(self.store_id)

    @property
    def budget(self) -> Budget:
        """The requests a minute the token may make, spread evenly but for five at once."""
        return Budget(requests=self.requests_per_minute, per_s=60.0, burst=5)

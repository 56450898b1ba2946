"""One seller at Initech, and how often it may ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from attrs import Attribute, field, frozen

from batchhub.adapter import Account, Budget, identity, secret, whole_number
from batchhub.errors import SettingsError

FEEDS: Final = "feeds"
"""The rate of the requests that make feeds, which Initech limits by themselves."""

_SETTINGS_TEXT: Final = """\
# Required. The client's id, and its secret.
client_id = ""
client_secret = { env = "INITECH_CLIENT_SECRET" }
# The secret that Initech signs its calls (webhooks) with; without it none is believed.
#push_secret = { env = "INITECH_PUSH_SECRET" }
# Scheme and host of the API.
#base_url = "https://api.initech.example"
# Where access tokens are to be had.
#token_url = "https://login.initech.example/token"
# Requests a minute.
#requests_per_minute = 120
"""
"""What `batchhub init` writes."""


def _check_url(_: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise SettingsError(f"{attribute.name} must be a URL", key=attribute.name)


@frozen(kw_only=True)
class InitechAccount(Account):
    """
    One seller.

    Attributes:
        client_id: The client's id.
        client_secret: Its secret.
        push_secret: What Initech signs its calls with; `None` believes none.
        base_url: Where the API answers: scheme and host.
        token_url: Where access tokens are to be had.
        requests_per_minute: How many requests a minute it may make.
    """

    adapter: ClassVar[str] = "initech"
    settings_text: ClassVar[str] = _SETTINGS_TEXT

    client_id: str = identity()
    client_secret: str = secret()
    push_secret: str | None = secret(default=None)
    base_url: str = "https://api.initech.example"
    token_url: str = field(default="https://login.initech.example/token", validator=_check_url)
    requests_per_minute: int = whole_number(default=120)

    @property
    def budget(self) -> Budget:
        """All requests to the API."""
        return Budget(requests=self.requests_per_minute, per_s=60.0)

    @property
    def rates(self) -> Mapping[str, Budget]:
        """Feeds: 15 at once, and one more every 10 seconds."""
        return {FEEDS: Budget(requests=1, per_s=10.0, burst=15)}

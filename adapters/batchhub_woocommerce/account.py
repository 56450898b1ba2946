"""One WooCommerce shop and a key of its REST API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from batchhub.adapter import Account, Budget, flag, header_secret, whole_number
from batchhub.errors import SettingsError

API_PATH: Final = "/wp-json/wc/v3"
"""Where a shop has its API. Source: REST API docs, "Introduction" (v3), read 2026-11-29."""

MAX_ITEMS: Final = 100
"""
Items in one request; a filter of the shop may change it, `woocommerce_rest_batch_items_limit`.

Source: REST API docs, "Batch update products"; woocommerce/woocommerce,
class-wc-rest-controller.php, check_batch_limit, read 2026-11-29.
"""

MAX_REQUEST_BYTES: Final = 1024 * 1024
"""Bytes in one request. Assumed: what nginx takes by default, `client_max_body_size`."""

ANSWER_S: Final = 300
"""
Seconds for the answer to a batch.

Assumed: longer than PHP, and the servers before it, usually let a request run. If nobody waits any
more the shop still works on, so that it is better to get its own word that it took too long.
"""

_LONGEST_ANSWER_S: Final = 840
"""A submit may take 15 minutes in all."""

REQUESTS_PER_MINUTE: Final = 60
"""Requests a shop gets. Assumed: WooCommerce has no limit; whoever hosts the shop may have one."""

_PATH: Final = re.compile(r"/[!\"$-~]*[!\"$-.0-~]")
_WP_JSON: Final = "/wp-json"
_INDEX: Final = "/index.php"

_SETTINGS_TEXT: Final = """\
# Required. The shop's address as in WordPress (Settings, General), with its folder if it is in one.
base_url = ""
# Required. A key with the permission Read/Write (WooCommerce, Settings, Advanced, REST API).
consumer_key = { env = "WOOCOMMERCE_CONSUMER_KEY" }
consumer_secret = { env = "WOOCOMMERCE_CONSUMER_SECRET" }
# Where the API is, below base_url. With plain permalinks "/?rest_route=/wc/v3".
#api_path = "/wp-json/wc/v3"
# Items in a request. Fewer if the shop is so slow that requests time out.
#max_items = 100
# Maximum size of a request body, in bytes.
#max_request_bytes = 1048576
# Seconds to wait for the answer to a batch, at most 840.
#answer_s = 300
# Requests a minute.
#requests_per_minute = 60
# Send updates and deletes that were not answered again, where that changes nothing.
#repeat_unanswered = true
"""
"""What `batchhub init` writes."""


def _check_api_path(_: object, attribute: Attribute[str], value: object) -> None:
    key = attribute.name
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise SettingsError(
            f"{key} must begin with '/', not end with one, and have no space or '#', as in "
            f"{API_PATH}",
            key=key,
        )


@frozen(kw_only=True)
class WooCommerceAccount(Account):
    """
    One shop.

    Attributes:
        base_url: The shop's address, with a path if it is in a folder of its site. It must be
            ``https://`` unless it is this machine's own: over plain HTTP WooCommerce wants every
            request signed. Source: REST API docs, "Authentication over HTTP", read 2026-11-29.
        consumer_key: The key, ``ck_…``.
        consumer_secret: Its secret, ``cs_…``.
        api_path: Where the API is, below `base_url`.
        max_items: The most items in one request.
        max_request_bytes: The most bytes in the body of one request.
        answer_s: Seconds that the answer to a batch may take, at most 840.
        requests_per_minute: How many requests a minute the shop gets.
        repeat_unanswered: Whether updates and deletes to which no answer came are sent again. Of
            updates it is only those that leave nothing different the second time.
    """

    adapter: ClassVar[str] = "woocommerce"
    settings_text: ClassVar[str] = _SETTINGS_TEXT
    has_path: ClassVar[bool] = True
    needs_https: ClassVar[bool] = True

    consumer_key: str = header_secret()
    consumer_secret: str = header_secret()
    api_path: str = field(default=API_PATH, validator=_check_api_path)
    max_items: int = whole_number(default=MAX_ITEMS)
    max_request_bytes: int = whole_number(default=MAX_REQUEST_BYTES)
    answer_s: int = whole_number(default=ANSWER_S)
    requests_per_minute: int = whole_number(default=REQUESTS_PER_MINUTE)
    repeat_unanswered: bool = flag(default=True)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        for key, other in (("consumer_key", "cs_"), ("consumer_secret", "ck_")):
            if getattr(self, key).startswith(other):
                raise SettingsError(
                    f"{key} begins with {other}: a consumer key begins with ck_, a consumer secret "
                    "with cs_; exchange the two",
                    key=key,
                )
        if ":" in self.consumer_key:
            raise SettingsError("consumer_key must not contain ':'", key="consumer_key")
        if self.answer_s > _LONGEST_ANSWER_S:
            raise SettingsError(f"answer_s must be at most {_LONGEST_ANSWER_S}", key="answer_s")
        if _WP_JSON in self.base_path:
            raise SettingsError(
                f"base_url must be the shop's address, without {_WP_JSON} and what follows it; "
                "for another place of the API there is api_path",
                key="base_url",
            )

    @property
    def identity(self) -> str:
        """
        The shop's host, and its folder: a site may have a shop in each.

        ``/index.php`` is no folder but another way to the same shop. ``www.`` is kept: whether it
        is the same shop only its owner knows.
        """
        host = urlsplit(self.base_url).netloc.removesuffix(":443").removesuffix(".")
        return host + self.base_path.removesuffix(_INDEX)

    @property
    def api(self) -> str:
        """Where the API is, from the host on."""
        return f"{self.base_path}{self.api_path}"

    @property
    def limits(self) -> Mapping[str, Any]:
        """What is allowed in one request, as `Capabilities` has it."""
        return {"max_items": self.max_items, "max_bytes": self.max_request_bytes}

    @property
    def budget(self) -> Budget:
        """The requests a minute the shop gets, spread evenly but for five at once."""
        return Budget(requests=self.requests_per_minute, per_s=60.0, burst=5)

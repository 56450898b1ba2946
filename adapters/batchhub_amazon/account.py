"""One seller at Amazon: its credentials, its marketplaces, and how often Amazon may be asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from batchhub.adapter import Account, Budget, identity, secret, whole_number
from batchhub.errors import SettingsError

HOSTS: Final[Mapping[str, str]] = {
    "na": "https://sellingpartnerapi-na.amazon.com",
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}
"""Where the API answers, by region. Source: page "SP-API Endpoints", read 2026-11-29."""

REGIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("A2EUQ1WTGCTBG2", "ATVPDKIKX0DER", "A1AM78C64UM0Y8", "A2Q3Y263D00KWC"), "na"),
    **dict.fromkeys(
        (
            *("A28R8C7NBKEWEA", "A1RKKUPIHCS9HS", "A1F83G8C2ARO7P", "A13V1IB3VIYZZH"),
            *("AMEN7PMS3EDWL", "A1805IZSGTT6HS", "A1PA6795UKMFR9", "APJ6JRA9NG5V4"),
            *("A2NODRKZP88ZB9", "AE08WJ6YKNBMC", "A1C3SOZRARQ6R3", "ARBP9OOSHTCHU"),
            *("A33AVAJ2PDY3EV", "A17E79C6D8DWNP", "A2VIGQ35RCS4UG", "A21TJRUUN4KGV"),
        ),
        "eu",
    ),
    **dict.fromkeys(("A19VAU5U5O7RUS", "A39IBJ37TRP1C6", "A1VC38T7YXB528"), "fe"),
}
"""
The region of each marketplace. New ones are added now and then, so others are taken too.

Source: page "Marketplace IDs", read 2026-11-29.
"""

CREATE_DOCUMENT: Final = "createFeedDocument"
CREATE_FEED: Final = "createFeed"
GET_FEED: Final = "getFeed"
GET_FEEDS: Final = "getFeeds"
GET_DOCUMENT: Final = "getFeedDocument"
CANCEL_FEED: Final = "cancelFeed"
GET_MARKETPLACES: Final = "getMarketplaceParticipations"
"""Amazon's names of the operations, each of which has a rate of its own."""

FEEDS_AT_ONCE: Final = 3
"""
How many feeds may be made at once; with one more every two minutes five in any five minutes.

Source: announcement "Feed size and rate limit changes for the JSON_LISTINGS_FEED", 2025-05-06 (five
submissions in five minutes and region); createFeed itself allows 15, and the lower limit counts.
"""

MAX_FEED_BYTES: Final = 10 * 2**20
"""The most bytes of a feed. Source: page "Feeds API Best Practices", read 2026-11-29."""

_MAX_MARKETPLACES: Final = 25
"""Source: feeds_2021-06-30.json at 34dc93f, CreateFeedSpecification."""

_MARKETPLACE: Final = re.compile(r"A[A-Z0-9]{9,19}", re.ASCII)
"""Assumed: that a new marketplace's id looks like the known ones."""

_LOCALE: Final = re.compile(r"[a-z]{2}_[A-Z]{2}", re.ASCII)

_SETTINGS_TEXT: Final = """\
# Required. The seller's id (the merchant token), from the account information in Seller Central.
seller_id = ""
# Required. The marketplaces to sell in, such as A1PA6795UKMFR9 for Germany.
marketplace_ids = []
# Required. The application's Login with Amazon credentials, from the developer console.
client_id = ""
client_secret = { env = "AMAZON_CLIENT_SECRET" }
# Required. What the seller's authorization of the application gave: it starts with Atzr|
refresh_token = { env = "AMAZON_REFRESH_TOKEN" }
# The region: sellingpartnerapi-na, sellingpartnerapi-eu or sellingpartnerapi-fe.
#base_url = "https://sellingpartnerapi-eu.amazon.com"
# Login with Amazon.
#token_url = "https://api.amazon.com/auth/o2/token"
# The language of Amazon's messages, such as en_US. Default: that of the first marketplace.
#issue_locale = ""
# The product type of items that give a price or a quantity and no product type.
#product_type = "PRODUCT"
# The fulfillment channel that a quantity is for.
#channel = "DEFAULT"
# How a price is written: merge leaves the rest of the offer as it is, replace drops it.
#price_op = "merge"
# Feeds that may be made at once.
#feeds_at_once = 3
# Maximum size of a feed, in bytes.
#max_feed_bytes = 10485760
# Seconds by which the clocks of Amazon's own machines may differ.
#clock_skew_s = 60
# Seconds after which a new feed is in Amazon's list of feeds.
#visibility_grace_s = 300
"""
"""What `batchhub init` writes."""


def _to_ids(value: Any) -> Any:
    """Make a list a tuple; of text, as a variable has it, commas or spaces separate the ids."""
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    return tuple(value) if isinstance(value, list) else value


def _check_ids(_: object, attribute: Attribute[Any], value: object) -> None:
    key = attribute.name
    is_list = isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    if not is_list or not value:
        raise SettingsError(
            f"{key} must be a list of marketplace ids, such as A1PA6795UKMFR9", key=key
        )
    assert isinstance(value, tuple)  # noqa: S101  # mypy can't tell
    if len(value) > _MAX_MARKETPLACES or len(set(value)) != len(value):
        raise SettingsError(f"{key} may have {_MAX_MARKETPLACES} ids, each once", key=key)
    for each in value:
        if not _MARKETPLACE.fullmatch(each):
            raise SettingsError(
                f"{key}: {each!r} is no marketplace id, which looks like A1PA6795UKMFR9; Amazon's "
                'page "Marketplace IDs" lists them',
                key=key,
            )


def _check_text(_: object, attribute: Attribute[str], value: object) -> None:
    key = attribute.name
    if not isinstance(value, str) or not value.isprintable() or not value or value != value.strip():
        raise SettingsError(f"{key} must be text that is not empty, without spaces around", key=key)


def _check_url(_: object, attribute: Attribute[str], value: object) -> None:
    key = attribute.name
    url = urlsplit(value) if isinstance(value, str) else None
    if url is None or url.scheme not in {"https", "http"} or not url.hostname or url.query:
        raise SettingsError(
            f"{key} must be a URL, as in https://api.amazon.com/auth/o2/token", key=key
        )


def _check_locale(_: object, attribute: Attribute[str], value: object) -> None:
    key = attribute.name
    if value and not (isinstance(value, str) and _LOCALE.fullmatch(value)):
        raise SettingsError(f"{key} must be a language and a country, as in en_US", key=key)


def _check_op(_: object, attribute: Attribute[str], value: object) -> None:
    key = attribute.name
    if value not in {"merge", "replace"}:
        raise SettingsError(f"{key} must be merge or replace", key=key)


@frozen(kw_only=True)
class AmazonAccount(Account):
    """
    One seller, and one application that may act for it.

    Attributes:
        seller_id: The seller's id, also called merchant token.
        marketplace_ids: The marketplaces that feeds are for, 1 to 25, all of one region. As text,
            commas or spaces separate them.
        client_id: The application's id at Login with Amazon.
        client_secret: The application's secret there.
        refresh_token: What the seller's authorization of the application gave.
        base_url: Where the API of the marketplaces' region answers: scheme and host.
        token_url: Where access tokens are to be had.
        issue_locale: The language of messages, such as ``en_US``; empty for the marketplace's own.
        product_type: The product type of items in the short form that name none. Source: the
            maintainers in selling-partner-api-docs issue 2360, 2022-07-20 (PRODUCT takes prices).
        channel: The fulfillment channel that a quantity is for. Source: listings-feed-schema-v2,
            example (DEFAULT is the seller's own).
        price_op: How a price is written: ``merge`` leaves the rest of the offer as it is,
            ``replace`` drops it. Source: page "Manage purchasable offer" (parts of an offer can be
            changed); announcement of 2025-06-16 (a merge changes quantities, and deletes the
            quantity discounts of an offer). Assumed: that a merge can set a price.
        feeds_at_once: How many feeds may be made at once; after that, as fast as Amazon says.
        max_feed_bytes: The most bytes of a feed.
        clock_skew_s: Seconds by which the clocks of Amazon's own machines may differ. Assumed.
        visibility_grace_s: Seconds for which a new feed may be missing in the list. Assumed.
    """

    adapter: ClassVar[str] = "amazon"
    settings_text: ClassVar[str] = _SETTINGS_TEXT

    seller_id: str = identity()
    marketplace_ids: tuple[str, ...] = field(converter=_to_ids, validator=_check_ids)
    client_id: str = field(validator=_check_text)
    client_secret: str = secret(validator=_check_text)
    refresh_token: str = secret(validator=_check_text)
    base_url: str = HOSTS["eu"]
    token_url: str = field(default="https://api.amazon.com/auth/o2/token", validator=_check_url)
    issue_locale: str = field(default="", validator=_check_locale)
    product_type: str = field(default="PRODUCT", validator=_check_text)
    channel: str = field(default="DEFAULT", validator=_check_text)
    price_op: str = field(default="merge", validator=_check_op)
    feeds_at_once: int = whole_number(default=FEEDS_AT_ONCE)
    max_feed_bytes: int = whole_number(default=MAX_FEED_BYTES)
    clock_skew_s: int = whole_number(default=60)
    visibility_grace_s: int = whole_number(default=300)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        region = next((name for name, url in HOSTS.items() if url == self.base_url), None)
        for each in self.marketplace_ids:
            other = REGIONS.get(each, region)
            if region is not None and other is not None and other != region:
                raise SettingsError(
                    f"marketplace {each} belongs to another region: base_url must be "
                    f"{HOSTS[other]}",
                    key="base_url",
                )

    @property
    def limits(self) -> Mapping[str, Any]:
        """What the settings change of what Amazon can do (`Capabilities`)."""
        grace_s = float(self.visibility_grace_s)
        return {"max_bytes": self.max_feed_bytes, "visibility_grace_s": grace_s}

    @property
    def grant(self) -> Mapping[str, str]:
        """What an access token is given for. Source: page "Connect to the SP-API", step 1."""
        return {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }

    @property
    def header(self) -> Mapping[str, str]:
        """A feed's header. Source: listings-feed-schema-v2.json at 34dc93f."""
        locale = {"issueLocale": self.issue_locale} if self.issue_locale else {}
        return {"sellerId": self.seller_id, "version": "2.0", **locale}

    @property
    def budget(self) -> Budget:
        """
        All requests: as many as the most frequent ones, which are polls.

        Assumed: Amazon limits operations by themselves, and names no limit of all of them.
        """
        return self.rates[GET_FEED]

    @property
    def rates(self) -> Mapping[str, Budget]:
        """
        The rate of each operation: one request in so many seconds, and some at once.

        Source: feeds_2021-06-30.json and sellers.json at 34dc93f, usage plans.
        """
        return {
            CREATE_DOCUMENT: Budget(requests=1, per_s=2.0, burst=15),
            CREATE_FEED: Budget(requests=1, per_s=1 / 0.0083, burst=self.feeds_at_once),
            GET_FEED: Budget(requests=1, per_s=0.5, burst=15),
            GET_FEEDS: Budget(requests=1, per_s=1 / 0.0222, burst=10),
            GET_DOCUMENT: Budget(requests=1, per_s=1 / 0.0222, burst=10),
            CANCEL_FEED: Budget(requests=1, per_s=0.5, burst=15),
            GET_MARKETPLACES: Budget(requests=1, per_s=1 / 0.016, burst=15),
        }

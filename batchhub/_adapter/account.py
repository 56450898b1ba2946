"""Accounts: one set of credentials at one vendor, and how often it may ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from attrs import Attribute, Factory, field, fields, frozen

from batchhub.errors import AdapterError, SettingsError
from batchhub.polling import PollRule
from batchhub.polling.setting import read_polling

from .base_url import check_base_url, find_host
from .proxy import NO_PROXY, parse_proxy, show_proxy

_MAX_DIGITS: Final = 18
_BURST: Final = 5
_FLAGS: Final = {"true": True, "false": False}


@frozen(kw_only=True)
class Budget:
    """
    How many requests an account may make.

    Attributes:
        requests: At most this many requests …
        per_s: … in any window of this many seconds.
        burst: How many of them may go at once; the rest is spread evenly. By default 5, or half of
            `requests`; more than that counts as half, so that the window is kept. A burst above
            `requests` is a bucket of the vendor's own: 15 at once, say, and one more every 120 s.
    """

    requests: int
    per_s: float
    burst: int = field(
        default=Factory(lambda self: max(1, min(_BURST, self.requests // 2)), takes_self=True)
    )


def secret(**kwargs: Any) -> Any:
    """Declare an attrs field of an `Account` that no log, store, error or `repr` may show."""
    return field(repr=False, metadata={"secret": True}, **kwargs)


def header_secret(**kwargs: Any) -> Any:
    """Declare a `secret` that goes into a header; what no header can carry is refused, unseen."""
    return secret(validator=_check_header, **kwargs)


def identity(**kwargs: Any) -> Any:
    """Declare the attrs field that says who an `Account` is: text, or a number."""
    return field(
        converter=_read_identity,
        validator=_check_identity,
        metadata={"identity": True},
        **kwargs,
    )


def whole_number(**kwargs: Any) -> Any:
    """Declare an attrs field of an `Account` that is above zero; its digits may come as text."""
    return field(converter=_read_digits, validator=_check_positive, **kwargs)


def flag(**kwargs: Any) -> Any:
    """Declare an attrs field of an `Account` that is true or false, also as text."""
    return field(converter=_read_flag, validator=_check_flag, **kwargs)


_DECIMALS: Final = (None, "point", "comma")

HEADS: Final = "heads"
BODIES: Final = "bodies"
_EXCHANGES: Final = (HEADS, BODIES)


def _read_proxy(value: str | None) -> str | None:
    return value or None  # an empty setting is none, as an empty variable is


def _read_polling(value: object) -> PollRule | None:
    return read_polling(value)


def _read_decimal(value: str | None) -> str | None:
    return value.lower() if isinstance(value, str) and value else value or None


def _check_decimal(_: object, __: object, value: str | None) -> None:
    if value not in _DECIMALS:
        raise SettingsError(f"decimal is point or comma, not {value!r}")


def _read_exchanges(value: object) -> object:
    return value.lower() if isinstance(value, str) and value else value or HEADS


def _check_exchanges(_: object, __: object, value: object) -> None:
    if value not in _EXCHANGES:
        raise SettingsError(f"exchanges is heads or bodies, not {value!r}", key="exchanges")


def _check_proxy(_: object, __: object, value: str | None) -> None:
    if value is not None and value != NO_PROXY:
        parse_proxy(value, "proxy")


@frozen(kw_only=True)
class Account(ABC):
    """
    One set of credentials at one vendor. Adapters derive their own.

    The fields are the settings: `batchhub.toml` has a key for each. A field made
    by `secret` is blanked everywhere. A class with an ``__attrs_post_init__`` of
    its own calls this one's.

    Raises:
        SettingsError: `base_url` is not scheme and host, `proxy` is no proxy, `polling` no rule,
            `decimal` no notation, or `exchanges` neither of its two.

    Attributes:
        base_url: Where the vendor answers: scheme and host, and a path if the class `has_path`. A
            trailing slash is dropped.
        proxy: The proxy to go through, as ``http://user:password@host:port``, or ``none``. By
            default it is the one that ``HTTPS_PROXY`` and the like name.
        polling: When tickets are asked about: ``adaptive``, ``fixed 5`` for every 5 seconds, or
            ``backoff 1 2 60`` for 1 second, then twice as long each time, up to 60; in Python also
            a rule of `batchhub.polling`, or an object of your own. By default it is as for all
            accounts.
        decimal: The decimal mark of the figures in tables for it, ``point`` or
            ``comma``, where a command names none. By default the figures of each table show it.
        exchanges: What is recorded of the requests to the vendor: ``heads``, that is method, path,
            status, sizes and times; or ``bodies`` as well, with secrets blanked. It is kept for 7
            days in a file beside the store, see `BatchJob.exchanges`.
    """

    adapter: ClassVar[str]
    """The name of the adapter that speaks for this account."""

    adapter_type: ClassVar[type[Any] | None] = None
    """
    The class of that adapter, where no entry point need name it; by default `None`.

    A hub that is given such an account uses this class. An adapter that is installed under the same
    name is another one: then the account is refused.
    """

    settings_text: ClassVar[str] = ""
    """
    What ``batchhub init`` writes below ``adapter = "..."``, as TOML, a setting a line.

    Required settings are lines such as ``shop_id = 0``, a secret is a reference such as
    ``token = { env = "ACME_TOKEN" }``; optional ones are comments, ``#name = value``, at their
    defaults. Comments that explain begin with ``# ``. Without it the required fields are written.
    """

    has_path: ClassVar[bool] = False
    """
    Whether `base_url` may go on after the host, as at a shop in a folder of its site.

    The path is not put before what `Transport.request` is given: an adapter does so (`base_path`).
    """

    needs_https: ClassVar[bool] = False
    """Whether an ``http://`` address is refused, unless it is this machine's own."""

    base_url: str

    proxy: str | None = field(
        default=None,
        converter=_read_proxy,
        repr=show_proxy,
        validator=_check_proxy,
    )

    polling: PollRule | None = field(default=None, converter=_read_polling)

    decimal: str | None = field(default=None, converter=_read_decimal, validator=_check_decimal)

    exchanges: str = field(default=HEADS, converter=_read_exchanges, validator=_check_exchanges)

    def __attrs_post_init__(self) -> None:
        # Not a converter of the field: adapters declare it anew, with a default of their own.
        checked = check_base_url(
            self.base_url, has_path=self.has_path, needs_https=self.needs_https
        )
        object.__setattr__(self, "base_url", checked)

    @property
    def base_path(self) -> str:
        """What follows the host in `base_url`: empty, or such as ``/shop``."""
        return urlsplit(self.base_url).path

    @property
    def identity(self) -> str:
        """
        Who this is at the vendor: names the lane, together with the adapter. No secret.

        By default the value of the field that is declared by `identity`.

        Raises:
            AdapterError: There is no such field.
        """
        for each in fields(type(self)):
            if each.metadata.get("identity", False):
                return str(getattr(self, each.name))
        raise AdapterError(
            f"accounts of the adapter {self.adapter!r} do not say who they are: declare a field by "
            "batchhub.adapter.identity, or define the property identity"
        )

    @property
    @abstractmethod
    def budget(self) -> Budget:
        """How many requests this account may make."""

    @property
    def rates(self) -> Mapping[str, Budget]:
        """
        How many requests of a kind it may make, where the vendor limits some by themselves.

        By the names that `Transport.request` is given as `rate`. Such a request counts in `budget`
        as well. What `Adapter.pace` reads from an answer takes the place of both.
        """
        return {}

    @property
    def answer_s(self) -> float | None:
        """
        Seconds that a request and its answer may take, where that is not as usual.

        Such as at a vendor that does all the work before it answers, and says nothing meanwhile. By
        default they may take 120, of which 60 may pass without a byte.
        """
        return None

    @property
    def limits(self) -> Mapping[str, Any]:
        """
        What its settings change of what the vendor can do in every operation.

        By the names of `Capabilities`, such as `max_bytes`. See `Adapter.capabilities`.
        """
        return {}

    @property
    def lane(self) -> str:
        """
        The name of the lane all traffic of this account goes through.

        Adapter, host and identity, as in ``acme:api.acme.example:1003``: one number at two hosts is
        two accounts. A port shows where it is not the scheme's own.
        """
        return f"{self.adapter}:{find_host(self.base_url)}:{self.identity}"

    @property
    def lane_without_host(self) -> str:
        """The name that its lane had in stores of earlier versions."""
        return f"{self.adapter}:{self.identity}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must show nowhere."""
        values = (
            getattr(self, f.name) for f in fields(type(self)) if f.metadata.get("secret", False)
        )
        own = tuple(value for value in values if isinstance(value, str) and value)
        if self.proxy is None or self.proxy == NO_PROXY:
            return own
        return own + parse_proxy(self.proxy, "proxy").secrets


def _read_identity(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value


def _read_digits(value: object) -> object:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    return value


def _read_flag(value: object) -> object:
    return _FLAGS.get(value.lower(), value) if isinstance(value, str) else value


def _check_positive(_: object, attribute: Attribute[int], value: object) -> None:
    key = attribute.name
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingsError(f"{key} must be a whole number above zero", key=key)


def _check_flag(_: object, attribute: Attribute[bool], value: object) -> None:
    key = attribute.name
    if not isinstance(value, bool):
        raise SettingsError(f"{key} must be true or false", key=key)


def _check_identity(_: object, attribute: Attribute[str], value: object) -> None:
    key = attribute.name
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise SettingsError(f"{key} must be text that is not empty, or a number", key=key)


def _check_header(_: object, attribute: Attribute[str], value: object) -> None:
    key = attribute.name
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{key} must be text that is not empty", key=key)
    if not value.isascii() or not value.isprintable() or " " in value:
        raise SettingsError(
            f"{key} contains a space or a character that no header can carry; "
            "write the bare value, without 'Bearer'",
            key=key,
        )

"""Accounts: one set of credentials at one vendor, and how often it may ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from attrs import Attribute, field, fields, frozen

from batchhub.errors import SettingsError

_MAX_DIGITS: Final = 18
_FLAGS: Final = {"true": True, "false": False}


@frozen(kw_only=True)
class Budget:
    """
    How many requests an account may make.

    Attributes:
        requests: At most this many requests …
        per_s: … in any window of this many seconds.
        burst: How many of them may go at once; the rest is spread evenly.
    """

    requests: int
    per_s: float
    burst: int = 5


def secret(**kwargs: Any) -> Any:
    """Declare an attrs field of an `Account` that no log, store, error or `repr` may show."""
    return field(repr=False, metadata={"secret": True}, **kwargs)


def header_secret(**kwargs: Any) -> Any:
    """Declare a `secret` that goes into a header; what no header can carry is refused, unseen."""
    return secret(validator=_check_header, **kwargs)


def whole_number(**kwargs: Any) -> Any:
    """Declare an attrs field of an `Account` that is above zero; its digits may come as text."""
    return field(converter=_read_digits, validator=_check_positive, **kwargs)


def flag(**kwargs: Any) -> Any:
    """Declare an attrs field of an `Account` that is true or false, also as text."""
    return field(converter=_read_flag, validator=_check_flag, **kwargs)


@frozen(kw_only=True)
class Account(ABC):
    """
    One set of credentials at one vendor. Adapters derive their own.

    The fields are the settings: `batchhub.toml` has a key for each. A field made
    by `secret` is blanked everywhere. A class with an ``__attrs_post_init__`` of
    its own calls this one's.

    Raises:
        SettingsError: `base_url` is not scheme and host.
    """

    adapter: ClassVar[str]
    """The name of the adapter that speaks for this account."""

    settings_text: ClassVar[str] = ""
    """
    What ``batchhub init`` writes below ``adapter = "..."``, as TOML, a setting a line.

    Required settings are lines such as ``shop_id = 0``, a secret is a reference such as
    ``token = { env = "ACME_TOKEN" }``; optional ones are comments, ``#name = value``, at their
    defaults. Comments that explain begin with ``# ``. Without it the required fields are written.
    """

    base_url: str
    """Where the vendor answers: scheme and host. A trailing slash is dropped."""

    def __attrs_post_init__(self) -> None:
        # Not a converter of the field: adapters declare it anew, with a default of their own.
        object.__setattr__(self, "base_url", _check_base_url(self.base_url))

    @property
    @abstractmethod
    def identity(self) -> str:
        """Who this is at the vendor: names the lane, together with the adapter. No secret."""

    @property
    @abstractmethod
    def budget(self) -> Budget:
        """How many requests this account may make."""

    @property
    def lane(self) -> str:
        """The name of the lane all traffic of this account goes through."""
        return f"{self.adapter}:{self.identity}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must show nowhere."""
        values = (
            getattr(self, f.name) for f in fields(type(self)) if f.metadata.get("secret", False)
        )
        return tuple(value for value in values if isinstance(value, str) and value)


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


def _check_base_url(value: object) -> str:
    """Check an address and bring it into its usual form; never shown, it may hold a password."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise _wrong("must be a URL")
    try:
        url = urlsplit(value)
        port = "" if url.port is None else f":{url.port}"
    except ValueError:
        raise _wrong("is not a valid URL") from None
    if url.scheme not in {"http", "https"} or not url.hostname or " " in value:
        raise _wrong("must begin with http:// or https:// and a host")
    if "@" in url.netloc:
        raise _wrong("must not contain a user name or password")
    if url.path not in {"", "/"} or "?" in value or "#" in value:
        raise _wrong("must end after the host, without path or query")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{url.scheme}://{host}{port}"


def _wrong(why: str) -> SettingsError:
    return SettingsError(f"base_url {why}, as in https://api.example.com", key="base_url")

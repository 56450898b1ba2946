"""Accounts: one set of credentials at one vendor, and how often it may ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from attrs import field, fields, frozen


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


@frozen(kw_only=True)
class Account(ABC):
    """
    One set of credentials at one vendor. Adapters derive their own.

    The fields are the settings: `batchhub.toml` has a key for each. A field made
    by `secret` is blanked everywhere.
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
    """Where the vendor answers: scheme and host, without a trailing slash."""

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

"""Where a request goes: to the account's own host, or elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from attrs import field, frozen
from yarl import URL

from batchhub._adapter.account import Account
from batchhub.errors import AdapterError

_PATH: Final = re.compile(r"/[!\"$-~]*")  # all of ASCII that can be seen, but "#"
_ABSOLUTE: Final = re.compile(r"https?://[!-~]+", re.IGNORECASE)


@frozen(kw_only=True)
class Target:
    """
    Where one request goes.

    Attributes:
        address: All of it, sent exactly as it is.
        path: What follows the host in it.
        is_own: Whether it is the account's own host and the request carries its credentials: only
            then do refused credentials and rate limits concern the account.
    """

    address: str = field(repr=lambda address: repr(show_url(URL(address, encoded=True))))
    path: str = field(repr=False)
    is_own: bool

    @property
    def url(self) -> URL:
        """The address, taken apart."""
        return URL(self.address, encoded=True)

    @property
    def host(self) -> str:
        """The host, as it is shown."""
        return self.url.raw_host or ""


class TargetFinder:
    """Finds out where the requests of one account go."""

    def __init__(self, vendor: str, account: Account) -> None:
        self._whose = f"{vendor} account {account.identity}"
        own = URL(account.base_url)
        self._base_url = account.base_url.removesuffix(account.base_path)
        self._own = _origin(own)
        self._is_encrypted = own.scheme == "https"

    def find(self, target: str, params: Mapping[str, str] | None, *, auth: bool | None) -> Target:
        """
        Return where a request goes.

        Args:
            target: From the ``/`` after the host on, percent-encoded; or a whole address.
            params: The query, not encoded yet.
            auth: Whether the credentials go with it; by default to the own host.

        Raises:
            AdapterError: The target is invalid, would be sent credentials that are not for it, or
                would be asked without encryption.
        """
        if params:
            query = urlencode(params, quote_via=quote, safe="")
            target = f"{target}{'&' if '?' in target else '?'}{query}"
        if target.startswith("/"):
            return self._make_own(target, is_own=auth is not False)
        url = self._parse(target)
        if _origin(url) == self._own:
            return self._make_own(url.raw_path_qs, is_own=auth is not False)
        if auth:
            raise self._wrong("asks for credentials for another host than that of base_url")
        if self._is_encrypted and url.scheme != "https":
            raise self._wrong(f"goes to {url.raw_host} over http://, while base_url is https://")
        return Target(address=target, path=url.raw_path_qs, is_own=False)

    def _make_own(self, path: str, *, is_own: bool) -> Target:
        if not _PATH.fullmatch(path):
            raise self._wrong("has a path that does not begin with '/' or is not percent-encoded")
        # The path begins with "/", so nothing in it can change the host.
        return Target(address=f"{self._base_url}{path}", path=path, is_own=is_own)

    def _parse(self, target: str) -> URL:
        if not _ABSOLUTE.fullmatch(target) or "#" in target or "\\" in target:
            raise self._wrong(
                "has a target that is neither a path beginning with '/' nor a percent-encoded "
                "http:// or https:// address"
            )
        try:
            url = URL(target, encoded=True)
            has_host = bool(url.raw_host and url.port)
        except ValueError:
            raise self._wrong("has an address that is not valid") from None
        if not has_host:
            raise self._wrong("has an address without a host")
        if url.raw_user is not None or url.raw_password is not None:
            raise self._wrong("has an address with a user name or password in it")
        return url

    def _wrong(self, why: str) -> AdapterError:
        return AdapterError(f"a request of {self._whose} {why}; nothing was sent")


def show_url(url: URL) -> str:
    """Return an address as it may be shown: without its query, which may be what gives access."""
    return f"{url.origin()}{url.raw_path}"


def _origin(url: URL) -> tuple[str, str, int | None]:
    """Return what two addresses of one host have in common."""
    return url.scheme, (url.raw_host or "").lower().removesuffix("."), url.port

"""The address of a vendor, as it is in the settings."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from batchhub.errors import SettingsError

_PORTS: Final = {"http": 80, "https": 443}
_NO_PARTS: Final = frozenset({"", ".", ".."})


def check_base_url(value: object, *, has_path: bool, needs_https: bool) -> str:
    """
    Check an address and bring it into its usual form; never shown, it may hold a password.

    Args:
        value: What is in the settings.
        has_path: Whether it may go on after the host.
        needs_https: Whether it must be encrypted, unless it is this machine's own.

    Raises:
        SettingsError: It is none, or not of this form.
    """
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
    path = url.path.removesuffix("/")
    if (path and not has_path) or "?" in value or "#" in value:
        rest = "without a query" if has_path else "after the host, without path or query"
        raise _wrong(f"must end {rest}")
    if not _NO_PARTS.isdisjoint(path.split("/")[1:]):
        raise _wrong("must have no empty part in its path, and none that is '.' or '..'")
    if needs_https and url.scheme == "http" and not is_loopback(url.hostname):
        raise _wrong("must begin with https://: the vendor takes no credentials over plain http")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{url.scheme}://{host}{port}{path}"


def find_host(base_url: str) -> str:
    """Return host and port of an address, in one form; the scheme's own port is left out."""
    url = urlsplit(base_url)
    host = (url.hostname or "").removesuffix(".")
    host = f"[{host}]" if ":" in host else host
    return host if url.port in {None, _PORTS.get(url.scheme)} else f"{host}:{url.port}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _wrong(why: str) -> SettingsError:
    return SettingsError(f"base_url {why}, as in https://api.example.com", key="base_url")

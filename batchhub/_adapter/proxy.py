"""Proxies: the one of an account's settings, or the one the environment names."""

from __future__ import annotations

import ipaddress
import os
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from attrs import field, frozen

from batchhub.errors import SettingsError

NO_PROXY: Final = "none"
"""The setting of an account that uses no proxy, whatever the environment says."""

_PORTS: Final = {"http": 80, "https": 443}


@frozen(kw_only=True)
class Proxy:
    """
    A proxy that an account's requests go through.

    Attributes:
        url: Where it is: scheme, host and port.
        source: Who says so, in words.
        headers: What it wants with each request: its credentials, if it has any.
        secrets: What of it must show nowhere.
    """

    url: str
    source: str
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.url} ({self.source})"


def find_proxy(
    base_url: str, setting: str | None, environ: Mapping[str, str] = os.environ
) -> Proxy | None:
    """
    Return the proxy for an address; `None` for a direct connection.

    The setting wins. Else it is the environment's ``HTTPS_PROXY`` or ``HTTP_PROXY``, by the scheme
    of the address, unless ``NO_PROXY`` names its host. Lower-case names win, as everywhere.

    Args:
        base_url: Scheme and host.
        setting: The account's own proxy; ``none`` for none.
        environ: The environment.

    Raises:
        SettingsError: What the environment names is no proxy. The value is not shown.
    """
    if setting is not None:
        return None if setting == NO_PROXY else parse_proxy(setting, "setting 'proxy'")
    address = urlsplit(base_url)
    name = f"{address.scheme}_proxy"
    # A web server hands the header "Proxy:" of a stranger to a CGI script as HTTP_PROXY.
    names = [name] if name == "http_proxy" and "REQUEST_METHOD" in environ else [name, name.upper()]
    found = next((each for each in names if environ.get(each)), None)
    if found is None or _is_exempt(address, environ.get("no_proxy") or environ.get("NO_PROXY", "")):
        return None
    return parse_proxy(environ[found], f"environment variable {found}")


def parse_proxy(text: object, source: str) -> Proxy:
    """
    Read a proxy's address; without a scheme it is one of HTTP.

    Raises:
        SettingsError: It is none. The value is not shown: it may hold a password.
    """
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        raise _wrong(source, "must be a URL")
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = url.port
    except ValueError:
        raise _wrong(source, "is not a valid URL") from None
    if url.scheme not in _PORTS:
        raise _wrong(source, "must begin with http:// or https:// (no other kind is supported)")
    if not url.hostname or url.path not in {"", "/"} or url.query or url.fragment:
        raise _wrong(source, "must be scheme, host and port")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    headers, secrets = _read_credentials(url)
    shown = f"{url.scheme}://{host}:{_PORTS[url.scheme] if port is None else port}"
    return Proxy(url=shown, source=source, headers=headers, secrets=secrets)


def show_proxy(setting: str | None) -> str:
    """Return an account's proxy without its credentials, as for a `repr`."""
    if setting is None or setting == NO_PROXY:
        return repr(setting)
    try:
        return repr(parse_proxy(setting, "").url)
    except SettingsError:
        return "<invalid>"


def _read_credentials(url: SplitResult) -> tuple[dict[str, str], tuple[str, ...]]:
    if not url.username and not url.password:
        return {}, ()
    user, password = unquote(url.username or ""), unquote(url.password or "")
    coded = b64encode(f"{user}:{password}".encode()).decode()
    secrets = (password, url.password or "", f"{user}:{password}", coded.rstrip("="))
    return {"Proxy-Authorization": f"Basic {coded}"}, tuple(dict.fromkeys(filter(None, secrets)))


def _is_exempt(address: SplitResult, exempt: str) -> bool:
    """Return whether ``NO_PROXY`` names an address: its host, a domain above it, or its network."""
    host, port = address.hostname or "", address.port or _PORTS[address.scheme]
    for each in exempt.lower().replace(",", " ").split():
        if each == "*":
            return True
        name, _, given = each.rpartition(":")
        if given.isdigit() and name and (":" not in name or name.endswith("]")):
            if int(given) != port:
                continue
            each = name  # noqa: PLW2901
        each = each.strip("[]")  # noqa: PLW2901
        if _is_in_network(host, each):
            return True
        domain = each.removeprefix("*").lstrip(".")
        if domain and (host == domain or host.endswith(f".{domain}")):
            return True
    return False


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _wrong(source: str, why: str) -> SettingsError:
    return SettingsError(f"{source} {why}, as in http://proxy.example.com:3128", key="proxy")

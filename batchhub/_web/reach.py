"""Where the page is reached: the address it listens on, TLS, and a proxy in front of it."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attrs import evolve, frozen

from batchhub.errors import UsageError

from .certificate import load_certificate

DEFAULT_PORT: Final = 8400
_PORTS: Final = {"http": 80, "https": 443}
_LARGEST_PORT: Final = 65_535
_PORT_DIGITS: Final = 5
# It is in routes, links and headers as it is: nothing in it may mean something there.
_PREFIX: Final = re.compile(r"[A-Za-z0-9._~/@+,-]*")
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")


@frozen(kw_only=True)
class Reach:
    """
    Where the page is reached.

    Attributes:
        host: The address it listens on.
        port: The port; 0 for any free one.
        tls: What its own TLS needs; `None` without.
        names: The names that the certificate is for.
        public: Where visitors reach it through a proxy: scheme, host and port; `None` without one.
        prefix: What is before each path there, such as ``/batchhub``; mostly nothing.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    tls: ssl.SSLContext | None = None
    names: frozenset[str] = frozenset()
    public: str | None = None
    prefix: str = ""

    @property
    def scheme(self) -> str:
        """How it is spoken to where it listens."""
        return "http" if self.tls is None else "https"

    @property
    def is_secure(self) -> bool:
        """Whether visitors reach it by TLS."""
        return self.tls is not None or (self.public or "").startswith("https:")

    @property
    def url(self) -> str:
        """Where visitors find it, without a slash at the end."""
        if self.public is not None:
            return f"{self.public}{self.prefix}"
        host = self.host
        if _is_any(host):
            # A name is better than an address: it is there for people.
            named = sorted(self.names, key=lambda name: (_is_address(name), name))
            host = next((name for name in named if "*" not in name), "localhost")
        in_brackets = ":" in host and not host.startswith("[")
        return _origin(self.scheme, f"[{host}]" if in_brackets else host, self.port)

    def at_port(self, port: int) -> Reach:
        """Return the same at the port that it was given."""
        return evolve(self, port=port)

    def takes_host(self, host: str) -> bool:
        """
        Whether a request is for this server, by its ``Host``.

        A page of somebody else whose name was made to lead here has another one.
        """
        name, port = _split_host(host.lower(), _PORTS[self.scheme])
        if self.public is not None and self._is_public(host.lower()):
            return True
        if port != self.port:
            return False
        own = {f"[{self.host}]" if ":" in self.host else self.host}
        if _is_any(self.host) or ipaddress.ip_address(self.host).is_loopback:
            own.update(_LOOPBACK_NAMES)
        if name in own or any(_fits(name, pattern) for pattern in self.names):
            return True
        return _is_any(self.host) and _is_address(name)

    def takes_origin(self, origin: str, host: str) -> bool:
        """Whether a request comes from a page of this server, by its ``Origin`` and ``Host``."""
        if self.public is not None and origin.lower() == self.public:
            return True
        return self.public is None and origin.lower() == f"{self.scheme}://{host.lower()}"

    def _is_public(self, host: str) -> bool:
        asked = urlsplit(self.public or "")
        default = _PORTS[asked.scheme]
        return _split_host(host, default) == _split_host(asked.netloc, default)


def make_reach(
    listen: str | None = None,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    public_url: str | None = None,
) -> Reach:
    """
    Check where the page is to be reached.

    Args:
        listen: ``HOST:PORT``, ``[IPV6]:PORT`` or an address alone.
        certificate: The certificate, with those that vouch for it, in a file.
        key: Its key; `None` if it is in the same file.
        public_url: Where visitors reach it through a proxy.

    Raises:
        UsageError: It is none of these, or others could listen in.
    """
    host, port = _read_listen(f"127.0.0.1:{DEFAULT_PORT}" if listen is None else listen)
    public, prefix = (None, "") if public_url is None else _read_public(public_url)
    if certificate is None and key is not None:
        raise UsageError("--tls-key needs --tls-cert, which names the certificate")
    tls, names = (
        (None, frozenset[str]()) if certificate is None else load_certificate(certificate, key)
    )
    is_loopback = not _is_any(host) and ipaddress.ip_address(host).is_loopback
    if not is_loopback and tls is None and public is None:
        raise UsageError(
            f"--web-listen {listen}: other machines reach this address, and tokens would pass "
            "in the clear; give --tls-cert and --tls-key, or --public-url https://… of the proxy "
            "in front of it, or listen on 127.0.0.1"
        )
    if public is not None and public.startswith("http:") and not _is_loopback_url(public):
        raise UsageError(
            f"--public-url {public_url}: tokens would pass in the clear; it must begin with "
            "https://"
        )
    return Reach(host=host, port=port, tls=tls, names=names, public=public, prefix=prefix)


def _read_listen(text: str) -> tuple[str, int]:
    wrong = UsageError(
        f"--web-listen {text!r} is no address and port such as 127.0.0.1:{DEFAULT_PORT}"
    )
    host, colon, port = text.rpartition(":")
    is_bare_ipv6 = text.count(":") > 1 and not text.startswith("[")
    if not colon or is_bare_ipv6 or text.endswith("]"):
        host, port = text, str(DEFAULT_PORT)
    host = host.removeprefix("[").removesuffix("]")
    host = "127.0.0.1" if host == "localhost" else host
    if not (port.isascii() and port.isdecimal() and len(port) <= _PORT_DIGITS):
        raise wrong
    if int(port) > _LARGEST_PORT:
        raise wrong
    if not _is_address(host):
        raise UsageError(
            f"--web-listen {text!r}: give an address such as 127.0.0.1 or 0.0.0.0, not a name"
        )
    return host, int(port)


def _read_public(text: str) -> tuple[str, str]:
    wrong = UsageError(
        f"--public-url {text!r} is no address such as https://ops.example.com/batchhub"
    )
    try:
        asked = urlsplit(text)
        port = asked.port
    except ValueError:
        raise wrong from None
    host = asked.hostname
    if (
        asked.scheme not in _PORTS
        or not host
        or asked.username is not None
        or asked.password is not None
        or asked.query
        or asked.fragment
        or not _PREFIX.fullmatch(asked.path)
        or "//" in asked.path
        or any(part in {".", ".."} for part in asked.path.split("/"))
        or not all(character.isalnum() or character in ".-_:" for character in host)
    ):
        raise wrong
    try:
        shown = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except ValueError:  # such as a label that is empty or too long
        raise wrong from None
    port = _PORTS[asked.scheme] if port is None else port
    return _origin(asked.scheme, shown, port), asked.path.rstrip("/")


def _origin(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{host}" if port == _PORTS[scheme] else f"{scheme}://{host}:{port}"


def _split_host(host: str, default: int) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host, default
    is_port = port.isascii() and port.isdecimal() and len(port) <= _PORT_DIGITS
    return (name, int(port)) if is_port else (host, -1)


def _fits(name: str, pattern: str) -> bool:
    """Whether a name is one that a certificate has, a star in front stands for one label."""
    if not pattern.startswith("*."):
        return name == pattern
    label, _, rest = name.partition(".")
    return bool(label) and rest == pattern[2:]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _is_any(host: str) -> bool:
    return ipaddress.ip_address(host).is_unspecified


def _is_loopback_url(url: str) -> bool:
    names: Collection[str | None] = {name.strip("[]") for name in _LOOPBACK_NAMES}
    return urlsplit(url).hostname in names

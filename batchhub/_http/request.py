"""What goes out: the address, the headers, the body."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Final
from urllib.parse import quote, urlencode

from multidict import CIMultiDict
from yarl import URL

from batchhub._adapter.account import Account
from batchhub.errors import AdapterError, SettingsError

_ACCEPT_ENCODING: Final = "gzip, deflate"
"""What `body.read_body` can decompress."""

_STREAMED_BYTES: Final = 512 * 1024
"""Only from a file does aiohttp write a larger body in parts and let other tasks run meanwhile."""

_PATH: Final = re.compile(r"/[!-~]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class RequestMaker:
    """Makes the parts of the requests of one account."""

    def __init__(self, vendor: str, account: Account) -> None:
        self._whose = f"{vendor} account {account.identity}"
        self._base_url = account.base_url

    def url(self, path: str, params: Mapping[str, str] | None) -> URL:
        """
        Join the account's address, an encoded path and parameters that are not encoded yet.

        Raises:
            AdapterError: The path does not begin with ``/`` or is not percent-encoded.
        """
        if not _PATH.fullmatch(path) or "#" in path:
            raise AdapterError(
                f"a request of {self._whose} has a path that does not begin with '/' "
                "or is not percent-encoded"
            )
        if params:
            query = urlencode(params, quote_via=quote, safe="")
            path = f"{path}{'&' if '?' in path else '?'}{query}"
        # The path begins with "/", so nothing in it can change the host.
        return URL(f"{self._base_url}{path}", encoded=True)

    def headers(self, body: bytes | None, headers: Mapping[str, str] | None) -> CIMultiDict[str]:
        """
        Add the usual headers to `headers`, which win.

        Raises:
            SettingsError: A value holds a control character.
        """
        made = CIMultiDict(_usual_headers())
        if body is not None:
            made["Content-Type"] = "application/json"
        for name, value in (headers or {}).items():
            if _CONTROL.search(value):
                raise SettingsError(
                    f"header {name} of {self._whose} holds a line break or another control "
                    "character; fix the credentials"
                )
            made[name] = value
        return made


def make_payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """Return a body in the form that aiohttp sends best."""
    return io.BytesIO(body) if body is not None and len(body) > _STREAMED_BYTES else body


@cache
def _usual_headers() -> CIMultiDict[str]:
    return CIMultiDict(
        {
            "User-Agent": f"batchhub/{_version()}",
            "Accept": "application/json",
            "Accept-Encoding": _ACCEPT_ENCODING,
        }
    )


def _version() -> str:
    try:
        return metadata.version("batchhub")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "0"

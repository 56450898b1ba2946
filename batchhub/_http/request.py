"""What goes out: the headers, the body."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Mapping
from functools import cache
from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import define, field
from multidict import CIMultiDict

from batchhub._adapter.account import Account
from batchhub._adapter.bodies import FilesBody, Form, Multipart, prepare
from batchhub._base.threads import in_thread
from batchhub.errors import AdapterError, SettingsError

from .target import Target, TargetFinder

if TYPE_CHECKING:
    from .direct import Head  # aiohttp is slow to import
    from .spool import Spool

READS: Final = frozenset({"GET", "HEAD"})
"""Methods without an effect, unless somebody says otherwise."""

_ACCEPT_ENCODING: Final = "gzip, deflate"
"""What `body.read_body` can decompress."""

_STREAMED_BYTES: Final = 512 * 1024
"""Only from a file does aiohttp write a larger body in parts and let other tasks run meanwhile."""

_PIECE_BYTES: Final = 256 * 1024
"""How much of a file is in memory at once."""

_MAX_MADE: Final = 16
"""How many sets of headers are kept ready; an adapter sends its polls with one or two."""

_NONE: Final[Mapping[str, str]] = MappingProxyType({})

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""What no header can carry; half a character is what is left of bytes that are no UTF-8."""


@define(eq=False)
class Headers:
    """
    The headers of a request; polls share one of these.

    Attributes:
        all: All of them but ``Host``.
        head: What the short way has made of them.
    """

    all: CIMultiDict[str] = field(repr=False)
    head: Head | None = field(default=None, repr=False)


@define(kw_only=True, eq=False)
class Call:
    """
    One request, ready to be sent.

    Attributes:
        method: The HTTP method, in capitals.
        target: Where it goes.
        body: What it carries; what is on disk is read while it is sent, each time anew.
        content_type: What the body is, unless `given` says otherwise; `None` without one.
        given: The headers that the adapter gave for this request.
        headers: All of its headers, from `RequestMaker.authorize` on.
        effect: Whether it can change anything that must not happen twice.
        rate: What it counts as, besides as a request of the lane.
        unpacks: Whether a gzip file in the answer is decompressed.
        spool: Where the answer goes; `None` keeps it in memory.
    """

    method: str
    target: Target
    body: bytes | FilesBody | None
    content_type: str | None = None
    given: Mapping[str, str] = field(default=_NONE, repr=False)
    headers: Headers = field(init=False, repr=False)
    effect: bool
    rate: str = ""
    unpacks: bool = False
    spool: Spool | None = field(default=None, repr=False)

    @property
    def may_repeat(self) -> bool:
        """Whether it may be sent again if no answer came."""
        return self.method in READS and not self.effect

    @property
    def is_short(self) -> bool:
        """Whether it is as plain as a poll: a GET from the own host whose answer is no download."""
        return (
            self.method == "GET" and self.body is None and self.spool is None and self.target.is_own
        )

    @property
    def wants_json(self) -> bool:
        """Whether a page for people can't be what the vendor answers."""
        return self.target.is_own and self.spool is None and not _asks_for_other(self.given)


class RequestMaker:
    """Makes the parts of the requests of one account."""

    def __init__(self, vendor: str, account: Account) -> None:
        self._vendor = vendor
        self._whose = f"{vendor} account {account.identity}"
        self._targets = TargetFinder(vendor, account)
        self._credentials = _NONE
        self._made: dict[tuple[tuple[str, str], ...], Headers] = {}

    def make(
        self,
        method: str,
        target: str,
        *,
        params: Mapping[str, str] | None,
        body: bytes | Multipart | Form | None,
        headers: Mapping[str, str] | None,
        auth: bool | None,
        effect: bool | None,
        rate: str,
        unpacks: bool = False,
        spool: Spool | None = None,
        for_credentials: bool = False,
    ) -> Call:
        """
        Make a request, without the account's credentials.

        Args:
            method: As for `Transport.request`, and so are the others.
            for_credentials: Whether the adapter makes it to get the credentials. It can't carry
                them, and is no part of what they are asked for.

        Raises:
            AdapterError: The target or the body is invalid, or it is to carry what it is made to
                get.
            InputError: A file that it carries can't be read.
        """
        if for_credentials:
            if auth:
                raise AdapterError(f"adapter {self._vendor!r}: authorize asks for credentials")
            auth, effect = False, bool(effect)
        found = self._targets.find(target, params, auth=auth)
        method = method.upper()
        sent, content_type = (None, None) if body is None else _prepare(body)
        return Call(
            method=method,
            target=found,
            body=sent,
            content_type=content_type,
            given=headers or _NONE,
            effect=found.is_own and method not in READS if effect is None else effect,
            rate=rate,
            unpacks=unpacks,
            spool=spool,
        )

    def authorize(self, call: Call, credentials: Mapping[str, str] = _NONE) -> None:
        """
        Give a request its headers; what the adapter gave for it alone wins over the credentials.

        Args:
            call: The request.
            credentials: The headers that authorise it; nobody changes them.

        Raises:
            SettingsError: A header holds a control character.
        """
        if call.body is not None:
            made = self._make_headers(call.content_type, call.given, credentials)
            if isinstance(call.body, FilesBody):
                made["Content-Length"] = str(call.body.size_bytes)  # storages want it
            call.headers = Headers(made)
            return
        if credentials is not self._credentials:
            self._credentials = credentials
            self._made.clear()
        key = tuple(call.given.items())
        found = self._made.get(key)
        if found is None:
            if len(self._made) == _MAX_MADE:
                self._made.clear()
            found = self._made[key] = Headers(self._make_headers(None, call.given, credentials))
        call.headers = found

    def _make_headers(
        self, content_type: str | None, given: Mapping[str, str], credentials: Mapping[str, str]
    ) -> CIMultiDict[str]:
        made = CIMultiDict(_usual_headers())
        if content_type is not None:
            made["Content-Type"] = content_type
        for name, value in (*credentials.items(), *given.items()):
            if _CONTROL.search(name) or _CONTROL.search(value):
                raise SettingsError(
                    f"header {_show(name)} of {self._whose} holds a line break or another control "
                    "character; fix the credentials"
                )
            made[name] = value
        return made


def _asks_for_other(given: Mapping[str, str]) -> bool:
    """Return whether an adapter asks for something else than JSON."""
    return any(name.lower() == "accept" and "json" not in given[name].lower() for name in given)


def _show(name: str) -> str:
    return _CONTROL.sub("?", name)


def _prepare(body: bytes | Multipart | Form) -> tuple[bytes | FilesBody, str]:
    """Return a body as it is sent, and what it is."""
    if isinstance(body, Multipart | Form):
        return prepare(body), body.content_type
    return body, "application/json"


def make_payload(
    body: bytes | FilesBody | None,
) -> bytes | io.BytesIO | AsyncIterator[bytes] | None:
    """Return a body in the form that aiohttp sends best."""
    if isinstance(body, FilesBody):
        return _read_files(body)
    return io.BytesIO(body) if body is not None and len(body) > _STREAMED_BYTES else body


def show_body(body: bytes | FilesBody | None) -> bytes:
    """Return a body for a record; of files on disk only that they were there."""
    if isinstance(body, FilesBody):
        parts = (p if isinstance(p, bytes) else b"<%d bytes>" % p.size_bytes for p in body.parts)
        return b"".join(parts)
    return body or b""


async def _read_files(body: FilesBody) -> AsyncIterator[bytes]:
    for part in body.parts:
        if isinstance(part, bytes):
            for start in range(0, len(part), _PIECE_BYTES):
                yield part[start : start + _PIECE_BYTES]
            continue
        left_bytes = part.size_bytes
        with await asyncio.to_thread(part.path.open, "rb") as file:
            while left_bytes:
                piece = await in_thread(file.read, min(_PIECE_BYTES, left_bytes))
                if not piece:
                    raise OSError("a file was cut while it was sent")
                left_bytes -= len(piece)
                yield piece


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

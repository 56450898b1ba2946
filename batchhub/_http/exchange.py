"""One exchange with a vendor: a request, sent once, and its answer or one of our errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

import aiohttp
from attrs import evolve
from msgspec import ValidationError, convert
from multidict import CIMultiDict
from yarl import URL

from batchhub._adapter.account import Account
from batchhub._adapter.proxy import Proxy, find_proxy
from batchhub._base.measures import AdapterMeasures
from batchhub.errors import (
    BatchHubError,
    BlockedError,
    ConnectError,
    ReplyError,
    ReplyTooLargeError,
    StoreError,
    VendorError,
)

from .body import Answer, BodyBrokenError, BodyTooLargeError, find_whole
from .connector import StaleConnectionError
from .direct import Head
from .errors import NETWORK_ERRORS, ErrorMaker, Explain, parse_age, parse_retry_after
from .json_parts import PartTooLargeError, read_parts
from .limits import Limits
from .page import begins_as_page
from .reading import MAX_WORDS_BYTES, find_type, read_answer, read_refusal
from .recording import note_exchange
from .redactor import Redactor
from .reply import Reply
from .request import Call, make_payload
from .session import Session
from .spool import DiskError, LineTooLongError, Spool
from .target import Target
from .text import is_usual

_SUCCESS: Final = range(200, 300)


class _PageError(Exception):
    """A page for people came in place of JSON."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Exchange:
    """
    Sends the requests of one account over aiohttp, and reads the answers within limits.

    Attributes:
        share: The lane's share of the hub's connections.
    """

    def __init__(
        self,
        *,
        session: Session,
        vendor: str,
        account: Account,
        explain: Explain,
        not_executed_statuses: frozenset[int],
        limits: Limits,
        measures: AdapterMeasures,
    ) -> None:
        self._session = session
        self._measures = measures
        self.share = session.join(account.base_url)
        self._vendor = vendor
        self._account = account
        if account.answer_s is not None:
            limits = evolve(limits, read_s=account.answer_s, total_s=account.answer_s)
        self._limits = limits
        self._timeout = aiohttp.ClientTimeout(
            total=limits.total_s, connect=limits.connect_s, sock_read=limits.read_s
        )
        self._download_timeout = aiohttp.ClientTimeout(
            total=limits.download_s, connect=limits.connect_s, sock_read=limits.read_s
        )
        self._proxy = find_proxy(account.base_url, account.proxy)
        proxy_secrets = () if self._proxy is None else self._proxy.secrets
        self._redactor = Redactor([*account.secrets, *proxy_secrets])
        self._errors = ErrorMaker(
            vendor=vendor,
            account=account.identity,
            redactor=self._redactor,
            explain=explain,
            not_executed_statuses=not_executed_statuses,
            proxy=None if self._proxy is None else self._proxy.url,
            own_host=URL(account.base_url).host,
        )

    def note_headers(self, headers: Mapping[str, str]) -> None:
        """Blank from now on what authorises a request, wherever it comes back."""
        self._redactor.note_headers(headers)

    def note_credentials(self, headers: Mapping[str, str]) -> None:
        """Blank from now on what `Adapter.authorize` gave."""
        self._redactor.note_credentials(headers)

    def redact(self, value: Any) -> Any:
        """Return a JSON-like value with every secret in its texts as ``***``."""
        return self._redactor.value(value)

    def redact_body(self, body: bytes) -> bytes:
        """Return bytes with every secret as ``***``."""
        return self._redactor.body(body)

    def leave(self) -> None:
        """Give its share of the connections back; it sends nothing more."""
        self._session.leave()

    async def send(self, call: Call, *, is_repeat: bool = False) -> Reply | None:
        """
        Send a request once and read its answer, whatever its status.

        Returns:
            `None` for a request that may be repeated, if the connection that was kept for it turned
            out to be gone. A repeat is never that.

        Raises:
            ContactError: There was no answer, or only a part of it.
            ReplyError: The answer can't be read, or is larger than the limits.
        """
        target = call.target
        proxy, errors = self._way_to(target)
        if self._session.closed:
            raise errors.closed()
        failure: BatchHubError
        is_kept = call.may_repeat and not is_repeat and target.is_own
        try:
            if call.is_short and proxy is None and self._session.asks_directly:
                reply = await self._ask(call, errors, is_kept=is_kept)
            else:
                reply = await self._request(call, errors, proxy, is_kept=is_kept)
        except StaleConnectionError as error:
            if call.may_repeat and not is_repeat:
                return None
            failure, cause = errors.failed(error)
        except _PageError as error:
            self._measures.count_request(error.reply.status)
            note_exchange(call, error.reply, self._account)
            raise errors.page(error.reply.status, error.reply.body[:MAX_WORDS_BYTES]) from None
        except ReplyError as error:
            self._measures.count_request(error.status)
            note_exchange(call, None, self._account)
            raise
        except NETWORK_ERRORS as error:
            failure, cause = errors.failed(error)
        else:
            self._measures.count_request(reply.status)
            note_exchange(call, reply, self._account)
            return reply
        self._measures.count_request(None)
        if not isinstance(failure, ConnectError):
            note_exchange(call, None, self._account)
        # Outside of `except`: otherwise `error`, with its secrets, would become the context.
        raise failure from cause

    async def _ask(self, call: Call, errors: ErrorMaker, *, is_kept: bool) -> Reply:
        """Send a request the short way, and read its answer."""
        headers, max_bytes = call.headers, self._limits.max_answer_bytes
        if headers.head is None:
            headers.head = Head(self._account.base_url, headers.all, self._limits)
        answer = await self._session.ask(headers.head, call.target.path, is_kept=is_kept)
        try:
            body = None
            if answer.status in _SUCCESS and not call.unpacks:
                body = find_whole(answer, max_bytes)
                if body is not None and is_usual(body):
                    return self._make_reply(answer, self._redactor.body(body))
            return await self._read(call, answer, errors, body)
        finally:
            answer.release()

    async def _request(
        self, call: Call, errors: ErrorMaker, proxy: Proxy | None, *, is_kept: bool
    ) -> Reply:
        """Send a request by aiohttp's client, and read its answer."""
        async with self._session.request(
            call.method,
            call.target.url,
            data=make_payload(call.body),
            is_kept=is_kept,
            timeout=self._timeout if call.spool is None else self._download_timeout,
            **_find_headers(call, proxy),
        ) as response:
            return await self._read(call, response, errors)

    def _way_to(self, target: Target) -> tuple[Proxy | None, ErrorMaker]:
        """Return the proxy to a target, and what makes the errors of its requests."""
        if target.is_own:
            return self._proxy, self._errors
        proxy = find_proxy(str(target.url.origin()), self._account.proxy)
        if proxy is None:
            return None, self._errors.elsewhere(target, None)
        self._redactor.add(proxy.secrets)
        return proxy, self._errors.elsewhere(target, proxy.url)

    async def _read(
        self, call: Call, response: Answer, errors: ErrorMaker, whole: bytes | None = None
    ) -> Reply:
        """Read an answer, but for what of its body is known already."""
        if response.status not in _SUCCESS:
            body = await read_refusal(response, self._limits.max_answer_bytes)
        else:
            body = await self._read_body(call, response, errors, whole)
            if not is_usual(body) and call.wants_json and begins_as_page(body, find_type(response)):
                raise _PageError(self._make_reply(response, await self._redactor.long_body(body)))
        return self._make_reply(response, await self._redactor.long_body(body))

    def _make_reply(self, response: Answer, body: bytes) -> Reply:
        return Reply(
            status=response.status,
            headers=response.headers,
            body=body,
            age_s=parse_age(response.headers.get("Age")),
            vendor=self._vendor,
            account=self._account.identity,
        )

    async def _read_body(
        self, call: Call, response: Answer, errors: ErrorMaker, whole: bytes | None
    ) -> bytes:
        """Read a body; of one that goes to disk nothing is returned."""
        max_bytes = self._limits.max_answer_bytes
        try:
            if call.spool is not None:
                max_bytes = self._limits.max_download_bytes
                await call.spool.fill(response)
                return b""
            body = await read_answer(response, max_bytes, unpacks=call.unpacks, whole=whole)
        except DiskError as error:
            raise _no_room(error) from None
        except BodyTooLargeError:
            what = f"it is larger than {max_bytes} bytes"
            raise errors.unreadable(response.status, what, ReplyTooLargeError) from None
        except BodyBrokenError as error:
            raise errors.unreadable(response.status, str(error)) from error
        return body

    def open_spool(self, *, unpacks: bool, head_bytes: int = 0) -> Spool:
        """Return where a download goes; an async context manager."""
        limits = self._limits
        return Spool(
            max_bytes=limits.max_download_bytes,
            max_line_bytes=limits.max_line_bytes,
            unpacks=unpacks,
            head_bytes=head_bytes,
        )

    async def lines(self, call: Call, spool: Spool) -> AsyncIterator[bytes]:
        """
        Yield the lines of a download.

        Raises:
            ReplyTooLargeError: One is longer than the limits.
        """
        try:
            async for line in spool.lines(self._redactor.body):
                yield line
        except LineTooLongError:
            _, errors = self._way_to(call.target)
            what = f"a line is longer than {self._limits.max_line_bytes} bytes"
            raise errors.unreadable(None, what, ReplyTooLargeError) from None
        except DiskError as error:
            raise _no_room(error) from None

    async def parts(
        self, call: Call, spool: Spool, places: Mapping[str, Any]
    ) -> AsyncIterator[Any]:
        """
        Yield the parts of a download that is JSON, each of the type of its place.

        Raises:
            ReplyError: It is no JSON, or a part is not of its type.
            ReplyTooLargeError: A part is larger than a line may be.
        """
        max_bytes = self._limits.max_line_bytes
        try:
            found = read_parts(spool.pieces(), tuple(places), max_part_bytes=max_bytes)
            async for place, part in found:
                yield convert(self._redactor.value(part), places[place])
        except PartTooLargeError:
            _, errors = self._way_to(call.target)
            what = f"a part is larger than {max_bytes} bytes"
            raise errors.unreadable(None, what, ReplyTooLargeError) from None
        except (BodyBrokenError, ValidationError) as error:
            _, errors = self._way_to(call.target)
            raise errors.unreadable(None, str(error)) from None
        except DiskError as error:
            raise _no_room(error) from None

    def refused(self, reply: Reply, call: Call, now: datetime) -> VendorError | BlockedError:
        """Make the error for an answer other than 2xx."""
        _, errors = self._way_to(call.target)
        return errors.refused(
            reply.status,
            reply.body,
            headers=reply.headers,
            has_effect=call.effect,
            retry_after_s=parse_retry_after(reply.headers.get("Retry-After"), now),
        )


def _no_room(error: DiskError) -> StoreError:
    return StoreError(f"a download can't be kept on disk: {error}; see TMPDIR")


def _find_headers(call: Call, proxy: Proxy | None) -> dict[str, Any]:
    """Return a request's headers, and what has it go through a proxy, if there is one."""
    headers = call.headers.all
    if proxy is None:
        return {"headers": headers}
    if call.target.url.scheme == "https":
        return {"headers": headers, "proxy": proxy.url, "proxy_headers": dict(proxy.headers)}
    # The proxy reads the request itself.
    return {"headers": CIMultiDict([*headers.items(), *proxy.headers.items()]), "proxy": proxy.url}

"""One exchange with a vendor: a request, sent once, and its answer or one of our errors."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from batchhub._adapter.account import Account
from batchhub.errors import BatchHubError, ReplyTooLargeError, VendorError

from .body import BodyBrokenError, BodyTooLargeError, read_body
from .errors import NETWORK_ERRORS, ErrorMaker, Explain, parse_age, parse_retry_after
from .limits import Limits
from .redactor import Redactor
from .reply import Reply
from .request import make_payload

_MAX_WORDS_BYTES: Final = 64 * 1024
"""The most bytes read of an error answer: enough for a code and a message."""

_SUCCESS: Final = range(200, 300)


class Exchange:
    """Sends the requests of one account over aiohttp, and reads the answers within limits."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        vendor: str,
        account: Account,
        explain: Explain,
        not_executed_statuses: frozenset[int],
        limits: Limits,
    ) -> None:
        self._session = session
        self._vendor = vendor
        self._account = account.identity
        self._limits = limits
        self._timeout = aiohttp.ClientTimeout(
            total=limits.total_s, connect=limits.connect_s, sock_read=limits.read_s
        )
        self._redactor = Redactor(account.secrets)
        self._errors = ErrorMaker(
            vendor=vendor,
            account=self._account,
            redactor=self._redactor,
            explain=explain,
            not_executed_statuses=not_executed_statuses,
        )

    async def send(
        self, method: str, url: URL, body: bytes | None, headers: CIMultiDict[str]
    ) -> Reply:
        """
        Send a request once and read its answer, whatever its status.

        Raises:
            ContactError: There was no answer, or only a part of it.
            ReplyError: The answer can't be read, or is larger than the limits.
        """
        if self._session.closed:
            raise self._errors.closed()
        failure: BatchHubError
        try:
            async with self._session.request(
                method,
                url,
                data=make_payload(body),
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
            ) as response:
                return await self._read(response)
        except NETWORK_ERRORS as error:
            failure, cause = self._errors.failed(error)
        # Outside of `except`: otherwise `error`, with its secrets, would become the context.
        raise failure from cause

    async def _read(self, response: aiohttp.ClientResponse) -> Reply:
        read = self._read_body if response.status in _SUCCESS else self._read_refusal
        body = await read(response)
        return Reply(
            status=response.status,
            headers=response.headers,
            body=self._redactor.body(body),
            age_s=parse_age(response.headers.get("Age")),
            vendor=self._vendor,
            account=self._account,
        )

    async def _read_body(self, response: aiohttp.ClientResponse) -> bytes:
        max_bytes = self._limits.max_answer_bytes
        try:
            return await read_body(response, max_bytes)
        except BodyTooLargeError:
            what = f"it is larger than {max_bytes} bytes"
            raise self._errors.unreadable(response.status, what, ReplyTooLargeError) from None
        except BodyBrokenError as error:
            raise self._errors.unreadable(response.status, str(error)) from error

    async def _read_refusal(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the body of an error answer; empty if it can't be read: the status says enough."""
        try:
            return await read_body(response, min(_MAX_WORDS_BYTES, self._limits.max_answer_bytes))
        except (BodyTooLargeError, BodyBrokenError, *NETWORK_ERRORS):
            return b""

    def refused(self, reply: Reply, now: datetime) -> VendorError:
        """Make the error for an answer other than 2xx."""
        error = self._errors.refused(
            reply.status,
            reply.body,
            location=reply.headers.get("Location"),
            retry_after_s=parse_retry_after(reply.headers.get("Retry-After"), now),
        )
        error.raw = reply.body
        return error

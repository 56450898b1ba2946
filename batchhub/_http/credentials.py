"""What authorises a lane's requests: asked for once, kept in memory, renewed before its end."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from copy import copy
from types import MappingProxyType
from typing import Final, Protocol

from batchhub._adapter.exchange import Credentials
from batchhub._base.clock import Clock
from batchhub._base.waits import waiting
from batchhub.errors import (
    AdapterError,
    BatchHubError,
    CredentialsError,
    OtherHostError,
    RefusedError,
    VendorError,
)

_MARGIN_S: Final = 60.0
"""Seconds before their end at which credentials are renewed …"""

_MARGIN_SHARE: Final = 0.1
"""… or this share of their life, where that is less."""

_NONE: Final[Mapping[str, str]] = MappingProxyType({})

_TOO_MANY: Final = 429

_HINTS: Final[Mapping[str | None, str]] = {
    "invalid_client": "the client's id or secret is not right",
    "invalid_grant": "the grant, such as a refresh token, is not right, has expired or was "
    "withdrawn, or belongs to another client",
    "unauthorized_client": "the client may not use this grant, such as one of another client",
}
"""What OAuth's codes mean. Source: RFC 6749, section 5.2."""

# Of the task, and of those it starts: what the adapter asks while it gets credentials.
_authorizing: ContextVar[CredentialKeeper | None] = ContextVar("batchhub_authorizing", default=None)


class Authorize(Protocol):
    """Gets credentials: `Adapter.authorize`."""

    def __call__(self, *, again: bool) -> Awaitable[Credentials]:
        """Get them; `again` after the last ones were refused."""
        ...


class CredentialKeeper:
    """
    Keeps the credentials of one account.

    Args:
        clock: Says when they end; its boot clock goes on while the machine sleeps.
        vendor: The adapter's name.
        account: The account's identity.
        on_given: Called with the headers of new ones, before they are used.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        vendor: str,
        account: str,
        on_given: Callable[[Mapping[str, str]], None],
    ) -> None:
        self.authorize: Authorize | None = None
        self._clock = clock
        self._vendor = vendor
        self._account = account
        self._on_given = on_given
        self._turn = asyncio.Lock()
        self._headers: Mapping[str, str] | None = None
        self._renew_at_s = math.inf
        self._calls = 0
        self._failure: BatchHubError | None = None

    @property
    def is_asking(self) -> bool:
        """Whether the running task is getting credentials."""
        return _authorizing.get() is self

    def find(self) -> Mapping[str, str] | None:
        """Return the headers that authorise a request now; `None` if they have to be got."""
        if self.authorize is None:
            return _NONE
        return self._headers if self._clock.boot_s() < self._renew_at_s else None

    async def get(self) -> Mapping[str, str]:
        """
        Return the headers that authorise a request now.

        Raises:
            CredentialsError: The vendor refuses the account.
            BatchHubError: They can't be had now.
        """
        if self.authorize is None:
            return _NONE
        if (found := self.find()) is not None:
            return found
        calls = self._calls
        async with self._take_turn():
            if (found := self.find()) is not None:
                return found
            if self._failure is not None and self._calls != calls:
                raise copy(self._failure)  # of the call this one has waited for
            return await self._ask(self.authorize, again=False)

    async def renew(self, refused: Mapping[str, str]) -> Mapping[str, str] | None:
        """
        Return headers other than those that the vendor has refused.

        Returns:
            `None` if there are no others.

        Raises:
            CredentialsError: The vendor refuses the account.
            BatchHubError: They can't be had now.
        """
        if self.authorize is None:
            return None
        calls = self._calls
        async with self._take_turn():
            headers = self._headers
            if self._failure is not None and self._calls != calls:
                raise copy(self._failure)
            if headers is None or (headers == refused and self._calls == calls):
                headers = await self._ask(self.authorize, again=True)
            return None if headers == refused else headers

    @asynccontextmanager
    async def _take_turn(self) -> AsyncIterator[None]:
        """Get credentials inside the block, nobody else; the time is none of who needs them."""
        with waiting():
            async with self._turn:
                yield

    async def _ask(self, authorize: Authorize, *, again: bool) -> Mapping[str, str]:
        asked_at_s = self._clock.boot_s()
        before = _authorizing.set(self)
        self._failure = None
        try:
            made = check_credentials(await authorize(again=again))
        except BatchHubError as error:
            failure = self._name_cause(error)
            self._failure = copy(failure)  # without its traceback, which holds the request
            raise failure from None
        finally:
            _authorizing.reset(before)
            self._calls += 1
        self._on_given(made.headers)
        self._headers = dict(made.headers)
        self._renew_at_s = math.inf
        if made.valid_s is not None:
            margin_s = min(_MARGIN_S, made.valid_s * _MARGIN_SHARE)
            self._renew_at_s = asked_at_s + made.valid_s - margin_s
        return self._headers

    def _name_cause(self, error: BatchHubError) -> BatchHubError:
        """Return a refusal of any kind as what it is: nothing else can be done without them."""
        is_refusal = isinstance(error, RefusedError) or (
            isinstance(error, OtherHostError) and error.status != _TOO_MANY
        )
        if not is_refusal or not isinstance(error, VendorError):
            return error
        hint = f" ({_HINTS[error.code]})" if error.code in _HINTS else ""
        return CredentialsError(
            f"no credentials: {error}{hint}; fix those of {self._vendor}:{self._account}",
            vendor=self._vendor,
            account=self._account,
            status=error.status,
            code=error.code,
        )


def check_credentials(made: object) -> Credentials:
    """
    Return what an adapter's `authorize` gave, if requests can be sent with it.

    Raises:
        AdapterError: They can't.
    """
    if not isinstance(made, Credentials):
        raise AdapterError(f"it gave no Credentials but {type(made).__name__}")
    headers, valid_s = made.headers, made.valid_s
    if not isinstance(headers, Mapping) or not all(
        isinstance(text, str) for pair in headers.items() for text in pair
    ):
        raise AdapterError("it gave headers that are no mapping from text to text")
    if not all(text.isprintable() for pair in headers.items() for text in pair):
        raise AdapterError("it gave a header with a character that no header can carry")
    is_number = isinstance(valid_s, int | float) and not isinstance(valid_s, bool)
    if valid_s is not None and not (is_number and valid_s > 0):
        raise AdapterError("it gave credentials whose valid_s is no number above zero")
    return made

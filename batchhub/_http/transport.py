"""
HTTP for adapters: one `Transport` per lane, over one aiohttp session per hub.

A transport waits for the lane's budget, sends once, limits time and size, and turns every error
answer and every missing one into one of our errors. It repeats nothing by itself, except what the
vendor says it did not run. It stops the lane for as long as the vendor asks (429, 503), and for
good when the credentials are refused (401, 403).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Final, NoReturn

from multidict import CIMultiDict
from yarl import URL

from batchhub._adapter.account import Account, Budget
from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub.errors import BusyError, CredentialsError, RateLimitedError

from .gate import LaneGate
from .limits import Limits
from .reply import Reply
from .request import RequestMaker

if TYPE_CHECKING:
    import aiohttp

    from .errors import Explain

_DEFAULT_LIMITS: Final = Limits()
_MAX_REPEATS: Final = 3
_REPEAT_BASE_S: Final = 0.1  # half of it is jitter, so never below 50 ms
_REPEAT_FACTOR: Final = 1.5
_REPEAT_CAP_S: Final = 1.0

_SUCCESS: Final = range(200, 300)
_UNAVAILABLE: Final = 503

# Of the task, not of the transport: between the wait and the request other tasks may send.
_turn: ContextVar[tuple[Transport, float] | None] = ContextVar("batchhub_turn", default=None)


class Transport:
    """
    All traffic of one account.

    Args:
        session: What `open_session` gave; shared by all lanes.
        clock: For the budget, cool-downs and waits; time limits are in real time.
        vendor: The adapter's name.
        account: Whose traffic it is; gives the address and the secrets.
        budget: How much the account may send.
        explain: Reads the vendor's error code and message: `Adapter.explain`.
        not_executed_statuses: HTTP statuses by which the vendor says it did not run a request.
        limits: How long and how large an answer may be.
        rng: Where the jitter comes from.
    """

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        clock: Clock,
        vendor: str,
        account: Account,
        budget: Budget,
        explain: Explain,
        not_executed_statuses: frozenset[int] = frozenset(),
        limits: Limits = _DEFAULT_LIMITS,
        rng: random.Random | None = None,
    ) -> None:
        from .exchange import Exchange  # noqa: PLC0415  # aiohttp is slow to import

        self._clock = clock
        self._requests = RequestMaker(vendor, account)
        self._rng = rng if rng is not None else random.Random()  # noqa: S311  # jitter, no secret
        self._exchange = Exchange(
            session=session,
            vendor=vendor,
            account=account,
            explain=explain,
            not_executed_statuses=not_executed_statuses,
            limits=limits,
        )
        self._gate = LaneGate(lane=account.lane, budget=budget, clock=clock, rng=self._rng)

    @property
    def cooled_until(self) -> datetime | None:
        """Until when the lane sends nothing; `None` outside a cool-down."""
        return self._gate.cooled_until

    @property
    def paused(self) -> CredentialsError | None:
        """Why the lane sends nothing more; `None` while it may."""
        return self._gate.closed_by

    async def wait_turn(self) -> None:
        """
        Wait until the next request may go; the next one of this task then goes without a wait.

        For a caller that has to do something right before it sends.

        Raises:
            CredentialsError: The lane sends nothing more.
        """
        _turn.set((self, await self._gate.enter()))

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """
        Send one request, when the budget allows, and return the answer.

        Args:
            method: The HTTP method.
            path: From the ``/`` after the host, percent-encoded; sent exactly as it is.
            params: The query, not encoded yet.
            body: JSON.
            headers: In addition to the usual ones, or in place of them.

        Raises:
            VendorError: The vendor answered with an error.
            ContactError: There was no answer.
            AdapterError: The path is invalid. Nothing was sent.
            SettingsError: A header can't be sent. Nothing was sent.
        """
        url = self._requests.url(path, params)
        sent_headers = self._requests.headers(body, headers)
        repeats = 0
        while True:
            try:
                return await self._send(method, url, body, sent_headers)
            except BusyError as busy:  # it did not run, so sending it again is safe
                if repeats == _MAX_REPEATS or busy.retry_after_s is not None:
                    raise
            delay_s = backoff_s(
                repeats,
                base_s=_REPEAT_BASE_S,
                cap_s=_REPEAT_CAP_S,
                rng=self._rng,
                factor=_REPEAT_FACTOR,
            )
            repeats += 1
            await self._clock.sleep(delay_s)

    async def _send(
        self, method: str, url: URL, body: bytes | None, headers: CIMultiDict[str]
    ) -> Reply:
        sent_at_s = self._take_turn()
        if sent_at_s is None:
            sent_at_s = await self._gate.enter()
        reply = await self._exchange.send(method, url, body, headers)
        if reply.status not in _SUCCESS:
            self._refuse(reply, sent_at_s)
        self._gate.note_success(sent_at_s=sent_at_s)
        return reply

    def _take_turn(self) -> float | None:
        """Use the turn this task has waited for, if any, unless the gate has been shut since."""
        turn = _turn.get()
        if turn is None or turn[0] is not self:
            return None
        _turn.set(None)
        self._gate.check()
        return turn[1]

    def _refuse(self, reply: Reply, sent_at_s: float) -> NoReturn:
        error = self._exchange.refused(reply, self._clock.now())
        retry_after_s = error.retry_after_s
        if isinstance(error, CredentialsError):
            self._gate.close(error)
        # A 503 without a time says nothing of other requests; a 429 always does.
        elif isinstance(error, RateLimitedError) or (
            reply.status == _UNAVAILABLE and retry_after_s
        ):
            self._gate.cool_down(
                status=reply.status, retry_after_s=retry_after_s, sent_at_s=sent_at_s
            )
        raise error

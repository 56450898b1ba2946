"""Sends the requests of a lane: when they may go, with credentials, and once unless it is safe."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from copy import copy
from typing import TYPE_CHECKING, Final, NoReturn
from weakref import WeakSet

from batchhub._adapter.account import Account, Budget
from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._base.waits import waiting, yields
from batchhub.errors import (
    BatchHubError,
    BusyError,
    CredentialsError,
    RateLimitedError,
    RefusedError,
    UsageError,
    VendorError,
)

from .credentials import CredentialKeeper
from .gate import LaneGate
from .guard import Guard, NotSentError, Right, find_guard
from .guard import right as sending_right
from .journal import ExchangeNotes
from .reply import Reply
from .request import Call, RequestMaker
from .spent import WHOLE_LANE

if TYPE_CHECKING:
    from .exchange import Exchange  # aiohttp is slow to import

_MAX_REPEATS: Final = 3
_REPEAT_BASE_S: Final = 0.1  # half of it is jitter, so never below 50 ms
_REPEAT_FACTOR: Final = 1.5
_REPEAT_CAP_S: Final = 1.0

_TURN_S: Final = 1.0
"""Seconds for which a turn is kept for who has waited for it."""

Pace = Callable[[Mapping[str, str], str], Mapping[str, Budget]]
"""Reads budgets from an answer's headers and its request's rate: `Adapter.pace`."""

_SUCCESS: Final = range(200, 300)
_UNAVAILABLE: Final = 503


class _Turn:
    """A turn somebody has waited for. It is shared by all tasks that its task makes."""

    def __init__(self, sender: Sender, sent_at_s: float) -> None:
        self.sender = sender
        self.sent_at_s = sent_at_s
        self.is_used = False


# Of the task, not of the lane: between the wait and the request other tasks may send.
_turn: ContextVar[_Turn | None] = ContextVar("batchhub_turn", default=None)


class Sender:
    """
    Sends the requests of one lane.

    Attributes:
        credentials: What authorises them.
        pace: Reads budgets from answers: `Adapter.pace`.
        notes: Notes what was sent and answered; `None` if nobody keeps a record.

    Args:
        vendor: The adapter's name.
        account: Whose requests they are.
        requests: Adds credentials to them.
        exchange: Sends each once.
        gate: Says when.
        clock: Where time comes from.
        rng: Where the jitter comes from.
    """

    def __init__(
        self,
        *,
        vendor: str,
        account: Account,
        requests: RequestMaker,
        exchange: Exchange,
        gate: LaneGate,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.credentials = CredentialKeeper(
            clock=clock,
            vendor=vendor,
            account=account.identity,
            on_given=exchange.note_credentials,
        )
        self.pace: Pace | None = None
        self.notes: ExchangeNotes | None = None
        self._pid = os.getpid()
        self._vendor = vendor
        self._requests = requests
        self._exchange = exchange
        self._gate = gate
        self._clock = clock
        self._rng = rng
        self._log = get_logger().bind(lane=account.lane)
        self._has_warned = False
        # Errors that the gate knows of already; each for as long as somebody holds it.
        self._noted: WeakSet[BatchHubError] = WeakSet()

    def has_noted(self, error: BatchHubError) -> bool:
        """Return whether the gate knows of an error already; from now on it does."""
        is_known = error in self._noted
        self._noted.add(error)
        return is_known

    async def wait_turn(self) -> None:
        """
        Wait until a request may go; the next one of this task then goes without a wait.

        Raises:
            CredentialsError: The lane sends nothing more.
        """
        await self._get_credentials()
        await self._exchange.share.wait_free()
        _turn.set(_Turn(self, await self._gate.enter()))

    async def perform(self, call: Call) -> Reply:
        """
        Send a request with credentials, if it needs them, and with others if these are refused.

        Raises:
            VendorError: The vendor answered with an error.
            ContactError: There was no answer.
        """
        if not call.target.is_own:
            self._requests.authorize(call)
            return await self._send_until_run(call)
        credentials = self.credentials.find()
        if credentials is None:
            credentials = await self._get_credentials()
        try:
            self._requests.authorize(call, credentials)
            return await self._send_until_run(call)
        except CredentialsError as error:
            refusal = error
        # It did not run, so it may be sent once more; what was sent stays what it was.
        credentials = await self._renew_credentials(credentials, refusal)
        call = copy(call)
        try:
            self._requests.authorize(call, credentials)
            return await self._send_until_run(call)
        except CredentialsError as error:
            self._gate.close(error)
            raise

    async def _get_credentials(self) -> Mapping[str, str]:
        if self._gate.closed_by is not None:
            return {}  # the gate says so to whoever sends
        try:
            return await self.credentials.get()
        except CredentialsError as error:
            self._gate.close(error)
            raise

    async def _renew_credentials(
        self, refused: Mapping[str, str], refusal: CredentialsError
    ) -> Mapping[str, str]:
        """
        Get other credentials after a refusal.

        Raises:
            CredentialsError: There are no others: nothing more is sent.
        """
        if self._gate.closed_by is not None:
            raise refusal
        try:
            headers = await self.credentials.renew(refused)
        except CredentialsError as error:
            self._gate.close(error)
            raise
        if headers is None:
            self._gate.close(refusal)
            raise refusal
        self._gate.extend_trial()
        return headers

    async def _send_until_run(self, call: Call) -> Reply:
        """Send a request, and again while the vendor says that it did not run it."""
        repeats = 0
        while True:
            try:
                return await self._send(call)
            except BusyError as busy:
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
            with waiting():
                await self._clock.sleep(delay_s)

    async def _send(self, call: Call) -> Reply:
        share, is_poll = self._exchange.share, yields()
        if (guard := find_guard()) is not None:
            guard.check()
        while True:
            if call.rate != WHOLE_LANE:
                # Without a connection: there may be one only, and others need not wait for a rate.
                await self._gate.wait_for(call.rate)
            has_waited = not share.take(yields=is_poll)
            if has_waited:
                await share.wait(yields=is_poll)
            try:
                sent_at_s = self._take_turn()
                # A turn from before a wait is no good: many of them could be used at one moment.
                if sent_at_s is None or has_waited or not self._gate.enter_now(call.rate):
                    sent_at_s = self._gate.enter_at_once(call.rate)
                if sent_at_s is None:
                    is_own = call.target.is_own
                    sent_at_s = await self._gate.enter_if_due(call.rate, is_own=is_own)
                if sent_at_s is not None:
                    return await self._send_now(call, sent_at_s)
            finally:
                share.give_back(yields=is_poll)

    async def _send_now(self, call: Call, sent_at_s: float) -> Reply:
        if os.getpid() != self._pid:  # the connections, and the lane, are the parent's
            raise UsageError("this hub was opened by another process; nothing was sent")
        guard, right = find_guard(), sending_right.get()
        if right is not None and right.is_doubtful:
            await self._make_sure(right, guard)
        if guard is not None:
            await guard.before_send(effect=call.effect)
        notes, reply, began_s = self.notes, None, None
        try:
            if guard is not None:
                self._gate.check(call.rate)  # it may have taken long
                if right is not None and right.is_doubtful:
                    raise NotSentError("nothing was sent: it took too long to write that it would")
            began_s = self._clock.monotonic()
            reply = await self._exchange.send(call)
            if reply is None:
                # A repeat is a request like any other.
                began_s = None
                sent_at_s = await self._enter_again(call, right, guard)
                began_s = self._clock.monotonic()
                reply = await self._exchange.send(call, is_repeat=True)
                assert reply is not None  # noqa: S101  # a repeat is not repeated
            self._judge(call, reply, sent_at_s)
        except BatchHubError as error:
            self._noted.add(error)
            if guard is not None and not getattr(error, "may_have_run", True):
                guard.take_back(error, effect=call.effect)
            if notes is not None and began_s is not None:
                notes.note_error(call, reply, error, began_s)
            raise
        except asyncio.CancelledError:
            if notes is not None and began_s is not None:
                notes.note_end(call, began_s)
            raise
        if notes is not None:
            notes.note_answer(call, reply, began_s)
        return reply

    async def _enter_again(self, call: Call, right: Right | None, guard: Guard | None) -> float:
        """Wait for the turn of a repeat; the lane may be another process's by then."""
        sent_at_s = await self._gate.enter(call.rate, is_own=call.target.is_own)
        if right is not None and right.is_doubtful:
            await self._make_sure(right, guard)
        return sent_at_s

    async def _make_sure(self, right: Right, guard: Guard | None) -> None:
        """Wait until it is certain that nobody else drives the lane: this process may sleep."""
        try:
            with waiting():
                await right.make_sure()
        except NotSentError as error:
            if guard is not None:  # it says nothing of what the same submit has sent before
                guard.take_back(error, effect=False)
            raise

    def _judge(self, call: Call, reply: Reply, sent_at_s: float) -> None:
        """Look at what an answer says of the lane; raise the error that it is, if it is one."""
        if reply.status not in _SUCCESS:
            self._refuse(call, reply, sent_at_s)
        if call.target.is_own:
            self._gate.note_success(call.rate, sent_at_s=sent_at_s)
            if self.pace is not None:
                self._learn(reply, call.rate, self.pace)

    def _learn(self, reply: Reply, rate: str, pace: Pace) -> None:
        """Learn the account's budgets from an answer."""
        try:
            if budgets := pace(reply.headers, rate):
                self._gate.learn(budgets)
        except Exception as error:  # a bug in a plug-in must not lose an answer
            if not self._has_warned:
                self._has_warned = True
                what = self._exchange.redact(f"{type(error).__name__}: {error}")
                self._log.warning("lane.pace_ignored", adapter=self._vendor, error=what)

    def _take_turn(self) -> float | None:
        """Use the turn this task has waited for, if any, unless the gate has been shut since."""
        turn = _turn.get()
        if turn is None or turn.sender is not self or turn.is_used:
            return None
        turn.is_used = True  # not only in this task's context: another one may have a copy of it
        self._gate.check()
        if self._clock.monotonic() - turn.sent_at_s > _TURN_S:
            return None  # by now others may go in its place
        return turn.sent_at_s

    def _refuse(self, call: Call, reply: Reply, sent_at_s: float) -> NoReturn:
        error = self._exchange.refused(reply, call, self._clock.now())
        if not (call.target.is_own and isinstance(error, VendorError)):
            raise error  # not the vendor's answer to the account: it says nothing of the lane
        if self.pace is not None:
            self._learn(reply, call.rate, self.pace)
        retry_after_s = error.retry_after_s
        if isinstance(error, RefusedError):
            self._gate.note_success(call.rate, sent_at_s=sent_at_s, is_refusal=True)
        elif isinstance(error, CredentialsError):
            pass  # whoever sent it may have others
        # A 503 without a time says nothing of other requests; a 429 always does.
        elif isinstance(error, RateLimitedError) or (
            reply.status == _UNAVAILABLE and retry_after_s
        ):
            self._gate.cool_down(
                call.rate, status=reply.status, retry_after_s=retry_after_s, sent_at_s=sent_at_s
            )
        raise error

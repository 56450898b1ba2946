"""What stands before a vendor: credentials, the request limit, and the troubles of any server."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, TypeVar

from aiohttp import web
from attrs import define

from .answers import AnswerError, HangUpError
from .journal import KNOCK
from .limits import RequestLimiter
from .state import SandboxState
from .switches import Switches, rate, switch, times

T = TypeVar("T")

_TROUBLES: Final = (500, 502, 503)


@define(kw_only=True)
class GuardSwitches(Switches):
    """The switches of a sandbox with a `Guard`. Derive, and declare the vendor's own."""

    requests_per_minute: int = switch(600, "requests an account may make in 60 seconds", at_least=0)
    block_s: float = switch(60.0, "seconds of the block after one request too many", at_least=1.0)
    revoke_after: int = switch(
        -1, "calls after which the credentials are refused; -1: never", at_least=-1
    )
    lost_submit_answers: int = times("a submit is executed, and the connection cut")
    lost_submit_answers_rate: float = rate("lost_submit_answers")
    cut_before_submit: int = times("the connection of a submit is cut, and nothing executed")
    cut_before_submit_rate: float = rate("cut_before_submit")
    submit_5xx: int = times("a submit is answered 500")
    submit_5xx_rate: float = rate("submit_5xx")
    submit_5xx_executes: bool = switch(False, "a submit answered 500 is executed all the same")
    forget_tickets: int = times("a status call is answered 404, as for an unknown ticket")
    forget_tickets_rate: float = rate("forget_tickets")
    answer_429: int = times("a call is answered 429, and a block begins")
    answer_429_rate: float = rate("answer_429")
    cut_polls: int = times("the connection of a status call is cut")
    cut_polls_rate: float = rate("cut_polls")
    answer_5xx: int = times("a status call is answered 500, 502 and 503 in turn")
    answer_5xx_rate: float = rate("answer_5xx")
    cut_json: int = times("the JSON of the answer to a submit or a status call breaks off")
    cut_json_rate: float = rate("cut_json")


class Guard(ABC):
    """
    Decides which calls reach a vendor. Derive, and say in the vendor's words how it refuses.

    Args:
        sandbox: Whose calls pass here.
        switches: Its switches.
        patience: How many knocks a minute of a block may have before it gets longer.
    """

    def __init__(
        self, sandbox: SandboxState, switches: GuardSwitches, *, patience: int = sys.maxsize
    ) -> None:
        self._sandbox = sandbox
        self._switches = switches
        self._limiter = RequestLimiter(patience=patience)
        self._trouble_count = 0

    @abstractmethod
    def make_refusal(self) -> AnswerError:
        """Return the answer to wrong credentials."""

    @abstractmethod
    def make_too_many(self, retry_after_s: int) -> AnswerError:
        """Return the answer to one call too many; the block lasts `retry_after_s` more seconds."""

    @abstractmethod
    def make_trouble(self, status: int) -> AnswerError:
        """Return the answer of a vendor in trouble: 500 and above."""

    @property
    def sends_retry_after(self) -> bool:
        """Whether an answer 429 says how long the block lasts; a call without that is no knock."""
        return True

    def admit(self, request: web.Request, *, may_enter: bool) -> None:
        """
        Let a call pass.

        Args:
            request: The call.
            may_enter: Whether its credentials are right.

        Raises:
            AnswerError: It may not pass.
        """
        if not may_enter or self._is_revoked():
            raise self.make_refusal()
        self._limit(request)

    def accept(self, request: web.Request, execute: Callable[[], T]) -> T:
        """
        Execute a submit, unless a fault comes before it.

        Args:
            request: The submit.
            execute: Takes the batch; what it raises comes out.

        Returns:
            What `execute` returned.

        Raises:
            HangUpError: The connection is cut, before or after the execution.
            AnswerError: 500, with the batch taken or not.
        """
        if self._sandbox.strikes("cut_before_submit"):
            raise HangUpError("cut before anything was executed")
        if self._sandbox.strikes("submit_5xx"):
            if self._switches.submit_5xx_executes:
                execute()
            self._sandbox.note(
                request, "executed" if self._switches.submit_5xx_executes else "not executed"
            )
            raise self.make_trouble(_TROUBLES[0])
        taken = execute()
        if self._sandbox.strikes("lost_submit_answers"):
            raise HangUpError("executed, and cut before the answer")
        return taken

    def disturb_poll(self) -> None:
        """
        Let a status call pass.

        Raises:
            HangUpError: Its connection is cut.
            AnswerError: The vendor has trouble.
        """
        if self._sandbox.strikes("cut_polls"):
            raise HangUpError("a status call, cut")
        if self._sandbox.strikes("answer_5xx"):
            self._trouble_count += 1
            raise self.make_trouble(_TROUBLES[(self._trouble_count - 1) % len(_TROUBLES)])

    def disturb_json(self, text: str) -> str:
        """Return the JSON of an answer, or its first half if the fault strikes."""
        return text[: len(text) // 2] if self._sandbox.strikes("cut_json") else text

    def _is_revoked(self) -> bool:
        left = self._switches.revoke_after
        if left > 0:
            self._switches.revoke_after = left - 1
        return left == 0

    def _limit(self, request: web.Request) -> None:
        now = self._sandbox.clock.monotonic()
        block_s = self._switches.block_s
        passes = False
        if self._limiter.is_blocked(now) and self.sends_retry_after:
            self._sandbox.note(request, KNOCK)
        if not self._limiter.is_blocked(now) and self._sandbox.strikes("answer_429"):
            self._limiter.block(now, block_s)
        else:
            passes = self._limiter.passes(now, self._switches.requests_per_minute, block_s)
        if not passes:
            raise self.make_too_many(math.ceil(self._limiter.retry_after_s(now)))

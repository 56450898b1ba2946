"""What stands before a vendor: credentials, limits, and the troubles of any server."""

from __future__ import annotations

import inspect
import math
from typing import Any, Final

from aiohttp import web

from .answers import AnswerError, HangUpError
from .call import Call
from .journal import KNOCK
from .limits import RateLimit, RequestLimiter
from .routes import Route
from .state import SandboxState

_TROUBLES: Final = (500, 502, 503)
_STATUS_VERBS: Final = ("poll", "results")


class Guard:
    """
    Decides which calls reach a vendor's handlers, and whose answers get back.

    Args:
        sandbox: Whose calls pass here.
        patience: How many knocks a minute of a block may have before it gets longer.
    """

    def __init__(self, sandbox: SandboxState, *, patience: int) -> None:
        self._sandbox = sandbox
        self._limiter = RequestLimiter(patience=patience)
        self._trouble_count = 0

    async def answer(self, call: Call, route: Route, verb: str) -> web.StreamResponse:
        """
        Let a call pass, and have it handled.

        Raises:
            HangUpError: The connection has to be cut.
        """
        limit = self._sandbox.rates[route.rate] if route.rate else None
        try:
            if not route.is_open:
                self._admit(call)
            if limit is not None:
                self._hold_to(limit, call)
            self._check_params(call, route)
            response = await self._handle(call, route, verb)
        except AnswerError as error:
            response = error.to_response()
        if limit is not None and response.status not in limit.silent_statuses:
            response.headers.update(limit.make_headers(self._sandbox.clock.monotonic()))
        return response

    def _admit(self, call: Call) -> None:
        sandbox = self._sandbox
        if not sandbox.admits(call) or self._is_revoked():
            raise sandbox.refuse(sandbox.switches.unauthorized_status)
        now, block_s = sandbox.clock.monotonic(), sandbox.switches.block_s
        is_blocked = self._limiter.is_blocked(now)
        if is_blocked and sandbox.switches.retry_after:
            sandbox.note(call, KNOCK)
        if not is_blocked and sandbox.strikes("answer_429"):
            self._limiter.block(now, block_s)
        elif self._limiter.passes(now, sandbox.switches.requests_per_minute, block_s):
            return
        wait_s = math.ceil(self._limiter.retry_after_s(now))
        raise self._make_too_many(wait_s if sandbox.switches.retry_after else None)

    def _check_params(self, call: Call, route: Route) -> None:
        sandbox = self._sandbox
        if route.params is None or not sandbox.switches.strict:
            return
        for name in call.query:
            if name not in route.params and name not in sandbox.secret_params:
                raise sandbox.unknown_parameter(call, name)

    def _hold_to(self, limit: RateLimit, call: Call) -> None:
        now = self._sandbox.clock.monotonic()
        if limit.is_knock(now):
            self._sandbox.note(call, KNOCK)
        if not limit.passes(now):
            wait_s = limit.tell(now)
            raise self._make_too_many(wait_s if limit.sends_retry_after else None)

    def _make_too_many(self, retry_after_s: int | None) -> AnswerError:
        headers = None if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        return self._sandbox.refuse(429, headers=headers)

    def _is_revoked(self) -> bool:
        left = self._sandbox.switches.revoke_after
        if left > 0:
            self._sandbox.switches.revoke_after = left - 1
        return left == 0

    async def _handle(self, call: Call, route: Route, verb: str) -> web.StreamResponse:
        if verb == "submit":
            await self._disturb_submit(call, route)
        elif verb in _STATUS_VERBS:
            self._disturb_status_call()
        response = await _run(route, call)
        if verb == "submit" and self._sandbox.strikes("lost_submit_answers"):
            raise HangUpError("executed, and cut before the answer")
        if verb == "submit" or verb in _STATUS_VERBS:
            self._disturb_json(response)
        return response

    async def _disturb_submit(self, call: Call, route: Route) -> None:
        sandbox = self._sandbox
        if sandbox.strikes("cut_before_submit"):
            raise HangUpError("cut before anything was executed")
        if sandbox.strikes("submit_5xx"):
            executes = sandbox.switches.submit_5xx_executes
            if executes:
                await _run(route, call)
            sandbox.note(call, "executed" if executes else "not executed")
            raise sandbox.refuse(_TROUBLES[0])

    def _disturb_status_call(self) -> None:
        sandbox = self._sandbox
        if sandbox.strikes("cut_polls"):
            raise HangUpError("a status call, cut")
        if sandbox.strikes("answer_5xx"):
            self._trouble_count += 1
            raise sandbox.refuse(_TROUBLES[(self._trouble_count - 1) % len(_TROUBLES)])
        if sandbox.strikes("forget_tickets"):
            raise sandbox.refuse(404)

    def _disturb_json(self, response: web.StreamResponse) -> None:
        if (
            isinstance(response, web.Response)
            and isinstance(response.body, bytes)
            and response.content_type.endswith("json")
            and self._sandbox.strikes("cut_json")
        ):
            response.body = response.body[: len(response.body) // 2]


async def _run(route: Route, call: Call) -> web.StreamResponse:
    """Return what a handler answers: its response, or its document as JSON."""
    answer: Any = route.handler(call)
    if inspect.isawaitable(answer):
        answer = await answer
    return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

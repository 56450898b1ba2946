"""The sandbox's own paths below ``/_sandbox``: neither journaled nor limited."""

from __future__ import annotations

import json
import math
from typing import Any, Final, Protocol, runtime_checkable

from aiohttp import web

from batchhub.errors import UsageError

from .state import SandboxState

PREFIX: Final = "/_sandbox/"


@runtime_checkable
class DrivenClock(Protocol):
    """A clock that is moved by hand, such as `batchhub.testing.FakeClock`."""

    async def advance(self, delay_s: float) -> None:
        """Move the time by `delay_s` seconds."""
        ...


class Control:
    """Lets a test in another process read and control a sandbox."""

    def __init__(self, sandbox: SandboxState) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the sandbox's application."""
        return [
            web.get(f"{PREFIX}journal", self._journal),
            web.get(f"{PREFIX}switches", self._switches),
            web.put(f"{PREFIX}switches", self._change_switches),
            web.post(f"{PREFIX}clock", self._advance_clock),
        ]

    async def _journal(self, _: web.Request) -> web.Response:
        sandbox = self._sandbox
        return web.json_response(
            {
                "requests": [entry.to_json() for entry in sandbox.journal],
                "executions": [execution.to_json() for execution in sandbox.executions],
                "knocks": sandbox.knocks,
            }
        )

    async def _switches(self, _: web.Request) -> web.Response:
        return web.json_response(self._sandbox.switches.to_json())

    async def _change_switches(self, request: web.Request) -> web.Response:
        values = _parse_object(await request.read())
        if values is None:
            return _refuse("the body must be a JSON object of switch names and values")
        try:
            self._sandbox.change_switches(values)
        except UsageError as error:
            return _refuse(str(error))
        return web.json_response(self._sandbox.switches.to_json())

    async def _advance_clock(self, request: web.Request) -> web.Response:
        clock = self._sandbox.clock
        if not isinstance(clock, DrivenClock):
            return _refuse("this sandbox runs on the machine's clock, which can't be advanced", 409)
        advance_s = _parse_duration(await request.read())
        if advance_s is None:
            return _refuse('the body must be {"advance_s": seconds}, 0 or more')
        await clock.advance(advance_s)
        return web.json_response({"now": self._sandbox.clock.now().isoformat()})


def _parse_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _parse_duration(body: bytes) -> float | None:
    value = (_parse_object(body) or {}).get("advance_s")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < math.inf else None


def _refuse(message: str, status: int = 400) -> web.Response:
    return web.json_response({"error": message}, status=status)

"""Hosts on loopback that answer from a script, and an account at one of them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import field, frozen

from batchhub.adapter import Account, Adapter, Budget, secret
from batchhub.testing import FakeClock
from batchhub.transport import Session, Transport

TOKEN = "secret_t0ken/42"
FAST = Budget(requests=100_000, per_s=1.0, burst=50_000)
MakeTransport = Callable[..., Transport]


@frozen(kw_only=True)
class ShopAccount(Account):
    """An account at a vendor that is none."""

    adapter: ClassVar[str] = "shop"
    base_url: str = "https://shop.example"
    token: str = secret(default=TOKEN)

    @property
    def identity(self) -> str:
        """Always the same store."""
        return "7"

    @property
    def budget(self) -> Budget:
        """More than a test sends."""
        return FAST


@frozen(kw_only=True)
class Answer:
    """One line of a host's script."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Asked:
    """A request as the host got it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Host:
    """A server that answers from a script (its last line for ever) and keeps what it was asked."""

    def __init__(self) -> None:
        self.script = deque([Answer()])
        self.asked: list[Asked] = []
        self.url = ""

    def answers(self, *script: Answer) -> None:
        """Give the host a new script."""
        self.script = deque(script)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        self.asked.append(
            Asked(
                method=request.method,
                target=request.raw_path,
                headers=request.headers,
                body=await request.read(),
            )
        )
        answer = self.script.popleft() if len(self.script) > 1 else self.script[0]
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


@asynccontextmanager
async def open_host() -> AsyncIterator[Host]:
    """Open a host on a free port."""
    host = Host()
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{tail:.*}", host.handle)
    async with TestServer(app) as server:
        host.url = str(server.make_url("")).rstrip("/")
        yield host


def make_transport(session: Session, clock: FakeClock, base_url: str, **others: Any) -> Transport:
    """Make a transport of an account at a host; keywords replace what it usually gets."""
    usual: dict[str, Any] = {
        "session": session,
        "clock": clock,
        "vendor": "shop",
        "account": ShopAccount(base_url=base_url),
        "budget": FAST,
        "explain": Adapter.explain,
        "rng": random.Random(5),
    }
    return Transport(**{**usual, **others})

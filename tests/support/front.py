"""Something between batchhub and a vendor, that changes the vendor's answers on their way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import frozen
from multidict import CIMultiDict, CIMultiDictProxy


@frozen(kw_only=True)
class Passed:
    """An answer on its way; headers that say how it is sent are left out."""

    method: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


@frozen(kw_only=True)
class Changed:
    """What becomes of it."""

    status: int = 200
    headers: dict[str, str]
    body: bytes


Change = Callable[[Passed], Changed | None]
"""What becomes of an answer; `None` leaves it as it is."""

_ITS_OWN = frozenset({"content-length", "transfer-encoding", "connection", "content-encoding"})


@asynccontextmanager
async def standing_before(url: str, change: Change) -> AsyncIterator[str]:
    """Stand before a vendor; gives the URL to ask in place of the vendor's."""
    async with aiohttp.ClientSession() as session:

        async def pass_on(request: web.BaseRequest) -> web.StreamResponse:
            headers = CIMultiDict(request.headers)
            headers.pop("Host", None)
            headers["Accept-Encoding"] = "identity"
            body = await request.read()
            async with session.request(
                request.method, url + request.raw_path, headers=headers, data=body or None
            ) as answer:
                content = await answer.read()
            passed = Passed(
                method=request.method, status=answer.status, headers=answer.headers, body=content
            )
            changed = change(passed)
            if changed is not None:
                return web.Response(
                    status=changed.status, body=changed.body, headers=changed.headers
                )
            kept = {n: v for n, v in answer.headers.items() if n.lower() not in _ITS_OWN}
            return web.Response(status=answer.status, body=content, headers=kept)

        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{tail:.*}", pass_on)
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/")

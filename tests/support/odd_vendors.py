"""Vendors over HTTP that answer what a test says, as careful as those who wrote it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import define, field

from batchhub.adapter import Account
from batchhub_ecwid import EcwidAccount
from batchhub_mircate import MircateAccount

Item = dict[str, Any]
Say = Callable[[list[Item], int], Any]
"""What is answered to a poll, from the batch's items and how often the vendor was polled."""


@define
class OddVendor:
    """
    A vendor with one kind of batch.

    An answer is an object, sent as JSON with status 200; or a pair of a status and such an object.

    Attributes:
        say: Answers a poll.
        accept: Answers a new batch, from its id and the number of requests so far.
        knows: The parameter by which Ecwid's tickets are named.
        batches: The items it has been sent, by the id of their batch.
        polls: How often it was polled.
    """

    say: Say
    accept: Callable[[str, int], Any] = lambda ref, _: {"ticket": ref, "batchId": ref}
    knows: str = "ticket"
    batches: dict[str, list[Item]] = field(factory=dict)
    sends: int = 0
    polls: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request of either vendor's adapter."""
        if request.method == "POST":
            body = await request.json()
            self.sends += 1
            ref = str(len(self.batches) + 1)
            self.batches[ref] = body if isinstance(body, list) else body["products"]
            return _respond(self.accept(ref, self.sends))
        is_ecwid = request.path.endswith("/batch")
        asked = request.query.get(self.knows) if is_ecwid else request.path.rpartition("/")[2]
        self.polls += 1
        said = self.say(self.batches.get(asked or "", []), self.polls)
        if isinstance(said, dict) and asked not in self.batches:
            said = (404, {"errorMessage": "Ticket not found"})
        return _respond(said)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Answer on a port of its own; gives the address."""
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self.answer)
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/")


def ecwid_at(url: str) -> Account:
    """Return an account of Ecwid's."""
    return EcwidAccount(store_id=1003, token="secret_of_the_store", base_url=url)


def mircate_at(url: str) -> Account:
    """Return an account of Mircate's."""
    return MircateAccount(
        project_id="p", merchant_project_id="m", api_key="key_of_the_merchant", base_url=url
    )


def row(item: Item, **changes: Any) -> Item:
    """Return Ecwid's result of an item, a success unless it is changed."""
    body = {"escapedHttpBody": json.dumps({"updateCount": 1})}
    return {"id": item["id"], "status": "COMPLETED", "httpStatusCode": 200, **body, **changes}


def done(items: list[Item], **changes: Any) -> Item:
    """Return Ecwid's answer on a batch that is finished."""
    rows = [row(item) for item in items]
    counts = {"totalRequests": len(items), "completedRequests": len(items)}
    return {"status": "COMPLETED", **counts, "responses": rows, **changes}


def each(**changes: Any) -> Say:
    """Answer that a batch is finished, with something changed in each of its results."""
    return lambda items, _: done(items, responses=[row(item, **changes) for item in items])


def _respond(answer: Any) -> web.Response:
    status, said = answer if isinstance(answer, tuple) else (200, answer)
    if isinstance(said, str):
        return web.Response(status=status, text=said, content_type="text/html")
    return web.json_response(said, status=status)

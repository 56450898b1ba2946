"""The stand-in itself: which call a request is, and what it is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from aiohttp import web

from batchhub.models import BatchItem
from batchhub.sandbox import AnswerError, Clock, Execution, Sandbox
from batchhub_ecwid.account import EcwidAccount

from .batches import Batch, BatchQueue
from .calls import Item, make_error, parse_flag, parse_items, parse_number
from .documents import make_status
from .guard import PATIENCE, EcwidGuard
from .store import PAGE_SIZE, Reply, Store, make_demo_items
from .switches import EcwidSwitches

# Assumed: the vendor's own bound is stated nowhere; this one only guards the machine.
_MAX_BODY_BYTES: Final = 64 * 2**20
_JSON_TYPES: Final = frozenset({"application/json", "text/json"})


class EcwidSandbox(Sandbox):
    """
    One Ecwid store on loopback, with its batch API.

    Args:
        store_id: The number of the store.
        token: The only token it takes.
        products: How many products it begins with; their ids are 1 and up.
        clock: Where the time comes from; the machine's own by default.
        seed: Makes tickets, and all that is left to chance, come out the same again.
    """

    switches_type: ClassVar[type[EcwidSwitches]] = EcwidSwitches
    switches: EcwidSwitches

    def __init__(
        self,
        *,
        store_id: int = 1003,
        token: str = "secret_sandbox",  # noqa: S107  # opens nothing but this sandbox
        products: int = 2000,
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.store_id = store_id
        self.token = token
        self.products = products
        self._store = Store(store_id=store_id, products=products)
        self._queue = BatchQueue(self.switches, self._run_item)
        self._guard = EcwidGuard(self, self.switches, patience=PATIENCE)
        self._tickets = self.make_random("tickets")

    def account(self, base_url: str) -> EcwidAccount:
        """Return the account of this store."""
        return EcwidAccount(store_id=self.store_id, token=self.token, base_url=base_url)

    def demo_items(self, count: int) -> Iterator[BatchItem]:
        """Return `count` new prices for products; one in 25 fails."""
        return make_demo_items(count, products=self.products)

    def catch_up(self) -> None:
        """Run the items whose time has come."""
        self._queue.advance(self.clock.monotonic())

    def find_verb(self, request: web.Request) -> str:
        """Return what a call is for; results come with the parameter ``escapedJson=true``."""
        match request.method, request.match_info.get("path", "").strip("/"):
            case "POST", "batch":
                return "submit"
            case "GET", "batch" if request.query.keys() & {"ticket", "ticketId"}:
                return "results" if request.query.get("escapedJson") == "true" else "poll"
            case "POST", "batch/cancel-group":
                return "cancel"
        return ""

    def make_app(self) -> web.Application:
        """Build the paths of the store's API."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/api/v3/{store_id}/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        is_store = request.match_info["store_id"] == str(self.store_id)
        is_token = request.headers.get("Authorization") == f"Bearer {self.token}"
        self._guard.admit(request, may_enter=is_store and is_token)
        body = await request.read()
        match request.method, request.match_info["path"].strip("/"):
            case "POST", "batch":
                batch = self._guard.accept(request, lambda: self._accept(request, body))
                return self._reply({"ticket": batch.ticket})
            case "GET", "batch" if request.query.keys() & {"ticket", "ticketId"}:
                return self._answer_status(request)
            case "GET", "batch":
                return self._list(request)
            case "DELETE", "batch":
                return self._delete(request)
            case "POST", "batch/cancel-group":
                return self._cancel_group(request)
            case method, "batch" | "batch/cancel-group":
                raise AnswerError(405, make_error(f"Method {method} is not allowed here"))
        return self._run_directly(request, body)

    def _accept(self, request: web.Request, body: bytes) -> Batch:
        """
        Take a batch, or find the one its key stands for.

        Source: older page "Create batch request", errors (415).
        Assumed: a batch is checked before its key is looked up.
        """
        if request.content_type not in _JSON_TYPES:
            raise AnswerError(415, make_error("Unsupported content type: expected JSON"))
        query = request.query
        batch = Batch(
            ticket=self._make_ticket(),
            items=parse_items(body),
            stop_on_first_failure=parse_flag(query, "stopOnFirstFailure", default=True),
            parallel=parse_flag(query, "allowParallelMode", default=False),
            group=query.get("groupId"),
            accepted_at=self.clock.monotonic(),
        )
        first = self._queue.add(batch, query.get("deduplicationKey"))
        if first is not batch:
            self.note(request, "known by its deduplicationKey")
        return first

    def _make_ticket(self) -> str:
        """Make a ticket which, like the documented one, is no valid UUID."""
        digits = f"{self._tickets.getrandbits(132):033x}"
        return "-".join([digits[:9], digits[9:13], digits[13:17], digits[17:21], digits[21:]])

    def _answer_status(self, request: web.Request) -> web.Response:
        self._guard.disturb_poll()
        batch = self._get_batch(request)
        if self.strikes("forget_tickets"):
            raise self._not_found()
        escaped = parse_flag(request.query, "escapedJson", default=False)
        random = self.make_random(batch.ticket)
        document = make_status(batch, self.switches, escaped=escaped, random=random)
        if batch.ended and "responses" in document and self.strikes("no_responses"):
            del document["responses"]
        return self._reply(document)

    def _list(self, request: web.Request) -> web.Response:
        """Assumed: oldest first; a page is as long as of other entities."""
        limit = min(parse_number(request.query, "limit", PAGE_SIZE), PAGE_SIZE)
        offset = parse_number(request.query, "offset", 0)
        wanted = request.query.get("status")
        found = [b for b in self._queue.known() if wanted is None or b.word == wanted]
        page = found[offset : offset + limit]
        return web.json_response({"items": [{"ticket": b.ticket, "status": b.word} for b in page]})

    def _delete(self, request: web.Request) -> web.Response:
        """
        Delete a batch: any, or in the older generation one that has not begun.

        Source: the vendor's pages on deleting batch requests, both generations.
        """
        batch = self._get_batch(request)
        if self.switches.is_older and batch.word != "QUEUED":
            return web.json_response({"deleteCount": 0})
        self._queue.stop(batch, self.clock.monotonic())
        self._queue.forget(batch)
        return web.json_response({"deleteCount": 1})

    def _cancel_group(self, request: web.Request) -> web.Response:
        """Assumed: `updateCount` counts the batches that had not ended."""
        group = request.query.get("groupId")
        if not group or (self.switches.ticket_id_param and "ticketId" not in request.query):
            raise AnswerError(400, make_error("A parameter is missing: groupId or ticketId"))
        now = self.clock.monotonic()
        members = [batch for batch in self._queue.known() if batch.group == group]
        return web.json_response({"updateCount": sum(self._queue.stop(b, now) for b in members)})

    def _get_batch(self, request: web.Request) -> Batch:
        # Deleting is documented with either name; which one a status call wants is a switch.
        names = ["ticketId"] if self.switches.ticket_id_param else ["ticket"]
        if request.method == "DELETE" and not self.switches.ticket_id_param:
            names.append("ticketId")
        ticket = next((request.query[name] for name in names if name in request.query), None)
        if ticket is None:
            raise AnswerError(400, make_error(f"Parameter {names[0]} is missing"))
        batch = self._queue.find(ticket)
        if batch is None:
            raise self._not_found()
        return batch

    def _not_found(self) -> AnswerError:
        return AnswerError(404, make_error("Ticket not found", "TICKET_NOT_FOUND"))

    def _reply(self, document: dict[str, Any]) -> web.Response:
        return web.json_response(text=self._guard.disturb_json(json.dumps(document)))

    def _run_item(self, batch: Batch, item: Item, ended_at: float) -> Reply:
        broken = self.strikes("item_5xx")
        reply = Reply(status=500, body=make_error("Internal error"))
        if not broken or self.switches.item_5xx_executes:
            done = self._store.execute(item.method, item.path, item.body)
            reply = reply if broken else done
        self._record(batch.ticket, item, reply, ended_at)
        return reply

    def _run_directly(self, request: web.Request, body: bytes) -> web.Response:
        """Run a call that came outside a batch; it waits for none."""
        path = request.raw_path.removeprefix(f"/api/v3/{self.store_id}")
        reply = self._store.execute(request.method, path, body)
        text = body.decode("utf-8", "replace") or None
        item = Item(id=None, method=request.method, path=path, body=text)
        self._record(None, item, reply, self.clock.monotonic())
        return web.json_response(reply.body, status=reply.status)

    def _record(self, ticket: str | None, item: Item, reply: Reply, ended_at: float) -> None:
        self.record(
            Execution(
                at=self.moment(ended_at),
                ticket=ticket,
                item_id=item.id,
                method=item.method,
                path=item.path,
                body=item.body,
                status=reply.status,
            )
        )

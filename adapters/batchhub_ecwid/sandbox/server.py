"""The stand-in itself: which call a request is, and what it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar, Final

from aiohttp import web

from batchhub.models import BatchItem
from batchhub.sandbox import AnswerError, Batch, Batches, Call, Clock, Item, Sandbox, route
from batchhub_ecwid.account import EcwidAccount

from .calls import JSON_TYPES, read_items
from .demo import make_demo_items
from .documents import get_word, make_status
from .errors import GENERAL, make_error, not_allowed, unknown_parameter
from .store import PAGE_SIZE, Store
from .switches import EcwidSwitches

DEDUP_WINDOW_S: Final = 3600.0
"""Source: the vendor's pages on batch requests, deduplicationKey."""

PARALLEL_ITEMS: Final = 100
"""Source: the vendor's pages on batch requests, allowParallelMode."""

RETRIES: Final = 5
"""
Source: the vendor's pages on batch requests, handling failed requests.

Assumed: not where the batch stops at a failure.
"""

RETRY_AFTER_S: Final = 3.0
"""Source: the same."""

_BATCH: Final = "/api/v3/{store_id}/batch"
_TICKET: Final = frozenset({"ticket", "ticketId"})
_CREATE: Final = frozenset(
    {"stopOnFirstFailure", "allowParallelMode", "deduplicationKey", "groupId"}
)
_STATUS: Final = _TICKET | {"escapedJson", "status", "limit", "offset"}
_COUNTS: Final = {"PUT": "updateCount", "DELETE": "deleteCount"}


class EcwidSandbox(Sandbox):
    """
    One Ecwid store on loopback, with its batch API.

    Source: the vendor's pages on errors (403 for a wrong token) and on rate limits.
    Assumed: a token is wrong for every other store; the texts and the codes; how long a
    block lasts, and that it doubles.

    Args:
        store_id: The number of the store.
        token: The only token it takes.
        products: How many products it begins with; their ids are 1 and up.
        clock: Where the time comes from; the machine's own by default.
        seed: Makes tickets, and all that is left to chance, come out the same again.
    """

    switches_type: ClassVar[type[EcwidSwitches]] = EcwidSwitches
    switches: EcwidSwitches
    # Source: the vendor's documents of 2020, `token`, which may stand for the header.
    secret_params: ClassVar[frozenset[str]] = frozenset({"token"})
    # Source: the vendor's pages on rate limits, requests of a blocked token in a minute.
    patience: ClassVar[int] = 20

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
        self.switches.products = products
        self._epoch_s = self.clock.now().timestamp() - self.clock.monotonic()
        self._store = Store(store_id=store_id, switches=self.switches, now=self._find_second)
        self._batches = Batches(
            self, self._run_item, make_id=self._make_ticket, dedup_s=DEDUP_WINDOW_S
        )

    def account(self, base_url: str) -> EcwidAccount:
        """Return the account of this store."""
        return EcwidAccount(store_id=self.store_id, token=self.token, base_url=base_url)

    def demo_items(self, count: int) -> Iterator[BatchItem]:
        """Return `count` new prices for products; one in 25 fails."""
        return make_demo_items(count, products=self.switches.products)

    def usage(self, base_url: str) -> list[tuple[str, str]]:
        """Return a call of its REST API, and what every sandbox has."""
        path = f"/api/v3/{self.store_id}/products?keyword=cup&limit=2&token={self.token}"
        return [("search its products", f"curl '{base_url}{path}'"), *super().usage(base_url)]

    def admits(self, call: Call) -> bool:
        """
        Whether the token is right, and for this store.

        Source: the vendor's documents of 2020, `token`. Assumed: the header counts where both
        are there.
        """
        token = call.query.get("token") if call.bearer is None else call.bearer
        return call.params["store_id"] == str(self.store_id) and token == self.token

    def error_body(self, status: int, message: str) -> dict[str, Any]:
        """Return the usual error body."""
        text, code = GENERAL.get(status, ("Internal error", None))
        return make_error(message) if message else make_error(text, code)

    def unknown_parameter(self, call: Call, name: str) -> AnswerError:
        """Assumed: the batch calls refuse parameters that they don't have."""
        return unknown_parameter(name, f"{call.method} /batch")

    def find_verb(self, call: Call) -> str:
        """Return what a status call is for; results come with the parameter `escapedJson`."""
        if call.method != "GET" or not call.query.keys() & _TICKET:
            return ""
        return "results" if call.query.get("escapedJson") == "true" else "poll"

    @route("POST", _BATCH, verb="submit", params=_CREATE)
    def submit(self, call: Call) -> dict[str, Any]:
        """
        Take a batch, or find the one its key stands for.

        Source: the vendor's pages on batch requests, query parameters and how batches are
        executed. Assumed: a batch is checked before its key is looked up; a flag that is
        neither ``true`` nor ``false`` is answered 400.
        """
        batch = Batch(
            items=read_items(call, strict=self.switches.strict),
            about=call.query.get("groupId"),
            stops_on_failure=call.flag("stopOnFirstFailure", default=True),
            width=PARALLEL_ITEMS if call.flag("allowParallelMode", default=False) else 1,
            retries=RETRIES,
            retry_after_s=RETRY_AFTER_S,
        )
        first = self._batches.add(batch, call.query.get("deduplicationKey"))
        if first is not batch:
            self.note(call, "known by its deduplicationKey")
        return {"ticket": first.id}

    @route("GET", _BATCH, params=_STATUS)
    def read(self, call: Call) -> dict[str, Any]:
        """
        Return the status of a batch, or the list of batches.

        Assumed: the list has the oldest first; a page is as long as of other entities.
        """
        if call.query.keys() & _TICKET:
            return self._read_status(call)
        wanted = call.query.get("status")
        found = [batch for batch in self._batches if wanted in {None, get_word(batch)}]
        page = call.page(found, PAGE_SIZE)
        return {"items": [{"ticket": batch.id, "status": get_word(batch)} for batch in page]}

    @route("DELETE", _BATCH, params=_TICKET)
    def delete(self, call: Call) -> dict[str, Any]:
        """
        Delete a batch: any, or in the older generation one that has not begun.

        Source: the vendor's pages on deleting batch requests, both generations.
        """
        batch = self._get_batch(call)
        if self.switches.is_older and get_word(batch) != "QUEUED":
            return {"deleteCount": 0}
        self._batches.forget(batch)
        return {"deleteCount": 1}

    @route("POST", f"{_BATCH}/cancel-group", verb="cancel", params=_TICKET | {"groupId"})
    def cancel_group(self, call: Call) -> dict[str, Any]:
        """Assumed: `updateCount` counts the batches that had not ended."""
        group = call.query.get("groupId")
        if not group or (self.switches.ticket_id_param and "ticketId" not in call.query):
            raise self.refuse(400, "A parameter is missing: groupId or ticketId")
        members = [batch for batch in self._batches if batch.about == group]
        return {"updateCount": sum(self._batches.stop(batch) for batch in members)}

    @route("*", "/api/v3/{store_id}/{path:.*}")
    def run_directly(self, call: Call) -> web.Response:
        """
        Run a call that came outside a batch; it waits for none.

        Source: the vendor's documents of 2020, errors (the message is the reason phrase too;
        415).
        """
        if call.params["path"] in {"batch", "batch/cancel-group"}:
            raise not_allowed(call.method)
        if call.body and call.content_type not in JSON_TYPES:
            raise self.refuse(
                415, "Unsupported content-type: expected application/json or text/json"
            )
        path = _drop_token(call.request.raw_path.removeprefix(f"/api/v3/{self.store_id}"))
        text = call.body.decode("utf-8", "replace") or None
        item = Item(method=call.method, path=path, body=text)
        outcome = self.run(item, self._execute)
        reason = outcome.body["errorMessage"] if outcome.failed else "OK"
        is_plain = reason.isascii() and reason.isprintable()
        return web.json_response(
            outcome.body, status=outcome.status, reason=reason if is_plain else None
        )

    def _read_status(self, call: Call) -> dict[str, Any]:
        batch = self._get_batch(call)
        escaped = call.flag("escapedJson", default=False)
        random = self.make_random(batch.id)
        document = make_status(batch, self.switches, escaped=escaped, random=random)
        if batch.has_ended and "responses" in document and self.strikes("no_responses"):
            del document["responses"]
        return document

    def _get_batch(self, call: Call) -> Batch:
        # Deleting is documented with either name; which one a status call wants is a switch.
        names = ["ticketId"] if self.switches.ticket_id_param else ["ticket"]
        if call.method == "DELETE" and not self.switches.ticket_id_param:
            names.append("ticketId")
        ticket = next((call.query[name] for name in names if name in call.query), None)
        if ticket is None:
            raise self.refuse(400, f"Parameter {names[0]} is missing")
        return self._batches.get(ticket)

    def _make_ticket(self) -> str:
        """Make a ticket which, like the documented one, is no valid UUID."""
        digits = self.make_id(132)
        return "-".join([digits[:9], digits[9:13], digits[13:17], digits[17:21], digits[21:]])

    def _run_item(self, batch: Batch, item: Item) -> Any:
        del batch
        if not self.strikes("item_5xx"):
            return self._execute(item)
        with suppress(AnswerError):
            if self.switches.item_5xx_executes:
                self._store.execute(item)
        raise self.refuse(500)

    def _execute(self, item: Item) -> Any:
        """Do what a call asks for, in a batch or outside; unless a fault strikes."""
        if self.strikes("error_in_200"):
            return make_error(*GENERAL[500])
        if item.method in _COUNTS and self.strikes("no_effect"):
            return {_COUNTS[item.method]: 0}
        return self._store.execute(item)

    def _find_second(self) -> int:
        return int(self._epoch_s + self.clock.monotonic())


def _drop_token(path: str) -> str:
    """Leave the token out of a path, so that none is kept."""
    bare, _, query = path.partition("?")
    kept = [part for part in query.split("&") if part.partition("=")[0] != "token"]
    return "?".join([bare, "&".join(kept)]) if any(kept) else bare

"""A vendor that can do all that an adapter can declare, and an adapter that says so."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec
from attrs import frozen

from batchhub.adapter import (
    Accepted,
    Account,
    Adapter,
    Attempt,
    Budget,
    Capabilities,
    Credentials,
    ItemReport,
    Kind,
    Observation,
    Probe,
    Report,
    Steps,
    Submission,
    TicketRef,
    WireItem,
    header_secret,
    identity,
    secret,
)
from batchhub.conformance import Kit, Push
from batchhub.errors import RefusedError, RepeatedError, ReplyError
from batchhub.models import BatchItem, BatchState, ItemState
from batchhub.sandbox import Batch, Batches, Call, Clock, Item, Kept, Repeats, Sandbox, route
from batchhub.transport import Reply

T = TypeVar("T")

SLOTS = 3
KEPT_S = 7200.0
WINDOW_S = 900.0


class Made(msgspec.Struct):
    """The answer to a file or a batch."""

    id: str


class State(msgspec.Struct):
    """How far a batch is."""

    id: str
    state: str
    ok: int
    failed: int
    label: str | None = None


class States(msgspec.Struct):
    """How far several batches are."""

    batches: list[State]


class Result(msgspec.Struct):
    """What came of an item."""

    sku: str
    code: int
    message: str | None = None


class Results(msgspec.Struct):
    """What came of a batch."""

    results: list[Result]


class Shop(msgspec.Struct):
    """Who asks."""

    shop: str


@frozen(kw_only=True)
class MarketAccount(Account):
    """A shop on the market."""

    adapter: ClassVar[str] = "market"
    base_url: str = "https://api.market.example"
    shop: str = identity()
    token: str = header_secret()
    signing_key: str = secret()

    @property
    def budget(self) -> Budget:
        """Never the bottleneck."""
        return Budget(requests=600, per_s=60.0)


class MarketAdapter(Adapter[MarketAccount]):
    """Prices in two steps with a key, orders that are found by a label, imports that are whole."""

    name = "market"
    account_type = MarketAccount
    operations: ClassVar[Mapping[str, Capabilities]] = {
        "prices": Capabilities(
            max_items=20,
            max_bytes=100_000,
            tickets_per_lane=SLOTS,
            max_polled_at_once=10,
            can_cancel=True,
            stops_on_first_failure=True,
            counts_items=True,
            dedup_window_s=3600.0,
        ),
        "orders": Capabilities(max_items=20, finds_attempts=True, results_kept_s=KEPT_S),
        "imports": Capabilities(max_items=20, indivisible=True, refuses_repeat_s=WINDOW_S),
    }
    states: Mapping[str, BatchState] = {
        "waiting": BatchState.QUEUED,
        "busy": BatchState.IN_PROGRESS,
        "ready": BatchState.COMPLETED,
        "stopped": BatchState.CANCELLED,
        "broken": BatchState.FAILED,
    }
    key_field = "sku"

    @classmethod
    def fields(cls, operation: str, item: Mapping[str, Any]) -> Mapping[str, Kind]:
        """Return that prices are numbers, and stocks whole ones."""
        return {"price": Kind.NUMBER, "stock": Kind.INTEGER}

    async def authorize(self, *, again: bool) -> Credentials:
        """Give the token."""
        return Credentials(headers={"Authorization": f"Bearer {self.account.token}"})

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Send a batch, each operation in its own way."""
        headers = {"Idempotency-Key": submission.idempotency_key}
        path, body = f"/{submission.operation}", submission.json_array()
        if submission.operation == "prices":
            file_id = steps.kept.get("file") or await self.upload(body)
            await steps.keep(file=file_id)
            stop = str(submission.stop_on_first_failure).lower()
            path, body = f"/prices/{file_id}?stop={stop}", b""
        try:
            reply = await self.transport.request("POST", path, body=body, headers=headers)
        except RefusedError as error:
            if error.status == 409:
                raise RepeatedError("the market had this body", status=409) from None
            raise
        return Accepted(vendor_refs=(self.read(reply, Made).id,))

    async def upload(self, body: bytes) -> str:
        """Upload a file, which does nothing by itself."""
        reply = await self.transport.request("POST", "/files", body=body, effect=False)
        return self.read(reply, Made).id

    async def find_attempt(self, attempt: Attempt) -> Accepted | None:
        """Look for a batch by its label."""
        for state in await self.ask({}):
            if state.label == attempt.idempotency_key:
                return Accepted(vendor_refs=(state.id,))
        return None

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """Ask about several batches at once."""
        ids = [ticket.vendor_refs[0] for ticket in tickets]
        found = {state.id: state for state in await self.ask({"ids": ",".join(ids)})}
        return [self.observe(found.get(each)) for each in ids]

    def observe(self, state: State | None) -> Observation:
        """Read how far a batch is."""
        if state is None:
            return Observation(is_gone=True)
        return Observation(words=(state.state,), succeeded=state.ok, failed=state.failed)

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Read what came of each item."""
        path = f"/batches/{ticket.vendor_refs[0]}/results"
        found = self.read(await self.transport.request("GET", path), Results)
        return Report(items=[self.report(result) for result in found.results])

    def report(self, result: Result) -> ItemReport:
        """Read what came of an item."""
        state = ItemState.FAILED if result.code else ItemState.NOT_EXECUTED
        state = ItemState.SUCCEEDED if result.code == 200 else state
        return ItemReport(
            key_value=result.sku, state=state, code=result.code, message=result.message
        )

    async def cancel(self, ticket: TicketRef) -> None:
        """Stop a batch."""
        await self.transport.request("POST", f"/batches/{ticket.vendor_refs[0]}/stop")

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """Ask who we are."""
        reply = await self.transport.request("GET", "/me")
        shop = self.read(reply, Shop).shop
        return Probe(request="GET /me", status=reply.status, raw=reply.body, reading={"shop": shop})

    def read_push(self, headers: Mapping[str, str], body: bytes) -> Sequence[str]:
        """Read which batch a call of the market is about."""
        if not hmac.compare_digest(headers.get("X-Signature", ""), self.sign(body)):
            raise RefusedError("the signature is wrong")
        return [msgspec.json.decode(body, type=Made).id]

    def sign(self, body: bytes) -> str:
        """Return the signature of a call."""
        return sign(self.account.signing_key, body)

    async def ask(self, params: Mapping[str, str]) -> list[State]:
        """Ask about batches."""
        reply = await self.transport.request("GET", "/batches", params=params)
        return self.read(reply, States).batches

    def read(self, reply: Reply, kind: type[T]) -> T:
        """Read an answer."""
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ReplyError(f"the market's answer is not of its form: {error}") from None


def sign(key: str, body: bytes) -> str:
    """Return the signature of a call."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


WORDS = {
    "queued": "waiting",
    "running": "busy",
    "done": "ready",
    "stopped": "stopped",
    "failed": "broken",
}


class MarketSandbox(Sandbox):
    """The market."""

    dedup_s: ClassVar[float] = 3600.0

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        super().__init__(clock=clock, seed=seed)
        self.made = Batches(self, self.run_item, dedup_s=self.dedup_s)
        self.files: Kept[Any] = Kept(self)
        self.repeats = Repeats(self, window_s=WINDOW_S, status=409)

    def account(self, base_url: str) -> MarketAccount:
        """Return the shop."""
        return MarketAccount(
            shop="s-17", token="market-token-17", signing_key="key-of-s17", base_url=base_url
        )

    def demo_items(self, count: int) -> Iterable[BatchItem]:
        """Return prices."""
        return MarketKit().good_items("prices", count)

    def admits(self, call: Call) -> bool:
        """Whether the token is right."""
        return call.bearer == "market-token-17"

    def error_body(self, status: int, message: str) -> Any:
        """Return an error."""
        return {"code": status, "message": message}

    @route("POST", "/files")
    def upload(self, call: Call) -> Any:
        """Take a file."""
        file_id = self.make_id()
        self.files.put(file_id, call.json())
        return {"id": file_id}

    @route("POST", "/prices/{file}", verb="submit")
    def prices(self, call: Call) -> Any:
        """Run a file of prices."""
        bodies = self.files.find(call.params["file"])
        if bodies is None:
            raise self.refuse(404)
        if sum(not batch.has_ended for batch in self.made) >= SLOTS:
            raise self.refuse(429, f"there are {SLOTS} batches of prices")
        stops = call.flag("stop", default=False)
        batch = Batch(items=self.read(bodies), stops_on_failure=stops)
        return {"id": self.made.add(batch, call.headers["Idempotency-Key"]).id}

    @route("POST", "/orders", verb="submit")
    def orders(self, call: Call) -> Any:
        """Take orders, with a label."""
        label = call.headers["Idempotency-Key"]
        return {"id": self.made.add(Batch(items=self.read(call.json()), about=label)).id}

    @route("POST", "/imports", verb="submit")
    def imports(self, call: Call) -> Any:
        """Take an import: all of it, or nothing."""
        items = self.read(call.json())
        self.repeats.check(call.body)
        is_bad = any(item.body["price"] < 0 for item in items)
        return {"id": self.made.add(Batch(items=[] if is_bad else items, fails=is_bad)).id}

    def read(self, bodies: Sequence[Mapping[str, Any]]) -> list[Item]:
        """Read items."""
        return [Item(id=body["sku"], body=body) for body in bodies]

    @route("GET", "/batches", verb="poll")
    def show(self, call: Call) -> Any:
        """Show how far batches are."""
        ids = call.query["ids"].split(",") if "ids" in call.query else None
        found = [batch for batch in self.made if ids is None or batch.id in ids]
        return {"batches": [self.describe(batch) for batch in found]}

    def describe(self, batch: Batch) -> Any:
        """Return how far a batch is."""
        failed = sum(outcome.failed for outcome in batch.outcomes.values())
        return {
            "id": batch.id,
            "state": WORDS[batch.stage],
            "ok": len(batch.outcomes) - failed,
            "failed": failed,
            "label": batch.about,
        }

    @route("GET", "/batches/{id}/results", verb="results")
    def results(self, call: Call) -> Any:
        """Show what came of a batch's items."""
        batch = self.made.get(call.params["id"])
        return {"results": [self.tell(batch, n) for n in range(len(batch.items))]}

    def tell(self, batch: Batch, place: int) -> Any:
        """Return what came of an item; its code is 0 if it did not run."""
        outcome = batch.outcomes.get(place)
        told = {"code": 0} if outcome is None else {"code": outcome.status, **outcome.body}
        return {"sku": batch.items[place].id, **told}

    @route("POST", "/batches/{id}/stop", verb="cancel")
    def stop(self, call: Call) -> Any:
        """Stop a batch."""
        return {"stopped": self.made.stop(self.made.get(call.params["id"]))}

    @route("GET", "/me")
    def me(self, call: Call) -> Any:
        """Say who asks."""
        return {"shop": "s-17"}

    def run_item(self, batch: Batch, item: Item) -> Any:
        """Set a price."""
        if item.body["price"] < 0:
            raise self.refuse(422, "the price is below zero")
        return {}


class MarketKit(Kit):
    """What the suite has to know of the market."""

    adapter = MarketAdapter

    def make_sandbox(self, clock: Clock) -> Sandbox:
        """Return a market."""
        return MarketSandbox(clock=clock)

    def good_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return prices."""
        return [BatchItem(payload={"sku": f"A-{n}", "price": n, "stock": n}) for n in range(count)]

    def bad_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return prices below zero."""
        return [BatchItem(payload={"sku": f"B-{n}", "price": -1}) for n in range(count)]

    def pushes(self, sandbox: Sandbox) -> Iterable[Push]:
        """Return the call that a batch is done."""
        assert isinstance(sandbox, MarketSandbox)
        for batch in sandbox.made:
            body = msgspec.json.encode({"id": batch.id, "what": "a batch is done"})
            yield Push(
                headers={"X-Signature": sign("key-of-s17", body)}, body=body, refs=[batch.id]
            )

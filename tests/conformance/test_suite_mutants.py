"""The suite finds an adapter, or a vendor, that is not what it says: each kind by its own rule."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import msgspec
import pytest
from attrs import evolve, frozen
from support.market import (
    MarketAccount,
    MarketAdapter,
    MarketKit,
    MarketSandbox,
    State,
    States,
)

from batchhub import BatchHub
from batchhub.adapter import (
    Accepted,
    Account,
    Adapter,
    Attempt,
    Capabilities,
    Kind,
    Observation,
    Probe,
    Report,
    RowMap,
    Steps,
    Submission,
    TicketRef,
    WireItem,
    identity,
)
from batchhub.conformance import RULES, BrokenError, Kit
from batchhub.conformance.bench import Bench
from batchhub.errors import (
    BatchHubError,
    CredentialsError,
    NotFoundError,
    RefusedError,
    RepeatedError,
    ServerError,
    VendorError,
)
from batchhub.models import BatchItem, BatchState, ItemState
from batchhub.sandbox import Clock, Sandbox
from batchhub.testing import Case, write_case
from batchhub.transport import record_exchanges

_numbers = itertools.count()


class CallsAllASuccess(MarketAdapter):
    """A vendor that is done has done all."""

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Ask nobody."""
        return Report(rest=ItemState.SUCCEEDED)


class JoinsByPlace(MarketAdapter):
    """Takes the results for those of the items in their order, backwards."""

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Name items by their place."""
        report = await super().fetch_results(ticket, items)
        assert isinstance(report.items, list)
        found = [evolve(each, key_value=None, at=n) for n, each in enumerate(report.items[::-1])]
        return evolve(report, items=found)


class ForgetsItsEnvelope(MarketAdapter):
    """Its bodies are longer than it says."""

    def envelope_bytes(self, operation: str, items: int) -> int:
        """Forget the commas."""
        return 2


class KnowsEveryWord(MarketAdapter):
    """A word that is not known means that all is done."""

    def observe(self, state: State | None) -> Observation:
        """Read any word."""
        seen = super().observe(state)
        return evolve(seen, words=tuple(w if w in self.states else "ready" for w in seen.words))


class CountsWrongly(MarketAdapter):
    """Counts failures twice."""

    def observe(self, state: State | None) -> Observation:
        """Count them as successes as well."""
        seen = super().observe(state)
        return evolve(seen, succeeded=(seen.succeeded or 0) + (seen.failed or 0))


class HidesReasons(MarketAdapter):
    """The vendor's reason is read from nowhere."""

    @classmethod
    def explain(
        cls, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, str | None]:
        """Read nothing."""
        return None, None


class SwallowsRefusals(MarketAdapter):
    """Takes every answer for a batch."""

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Catch what the vendor answers."""
        try:
            return await super().submit(submission, steps)
        except VendorError:
            return Accepted(report=Report(rest=ItemState.SUCCEEDED))


class ForgetsTheKey(MarketAdapter):
    """Another key for each attempt."""

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Make a key up."""
        return await super().submit(
            evolve(submission, idempotency_key=f"k-{next(_numbers)}"), steps
        )


class FindsNothing(MarketAdapter):
    """Is sure that a batch it can't find is not there."""

    async def find_attempt(self, attempt: Attempt) -> Accepted | None:
        """Look nowhere."""
        return None


class CallsAllHarmless(MarketAdapter):
    """Says that no request has an effect."""

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Send the batch twice: a try first."""
        if submission.operation != "orders":
            return await super().submit(submission, steps)
        body, headers = submission.json_array(), {"Idempotency-Key": submission.idempotency_key}
        for effect in (False, True):
            reply = await self.transport.request(
                "POST", "/orders", body=body, headers=headers, effect=effect
            )
        return Accepted(vendor_refs=(reply.json()["id"],))


@frozen(kw_only=True)
class OpenAccount(MarketAccount):
    """Its token is no secret."""

    adapter: ClassVar[str] = "market"
    shop: str = identity()
    token: str


class ShowsItsToken(MarketAdapter):
    """An account whose token is a field as any."""

    account_type = OpenAccount  # type: ignore[assignment]


class HasAnotherTarget(MarketAdapter):
    """What an item changes depends on its id."""

    def target(self, operation: str, item: BatchItem) -> str | None:
        """Name the item."""
        return f"{item.id}-{item.payload['sku']}"


class EncodesByChance(MarketAdapter):
    """Another form each time."""

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Add a number."""
        wire = super().encode(operation, item, options)
        return wire[:-1] + b',"n":%d}' % next(_numbers)


class WritesTexts(MarketAdapter):
    """Sends numbers out of a table as the texts they were."""

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Leave all as it is."""
        return json.dumps({**item.payload}, default=str).encode()


class GuessesFigures(MarketAdapter):
    """Takes the comma of a figure for a point."""

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Put a point in its place."""
        points = {
            n: v.replace(",", ".") if isinstance(v, str) else v for n, v in item.payload.items()
        }
        return super().encode(operation, BatchItem(id=item.id, payload=points), options)


class MapsOtherwise(MarketAdapter):
    """Says of the rows of a map what is not so of its items."""

    @classmethod
    def read_map(cls, operation: str, text: str) -> RowMap:
        """Call a price text."""
        kinds = {**cls.fields(operation, {}), "price": Kind.TEXT}
        return RowMap(templates={"sku": text}, kinds=kinds)


class MapKit(MarketKit):
    """Of an adapter that reads maps."""

    def maps(self, operation: str) -> Sequence[str]:
        """Return one."""
        return ["{sku}"]


class StumblesOverItems(MarketAdapter):
    """Raises what Python raises."""

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Compare a price."""
        if item.payload["price"] > 10**6:
            return b"{}"
        return super().encode(operation, item, options)


class BelievesAnyCall(MarketAdapter):
    """Looks at no signature."""

    def read_push(self, headers: Mapping[str, str], body: bytes) -> Sequence[str]:
        """Sign it itself."""
        return super().read_push({"X-Signature": self.sign(body)}, body)


class DeclaresACancel(MarketAdapter):
    """Has no cancel, and says so of itself."""

    cancel = Adapter.cancel


class CancelsNothing(MarketAdapter):
    """Says that it has cancelled, and hasn't."""

    async def cancel(self, ticket: TicketRef) -> None:
        """Ask who we are."""
        await self.transport.request("GET", "/me")


class MixesTicketsUp(MarketAdapter):
    """Gives answers in the vendor's order."""

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """Ask about all."""
        ordered = sorted(tickets, key=lambda ticket: ticket.vendor_refs)
        return await super().poll(ordered)


class TrustsTypes(MarketAdapter):
    """Reads answers as if they were always what they should be."""

    def read(self, reply: Any, kind: Any) -> Any:
        """Look into whatever there is."""
        found = reply.json()
        if kind.__name__ == "Made":
            return kind(id=found["id"].strip())
        return super().read(reply, kind)


class CallsOddResultsFine(MarketAdapter):
    """An item without a result has succeeded."""

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Leave the failures out that come last."""
        report = await super().fetch_results(ticket, items)
        return evolve(report, rest=ItemState.SUCCEEDED)


class HoldsResultsBack(MarketAdapter):
    """Reads a whole answer of any size, in memory."""

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Ask until it is small."""
        try:
            return await super().fetch_results(ticket, items)
        except BatchHubError:
            self.hoard = bytearray(b"x") * (300 * 2**20)
            raise


class GivesUpOnTrouble(MarketAdapter):
    """A vendor that is in trouble has failed."""

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """Ask once."""
        try:
            return await super().poll(tickets)
        except ServerError:
            return [Observation(words=("broken",)) for _ in tickets]


class ForgetsMost(MarketAdapter):
    """Sends the first ten items of a batch, and no other."""

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Cut the batch off."""
        return await super().submit(evolve(submission, items=submission.items[:10]), steps)


class KnowsFewWords(MarketAdapter):
    """Knows words for the end only."""

    states: ClassVar[Mapping[str, BatchState]] = {  # type: ignore[misc]
        word: state for word, state in MarketAdapter.states.items() if state.is_terminal
    }


class LosesStopped(MarketAdapter):
    """Takes a batch that was stopped for one that nobody knows."""

    states: ClassVar[Mapping[str, BatchState]] = {  # type: ignore[misc]
        **MarketAdapter.states,
        "stopped": BatchState.LOST,
    }


class AddsResults(MarketAdapter):
    """Gives a result of something that was never sent."""

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Give the total as a result, too."""
        report = await super().fetch_results(ticket, items)
        assert isinstance(report.items, list)
        return evolve(report, items=[*report.items, evolve(report.items[0], key_value="total")])


class NamesItemsByChance(MarketAdapter):
    """Another id each time."""

    def item_id(self, operation: str, payload: Mapping[str, Any]) -> str:
        """Make an id up."""
        return f"n-{next(_numbers)}"


class LivesWithoutCredentials(MarketAdapter):
    """Takes a refusal of its credentials for no answer."""

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """Ask, and say nothing if we may not."""
        try:
            return await super().poll(tickets)
        except CredentialsError:
            return [None for _ in tickets]


class TriesAgain(MarketAdapter):
    """Sends a batch again if its answer is lost."""

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Ask twice, in two names."""
        try:
            return await super().submit(submission, steps)
        except BatchHubError:
            other = evolve(submission, idempotency_key=f"k-{next(_numbers)}")
            return await super().submit(other, steps)


class GoesAround(MarketAdapter):
    """Sends its requests past the lane, and at once again if there are too many."""

    async def ask(self, params: Mapping[str, str]) -> list[State]:
        """Ask as if it were elsewhere."""
        headers = {"Authorization": f"Bearer {self.account.token}"}
        for _ in range(2):
            try:
                reply = await self.transport.request(
                    "GET", "/batches", params=params, headers=headers, auth=False
                )
                break
            except VendorError:
                continue
        return self.read(reply, States).batches


class BelievesAnybody(MarketAdapter):
    """Takes any answer to its harmless request for the vendor's."""

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """Look at no answer."""
        reply = await self.transport.request("GET", "/me")
        return Probe(request="GET /me", status=reply.status, raw=reply.body, reading={})


class NeverStops(MarketAdapter):
    """Never says that a batch stops on its first failure."""

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Have it go on."""
        return await super().submit(evolve(submission, stop_on_first_failure=False), steps)


class MakesResultsUp(MarketAdapter):
    """A batch that is forgotten was well."""

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | None]:
        """Call it done."""
        found = await super().poll(tickets)
        return [Observation(words=("ready",)) if each and each.is_gone else each for each in found]

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Call all a success."""
        try:
            return await super().fetch_results(ticket, items)
        except NotFoundError:
            return Report(rest=ItemState.SUCCEEDED)


class TakesRepeatsForRefusals(MarketAdapter):
    """Does not tell a body that came twice from a bad one."""

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Call it refused."""
        try:
            return await super().submit(submission, steps)
        except RepeatedError as error:
            raise RefusedError("refused", status=error.status) from None


class CountsNothing(MarketAdapter):
    """Has no counts."""

    def observe(self, state: State | None) -> Observation:
        """Leave them out."""
        return evolve(super().observe(state), succeeded=None, failed=None)


class ResumesBlindly(MarketAdapter):
    """Sends a batch anew that another process has begun."""

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Make a key up where something was kept."""
        if "file" in steps.kept:
            submission = evolve(submission, idempotency_key=f"k-{next(_numbers)}")
        return await super().submit(submission, steps)


class Forgetful(MarketSandbox):
    """A vendor that deduplicates nothing."""

    dedup_s = 0.0


class ForgetfulKit(MarketKit):
    """What is declared is a lie of the vendor's."""

    def make_sandbox(self, clock: Clock) -> Sandbox:
        """Return a market that forgets keys."""
        return Forgetful(clock=clock)


class OpenKit(MarketKit):
    """An account with an open token."""

    def make_account(self, sandbox: Sandbox, base_url: str) -> Account:
        """Return it."""
        return OpenAccount(
            shop="s-17", token="market-token-17", signing_key="key-of-s17", base_url=base_url
        )


def declaring(**changes: Any) -> type[MarketAdapter]:
    """Return an adapter whose first operation can do something else."""

    class Declares(MarketAdapter):
        """Says of prices what is not so."""

        operations: ClassVar[Mapping[str, Capabilities]] = {
            **MarketAdapter.operations,
            "prices": evolve(MarketAdapter.operations["prices"], **changes),
        }

    return Declares


_KITS: Mapping[type[MarketAdapter], type[Kit]] = {ShowsItsToken: OpenKit, MapsOtherwise: MapKit}
MUTANTS: list[tuple[str, type[MarketAdapter]]] = [
    ("A2", CallsAllASuccess),
    ("A2", JoinsByPlace),
    ("A3", ForgetsMost),
    ("A4", ForgetsItsEnvelope),
    ("A5", KnowsFewWords),
    ("A5", LosesStopped),
    ("A7", AddsResults),
    ("A8", NamesItemsByChance),
    ("A10", LivesWithoutCredentials),
    ("A13", TriesAgain),
    ("A15", GoesAround),
    ("A22", BelievesAnybody),
    ("A27", NeverStops),
    ("A30", declaring(tickets_per_lane=5)),
    ("A31", MakesResultsUp),
    ("A32", TakesRepeatsForRefusals),
    ("A34", CountsNothing),
    ("A35", KnowsEveryWord),
    ("A6", CountsWrongly),
    ("A9", HidesReasons),
    ("A9", SwallowsRefusals),
    ("A11", ForgetsTheKey),
    ("A12", FindsNothing),
    ("A1", CallsAllHarmless),
    ("A17", ShowsItsToken),
    ("A18", HasAnotherTarget),
    ("A19", EncodesByChance),
    ("A20", WritesTexts),
    ("A20", GuessesFigures),
    ("A20", MapsOtherwise),
    ("A21", StumblesOverItems),
    ("A23", BelievesAnyCall),
    ("A25", DeclaresACancel),
    ("A26", CancelsNothing),
    ("A29", MixesTicketsUp),
    ("A36", TrustsTypes),
    ("A37", CallsOddResultsFine),
    ("A38", HoldsResultsBack),
    ("A28", declaring(runs_in_order=True)),
    ("A33", declaring(indivisible=True)),
    ("A14", GivesUpOnTrouble),
    ("A16", ResumesBlindly),
]


@pytest.mark.parametrize(
    ("number", "mutant"), [pytest.param(n, m, id=f"{n}-{m.__name__}") for n, m in MUTANTS]
)
def test_a_mutant_breaks_its_rule(number: str, mutant: type[MarketAdapter]) -> None:
    """An adapter that is wrong in one way fails at the rule that says so."""
    base: type[Kit] = _KITS.get(mutant, MarketKit)
    kit: Kit = type("MutantKit", (base,), {"adapter": mutant})()
    with pytest.raises(BrokenError, match=f"^{number}, "):
        hold(number, kit)


def test_a_deduplication_that_is_a_lie_is_found() -> None:
    """The adapter is right, and its vendor is not what is said of it."""
    with pytest.raises(BrokenError, match="ran 2 times"):
        hold("A11", ForgetfulKit())


def hold(number: str, kit: Kit) -> list[str]:
    """Check one rule; return its notes."""
    (rule,) = (rule for rule in RULES if rule.number == number)
    return asyncio.run(rule.hold(Bench(kit)))


class HasAClientOfItsOwn(MarketAdapter):
    """Asks how far batches are without its transport."""

    async def ask(self, params: Mapping[str, str]) -> list[State]:
        """Ask by aiohttp."""
        headers = {"Authorization": f"Bearer {self.account.token}"}
        async with (
            aiohttp.ClientSession(self.account.base_url, headers=headers) as session,
            session.get("/batches", params=params) as response,
        ):
            return msgspec.json.decode(await response.read(), type=States).batches


def test_requests_past_the_transport_are_noted() -> None:
    """The suite can do nothing to them, which it says."""
    kit: Kit = type("OwnKit", (MarketKit,), {"adapter": HasAClientOfItsOwn})()
    assert hold("A1", MarketKit()) == []
    notes = ["prices, orders, imports: requests go past the transport, where no fault strikes"]
    assert hold("A1", kit) == notes


async def record(folder: Path, reading: Mapping[str, Any]) -> None:
    """Keep the answer to a probe of the market as a case."""
    sandbox = MarketSandbox()
    async with sandbox.running() as url:
        account = sandbox.account(url)
        hub = BatchHub(":memory:", {"one": account}, adapters=[MarketAdapter])
        with record_exchanges() as recording:
            async with hub:
                await hub.probe("one")
    case = Case(
        adapter="market",
        account="s-17",
        base_url=recording.base_url,
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        exchanges=recording.exchanges,
        reading=reading,
    )
    write_case(folder / "me.toml", case)


@pytest.mark.parametrize("shop", ["s-17", "another"])
def test_recorded_answers_are_read_as_they_were(shop: str, tmp_path: Path) -> None:
    """And an adapter that reads them otherwise now is found."""
    asyncio.run(record(tmp_path, {"shop": shop}))
    kit: Kit = type("RecordedKit", (MarketKit,), {"recorded": tmp_path})()
    finding = pytest.raises(BrokenError, match=r"me\.toml was read as")
    with nullcontext() if shop == "s-17" else finding:
        hold("A24", kit)

"""
An adapter whose every call is contained: what goes wrong in a plug-in ends where it began.

Whatever an adapter raises but our own errors becomes an `AdapterError` that names adapter, version
and verb; what it returns is checked for its type; its words lose the account's secrets. Verbs that
are awaited have a time limit. A verb that fails ten times in a row pauses the account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import NoneType
from typing import Any, Final, TypeVar

from attrs import fields

from batchhub._adapter.capabilities import NO_OPTIONS, Capabilities, JSONMapping
from batchhub._adapter.exchange import (
    Accepted,
    Attempt,
    Credentials,
    Observation,
    Probe,
    Report,
    Steps,
    Submission,
    TicketRef,
    WireItem,
)
from batchhub._base.json import dumps
from batchhub._base.log import get_logger
from batchhub._http.credentials import check_credentials
from batchhub.adapter import Adapter, Budget, Transport
from batchhub.errors import AdapterError, BatchHubError, InputError
from batchhub.models import BatchItem, BatchState, Finding

from .adapter_faults import LONGEST, AdapterFaults, TooLateError
from .capability_check import find_wrong, is_seconds
from .foreign import OddAnswer, check_answers
from .oddities import add_oddities
from .verb_calls import DEADLINE_S, DEADLINES_S, END_S, VerbCalls

_TEXT_OR_NONE: Final = (str, NoneType)

T = TypeVar("T")

_log = get_logger()


class GuardedAdapter:
    """
    An adapter as the engine calls it.

    Attributes:
        adapter: The plug-in itself.
        name: Its name.
        shown: Its name and version, as they are shown.
        key_field: Its field that names an item at the vendor.
        claims_id: Whether an item's id is part of the vendor's form.
        operations: What it can do.
        states: What the vendor's words mean.
        transport: Its HTTP.
        faults: What has gone wrong in it.
        has_targets: Whether it says what its items change.
        has_batch_keys: Whether it says what the items of a batch share.
        asks_together: Whether it asks about several tickets by itself; else one after the other.
        fetches_results: Whether it asks for results by itself; else they come with a poll.

    Args:
        adapter: The plug-in.
        transport: What it speaks through.
        shown: Its name and version.
        calls: Watches the verbs that are under way.
    """

    @classmethod
    def make(
        cls,
        make: Callable[[], Adapter[Any]],
        transport: Transport,
        shown: str,
        calls: VerbCalls,
    ) -> GuardedAdapter:
        """
        Make the plug-in, and what guards it.

        Raises:
            AdapterError: It can't be made, or what it says of itself makes no sense.
        """
        try:
            return cls(make(), transport, shown, calls)
        except BatchHubError:
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            words = " ".join(transport.redact(str(error)).split())[:LONGEST]
            what = f"adapter {shown} can't be made: {type(error).__name__}: {words}"
            raise AdapterError(what) from None

    def __init__(
        self, adapter: Adapter[Any], transport: Transport, shown: str, calls: VerbCalls
    ) -> None:
        self.adapter = adapter
        self.name = adapter.name
        self.account = adapter.account
        self.transport = transport
        self.key_field = adapter.key_field
        self.claims_id = adapter.claims_id
        self.operations = adapter.operations
        kind = type(adapter)
        self.has_targets = self.key_field is not None or kind.target is not Adapter.target
        says_key = kind.batch_key is not Adapter.batch_key
        self.has_batch_keys = says_key or adapter.batch_field is not None
        self.asks_together = kind.poll is not Adapter.poll
        self.fetches_results = kind.fetch_results is not Adapter.fetch_results
        self.shown = f"adapter {shown}"
        self._calls = calls
        self.faults = AdapterFaults(self.shown, transport.redact)
        self._blocked: str | None = None
        self._known: dict[str, Capabilities] = {}
        self.states = self._read_states()

    # Plain translation.

    def capabilities(self, operation: str, options: JSONMapping = NO_OPTIONS) -> Capabilities:
        """Return what the vendor can do."""
        found: Capabilities = self._read("capabilities", Capabilities, operation, options)
        if self._known.get(operation) is not found:
            self._check_capabilities(found)
            self.faults.clear("capabilities")
            self._known[operation] = found  # asked for at every step, and nearly always the same
        return found

    def deadline_s(self, operation: str, options: JSONMapping, items: int) -> float:
        """Return the seconds that a job of so many items usually needs at most."""
        deadline_s = self.capabilities(operation, options).deadline_s
        try:
            found = deadline_s(items, options)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.faults.fail_for("deadline_s", error)
        if not is_seconds(found) or not found:
            self.faults.fail(
                "deadline_s", f"it must give seconds above zero, not {found!r}"[:LONGEST]
            )
        return float(found)

    def check_options(self, operation: str, options: JSONMapping) -> JSONMapping:
        """Check a job's options and complete them."""
        found: JSONMapping = self._get("check_options", Mapping, operation, options)
        try:
            written = dumps(dict(found))
        except Exception as error:
            what = f"it must give JSON, not {self.transport.redact(str(error))}"
            self.faults.fail("check_options", what[:LONGEST])
        if not all(isinstance(name, str) for name in found):
            self.faults.fail("check_options", "the name of an option is no text")
        if self.transport.redact_body(written) != written:
            raise InputError("an option holds a secret of the account, which would be stored")
        return found

    def item_id(self, operation: str, payload: JSONMapping) -> str | None:
        """Return what an item without an id is called."""
        found: str | None = self._get("item_id", _TEXT_OR_NONE, operation, payload)
        return found

    def encode(self, operation: str, item: BatchItem, options: JSONMapping) -> bytes:
        """Give an item the form it is sent in."""
        found: bytes = self._get("encode", bytes, operation, item, options)
        return found

    def target(self, operation: str, item: BatchItem) -> str | None:
        """Return what an item changes."""
        found: str | None = self._get("target", _TEXT_OR_NONE, operation, item)
        return found

    def batch_key(self, operation: str, item: BatchItem) -> str:
        """Return what all items of a batch share."""
        found: str = self._get("batch_key", str, operation, item)
        return found

    def envelope_bytes(self, operation: str, items: int) -> int:
        """Return the bytes of a body in addition to its items."""
        found: int = self._read("envelope_bytes", int, operation, items)
        if found < 0:
            self.faults.fail("envelope_bytes", f"a body can't have {found} bytes")
        self.faults.clear("envelope_bytes")
        return found

    def may_repeat(self, operation: str, items: Sequence[WireItem], options: JSONMapping) -> bool:
        """Whether a batch may run twice without any more effect than once."""
        found: bool = self._get("may_repeat", bool, operation, items, options)
        return found

    def key_value(self, operation: str, item: WireItem) -> str | None:
        """Return what names an item, as it was sent, at the vendor."""
        found: str | None = self._get("key_value", _TEXT_OR_NONE, operation, item)
        return found

    def can_ask(self, operation: str) -> bool:
        """Whether batches can be asked about by their ids."""
        found: bool = self._get("can_ask", bool, operation)
        return found

    def read_push(self, headers: Mapping[str, str], body: bytes) -> Sequence[str]:
        """Return the ids of the batches that a vendor's call is about."""
        found: Sequence[Any] = self._get("read_push", (list, tuple), headers, body)
        if not all(isinstance(ref, str) and 0 < len(ref) <= LONGEST for ref in found):
            self.faults.fail("read_push", "an id of a batch is no text")
        return found

    def pace(self, headers: Mapping[str, str], rate: str) -> Mapping[str, Budget]:
        """Return the budgets that an answer's headers name."""
        found: Mapping[str, Budget] = self._get("pace", Mapping, headers, rate)
        return found

    # The verbs. What they return is checked where it is taken over, see `foreign`.

    async def authorize(self, *, again: bool) -> Credentials:
        """Get what authorises requests."""

        async def authorize() -> Credentials:
            return check_credentials(await self.adapter.authorize(again=again))

        return await self.ask("authorize", authorize)

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Send one batch."""
        return await self.ask(
            "submit", lambda: self.adapter.submit(submission, steps), submission.operation
        )

    async def find_attempt(self, attempt: Attempt) -> Accepted | None:
        """Look for a batch that was sent and not answered."""
        return await self.ask(
            "find_attempt", lambda: self.adapter.find_attempt(attempt), attempt.operation
        )

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation | OddAnswer | None]:
        """Ask about tickets."""

        async def poll() -> Sequence[Observation | OddAnswer | None]:
            refs = [len(ticket.vendor_refs) for ticket in tickets]
            return check_answers(await self.adapter.poll(tickets), refs)

        return await self.ask("poll", poll, tickets[0].operation)

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Fetch the results of a finished ticket."""
        return await self.ask(
            "fetch_results", lambda: self.adapter.fetch_results(ticket, items), ticket.operation
        )

    async def cancel(self, ticket: TicketRef) -> None:
        """Ask the vendor to stop a ticket."""
        await self.ask("cancel", lambda: self.adapter.cancel(ticket), ticket.operation)

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """Send one harmless request."""
        found = await self._ask_apart("probe", lambda: self.adapter.probe(vendor_ref), DEADLINE_S)
        if not isinstance(found, Probe):
            self.faults.refuse("probe", Probe, found)
        return found

    async def aclose(self) -> None:
        """Close what the adapter opened; not for long."""
        await self._ask_apart("aclose", self.adapter.aclose, END_S)

    def watching(self) -> AbstractContextManager[None]:
        """Have methods without I/O that are called inside the block be named if they block."""
        return self._calls.watching()

    async def ask(
        self,
        verb: str,
        call: Callable[[], Awaitable[T]],
        operation: str | None = None,
        *,
        deadline_s: float | None = None,
    ) -> T:
        """
        Await a verb, or what reads the answer of one.

        Args:
            verb: Its name.
            call: Makes what is awaited.
            operation: The kind of batch, whose `Capabilities.verb_s` holds.
            deadline_s: Seconds it may take, whatever those say.

        Raises:
            AdapterError: The adapter has a fault of its own, or takes too long.
            BatchHubError: What the verb raised.
        """
        if deadline_s is None:
            deadline_s = self._find_deadline_s(verb, operation)
        shown, yields = f"{self.shown}, {verb}", verb == "poll"
        with self._calls.calling(shown, deadline_s, yields=yields, verb=verb) as running:
            try:
                answer = await call()
            except asyncio.CancelledError:
                if not running.end():
                    raise
                if running.is_late:
                    self.faults.fail_for(
                        verb, TooLateError(f"it took more than {deadline_s:.0f} s")
                    )
                # Nobody cancelled this task, so the adapter did: not the end of the lane.
                self.faults.fail_for(verb, RuntimeError("it cancelled its own call"))
            except (KeyboardInterrupt, GeneratorExit):  # Ctrl-C; and nobody awaits it any more
                raise
            except BaseException as error:
                if not running.end():  # it took its cancellation for something else
                    raise asyncio.CancelledError from None
                self.faults.fail_for(verb, error)
            finally:
                if running.blocked_s:
                    self.note_blocked(verb, running.blocked_s)
            # It may have gone on although it was cancelled. By now the ticket may be further than
            # what it brings; but that the vendor has taken a batch is true whoever waits for it.
            if not running.end() and verb != "submit":
                raise asyncio.CancelledError
        self.faults.clear(verb)
        return answer if running.oddities is None else add_oddities(answer, running.oddities)

    async def _ask_apart(self, verb: str, call: Callable[[], Awaitable[T]], deadline_s: float) -> T:
        """Await a verb in a task of its own, which is left if it does not end when cancelled."""
        task = asyncio.create_task(self.ask(verb, call, deadline_s=deadline_s))
        try:
            await asyncio.wait({task}, timeout=deadline_s + END_S)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=END_S)
        if not task.done():
            _log.error("adapter.left", call=f"{self.shown}, {verb}")
            self.faults.fail(verb, "it does not end", may_have_run=True)
        return task.result()

    def note_blocked(self, verb: str, blocked_s: float) -> str:
        """Take note of what has stopped everybody; return its name, as it is shown."""
        name = f"{self.shown}, {verb}"
        self._blocked = f"{name}, {blocked_s:.1f} s"
        return name

    def take_blocked(self) -> Finding | None:
        """Return, once, what is to be said of verbs that have stopped everybody."""
        blocked, self._blocked = self._blocked, None
        if blocked is None:
            return None
        message = "calls of the adapter that stopped every account while they computed or waited"
        return Finding(code="adapter_blocks", message=message, examples=(blocked,))

    def _get(self, verb: str, kind: type | tuple[type, ...], *args: Any) -> Any:
        """Call a method without I/O that has nothing more to be checked than a type."""
        found = self._read(verb, kind, *args)
        self.faults.clear(verb)
        return found

    def _read(self, verb: str, kind: type | tuple[type, ...], *args: Any) -> Any:
        """Call a method without I/O, and check the type of what it returns."""
        try:
            found = getattr(self.adapter, verb)(*args)
        except KeyboardInterrupt:  # Ctrl-C
            raise
        except BaseException as error:  # nobody cancels what has no `await`
            self.faults.fail_for(verb, error)
        if type(found) is not kind:
            if not isinstance(found, kind):
                self.faults.refuse(verb, kind, found)
            # Of a subclass the plain value: it could do anything when it is looked at.
            if isinstance(found, str):
                return str.__str__(found)
            if isinstance(found, bytes):
                return bytes.__getitem__(found, slice(None))
        return found

    def _find_deadline_s(self, verb: str, operation: str | None) -> float:
        usual_s = DEADLINES_S.get(verb, DEADLINE_S)
        return (
            usual_s if operation is None else self.capabilities(operation).verb_s.get(verb, usual_s)
        )

    def _check_capabilities(self, found: Capabilities) -> None:
        for each in fields(Capabilities):
            value = getattr(found, each.name)
            if (what := find_wrong(each.name, value)) is not None:
                self.faults.fail(
                    "capabilities", f"{each.name} must be {what}, not {value!r}"[:LONGEST]
                )

    def _read_states(self) -> Mapping[str, BatchState]:
        states = self.adapter.states
        if not isinstance(states, Mapping) or not all(
            isinstance(word, str) and state in _VENDOR_STATES for word, state in states.items()
        ):
            self.faults.fail(
                "states", "words must be text, each with a state that a vendor can be in"
            )
        return states


_VENDOR_STATES: Final = frozenset(BatchState) - {BatchState.PENDING, BatchState.UNCONFIRMED}

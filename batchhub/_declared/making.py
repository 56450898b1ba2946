"""From a description to an adapter's class, which has the verbs that the description says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from batchhub._adapter.exchange import Observation, Probe, Report, TicketRef, WireItem
from batchhub._adapter_class import Adapter
from batchhub.errors import UnsupportedError
from batchhub.models import BatchState

from .adapter import DeclaredAdapter
from .description import Description, Request
from .places import Place
from .results import Counted


class _Fetches(DeclaredAdapter):
    """One with an operation whose results are asked for by a request of their own."""

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Fetch the results of a finished ticket."""
        described = self.description.operations[ticket.operation]
        if described.results.request is None:
            return await super().fetch_results(ticket, items)
        values = self._with_ref(ticket.vendor_refs[0])
        reply = await self._send(described.results.request, values, is_question=True)
        seen = ticket.seen or Observation()
        state: BatchState | None = ticket.state
        if state is BatchState.COMPLETED:  # its counts may have ended it, whatever its word
            state = self._find_state(next(iter(seen.words), None))
        return self._read_results(
            described,
            reply,
            items,
            state=state,
            kept=ticket.kept,
            counted=Counted(seen.succeeded, seen.failed),
        )


class _Cancels(DeclaredAdapter):
    """One with an operation whose batches can be stopped."""

    async def cancel(self, ticket: TicketRef) -> None:
        """Ask the vendor to stop a ticket."""
        request = self.description.operations[ticket.operation].cancel
        if request is None:
            await super().cancel(ticket)
        else:
            await self._send(request, self._with_ref(ticket.vendor_refs[0]))


class _Probes(DeclaredAdapter):
    """One with a harmless request."""

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """Send the harmless request, or ask about a batch of the first operation that has polls."""
        probe = self.description.probe
        polled = [each for each in self.description.operations.values() if each.poll is not None]
        if vendor_ref is None and probe is not None:
            return await self._probe(probe.request, probe.expects, self._values)
        if not polled or polled[0].poll is None:
            raise UnsupportedError(f"{self.name} has no batches that can be asked about")
        poll = polled[0].poll
        expects = polled[0].results.list if poll.word is None else poll.word
        return await self._probe(poll.request, expects, self._with_ref(vendor_ref or ""))

    async def _probe(self, request: Request, expects: Place, values: Mapping[str, str]) -> Probe:
        reply = await self._send(request, values, is_question=True)
        found = self._find(expects, reply.json(), reply)
        if found is None:
            # Such as from a parked domain: it is not the vendor that answers.
            self._refuse(reply, f"something else than the vendor does: nothing at {expects.text}")
        is_plain = not isinstance(found, dict | list)
        return Probe(
            request=f"{request.method} {request.path.fill(values, quoted=True)}",
            status=reply.status,
            raw=reply.body,
            reading={expects.text: found if is_plain else f"a list of {len(found)}"},
        )


def make_adapter(description: Description) -> type[Adapter[Any]]:
    """Make an adapter's class; it has the verbs that the description says."""
    operations = description.operations
    keys = {each.key_field for each in operations.values()}
    verbs: list[tuple[bool, type[DeclaredAdapter]]] = [
        (any(each.results.request is not None for each in operations.values()), _Fetches),
        (any(each.cancel is not None for each in operations.values()), _Cancels),
        (description.probe is not None, _Probes),
    ]
    bases = tuple(base for is_there, base in verbs if is_there) or (DeclaredAdapter,)
    name = description.account_type.__name__.removesuffix("Account")
    made = type(
        f"{name}Adapter",
        bases,
        {
            "__doc__": f"The adapter that {description.source} describes.",
            "__module__": __name__,
            "description": description,
            "name": description.name,
            "account_type": description.account_type,
            "operations": {name: each.capabilities for name, each in operations.items()},
            "states": description.states,
            "claims_id": any(each.sends_id for each in operations.values()),
            "key_field": keys.pop() if len(keys) == 1 else None,
            "not_executed_statuses": description.not_executed,
            "sandbox": description.sandbox,
        },
    )
    description.account_type.adapter_type = made  # so that no entry point need name it
    return made

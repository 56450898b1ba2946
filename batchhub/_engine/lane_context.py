"""What every step of a ticket needs: ask the adapter, write until it is written, wait how long."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from attrs import evolve, frozen

from batchhub._adapter.capabilities import Capabilities
from batchhub._adapter.exchange import TicketRef
from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import Store, TicketRecord
from batchhub.adapter import Adapter
from batchhub.errors import AdapterError, BatchHubError, StoreError
from batchhub.polling import next_delay_s

from .job_state import JobState

T = TypeVar("T")

_log = get_logger()


@frozen(kw_only=True)
class Step:
    """
    What a step came to.

    Attributes:
        delay_s: Seconds until the ticket's next step; `None` when it has none.
        trouble: What went wrong with vendor, network or store, if anything did.
        answered: Whether the vendor gave an answer of use.
    """

    delay_s: float | None
    trouble: BatchHubError | None = None
    answered: bool = True


class LaneContext:
    """
    Shared by all that takes the tickets of one lane further.

    Attributes:
        adapter: Who speaks to the vendor.
        store: Where all is kept.
        clock: Where time comes from.
        rng: Where jitter comes from.
    """

    def __init__(
        self,
        *,
        adapter: Adapter[Any],
        store: Store,
        clock: Clock,
        rng: random.Random,
        on_store_trouble: Callable[[StoreError | None], None],
    ) -> None:
        self.adapter = adapter
        self.store = store
        self.clock = clock
        self.rng = rng
        self._on_store_trouble = on_store_trouble

    async def save(self, run: JobState, ticket: TicketRecord) -> None:
        await self.persist(lambda: self.store.save_tickets([(run.job, [ticket])]))
        run.put(ticket)
        run.unsaved.discard(ticket.position)

    async def persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write until it is written: what the vendor said must not be lost to a full disk."""
        tries = 0
        while True:
            try:
                written = await write()
            except StoreError as error:
                self._on_store_trouble(error)
                _log.error("store.failed", lane=self.adapter.account.lane, error=str(error))
                await self.clock.sleep(backoff_s(tries, base_s=0.5, cap_s=15.0, rng=self.rng))
                tries += 1
            else:
                self._on_store_trouble(None)
                return written

    async def ask(self, call: Awaitable[T]) -> T:
        """Call the adapter; a fault of its own becomes an `AdapterError`."""
        try:
            return await call
        except BatchHubError:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise AdapterError(f"adapter {self.adapter.name!r} cancelled its own call") from None
        except Exception as error:
            # Told by type and message alone: a traceback's locals could show a secret.
            raise AdapterError(
                f"adapter {self.adapter.name!r} failed: {type(error).__name__}: {error}"
            ) from None

    def delay_s(self, run: JobState, position: int, trouble: BatchHubError | None = None) -> float:
        delay_s = next_delay_s(
            self.capabilities(run),
            age_s=self.age_s(run.ticket(position)),
            failures=run.failures[position],
            is_slow=position in run.stalled or run.has_finding("overdue"),
            spread=self.rng.random(),
        )
        return max(delay_s, getattr(trouble, "retry_after_s", None) or 0.0)

    def age_s(self, ticket: TicketRecord) -> float:
        """Return the seconds since the vendor took a ticket; 0 while it has not."""
        if ticket.accepted_at is None:
            return 0.0
        return (self.clock.now() - ticket.accepted_at).total_seconds()

    def is_past(self, since: datetime | None, grace_s: float) -> bool:
        """Whether more than a grace has passed since a moment; `None` is now."""
        if since is None:
            return False
        return (self.clock.now() - since).total_seconds() > grace_s

    def touch(self, run: JobState, *, observed: bool = False) -> None:
        now = self.clock.now()
        observed_at = now if observed else run.job.observed_at
        run.job = evolve(run.job, updated_at=now, observed_at=observed_at)

    def capabilities(self, run: JobState) -> Capabilities:
        return self.adapter.capabilities(run.job.operation)

    def ref(self, run: JobState, ticket: TicketRecord) -> TicketRef:
        return TicketRef(
            vendor_refs=ticket.vendor_refs,
            operation=run.job.operation,
            total=ticket.total,
            group=group_of(run),
            options=run.job.options,
            state=ticket.state,
            submitted_at=ticket.accepted_at or run.job.created_at,
        )

    @staticmethod
    def log(event: str, run: JobState, ticket: TicketRecord, **facts: Any) -> None:
        _log.info(
            event,
            job_id=run.job.job_id,
            account=run.job.account,
            lane=run.job.lane,
            ticket=ticket.position,
            **facts,
        )


def group_of(run: JobState) -> str:
    """Return what all requests of a job have in common at the vendor."""
    return f"batchhub-{run.job.job_id}"

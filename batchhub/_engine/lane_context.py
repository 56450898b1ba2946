"""What every step of a lane's tickets needs: adapter, store, clock, and rules they share."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

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


class LaneContext:
    """
    Shared by all that takes the tickets of one lane further.

    Attributes:
        adapter: Speaks to the vendor.
        store: Where jobs are kept.
        clock: Where time comes from.
        states: What the vendor's words mean, by the case-folded word.
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
        self.states = {word.casefold(): state for word, state in adapter.states.items()}
        self._rng = rng
        self._on_store_trouble = on_store_trouble

    async def persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write, again and again until it succeeds."""
        tries = 0
        while True:
            try:
                written = await write()
            except StoreError as error:
                # No time-out: what the vendor said exists nowhere else until it is written, and
                # a full disk or a locked store is cleared by people, at any hour.
                self._on_store_trouble(error)
                _log.error("store.failed", lane=self.adapter.account.lane, error=str(error))
                await self.clock.sleep(backoff_s(tries, base_s=0.5, cap_s=15.0, rng=self._rng))
                tries += 1
            else:
                self._on_store_trouble(None)
                return written

    async def ask(self, call: Awaitable[T]) -> T:
        """
        Await a verb of the adapter.

        Raises:
            AdapterError: The adapter has a fault of its own.
            BatchHubError: What the verb raised.
        """
        try:
            return await call
        except BatchHubError:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled this task, so the adapter did: its fault, not the end of the lane.
            raise AdapterError(f"adapter {self.adapter.name!r} cancelled its own call") from None
        except Exception as error:
            # Only type and message: the locals in a traceback could hold a secret.
            raise AdapterError(
                f"adapter {self.adapter.name!r} failed: {type(error).__name__}: {error}"
            ) from None

    def capabilities(self, job: JobState) -> Capabilities:
        """Return what the vendor can do for a job's operation."""
        return self.adapter.capabilities(job.record.operation)

    def delay_s(self, job: JobState, position: int, trouble: BatchHubError | None = None) -> float:
        """Return the seconds until a ticket's next step, at least what the vendor asked for."""
        delay_s = next_delay_s(
            self.capabilities(job),
            age_s=self._age_s(job.ticket(position)),
            failures=job.failures[position],
            is_slow=position in job.stalled or job.has_finding("overdue"),
            spread=self._rng.random(),
        )
        return max(delay_s, getattr(trouble, "retry_after_s", None) or 0.0)

    def is_past(self, since: datetime | None, grace_s: float) -> bool:
        """Return whether `since` is more than `grace_s` seconds ago; False for `None`."""
        return since is not None and (self.clock.now() - since).total_seconds() > grace_s

    def ref(self, job: JobState, ticket: TicketRecord) -> TicketRef:
        """Return a ticket as the adapter's verbs get it."""
        return TicketRef(
            vendor_refs=ticket.vendor_refs,
            operation=job.record.operation,
            total=ticket.total,
            group=job.group,
            options=job.record.options,
            state=ticket.state,
            submitted_at=ticket.accepted_at or job.record.created_at,
        )

    def _age_s(self, ticket: TicketRecord) -> float:
        """Return the seconds since the vendor took a ticket; 0 before that."""
        if ticket.accepted_at is None:
            return 0.0
        return (self.clock.now() - ticket.accepted_at).total_seconds()


def log_ticket(event: str, job: JobState, ticket: TicketRecord, **facts: Any) -> None:
    """Log an event of a ticket, with the names of its job, account and lane."""
    _log.info(
        event,
        job_id=job.record.job_id,
        account=job.record.account,
        lane=job.record.lane,
        ticket=ticket.position,
        **facts,
    )

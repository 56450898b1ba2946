"""The program that runs on a machine: submits its orders, waits for them, decides what is held."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from batchhub import BatchHub, BatchItem, BatchJob, BatchStatus
from batchhub.adapter import Account
from batchhub.errors import StoreError, UnsupportedError, UsageError, WaitTimeoutError

from .accounts import KINDS
from .plan import Order

if TYPE_CHECKING:
    from pathlib import Path

    from .machine import Machine
    from .witness import Witness

T = TypeVar("T")

_PAUSE_S: Final = 2.0


def make_items(order: Order) -> list[BatchItem | dict[str, Any]]:
    """Return an order's items in its vendor's form; each has a price of its own."""
    marked = [(target, order.mark(index)) for index, target in enumerate(order.targets)]
    return [KINDS[order.account].make_item(mark, product) for product, mark in marked]


class Program:
    """
    One life of a program.

    Args:
        machine: Where it runs.
        store: The store's file.
        accounts: Its accounts.
        orders: What it submits.
        witness: Who is shown every status it sees.
        seed: For its jitter.
        drives: Whether it sends what it submits; else a worker does.
    """

    def __init__(
        self,
        machine: Machine,
        store: Path,
        accounts: Mapping[str, Account],
        orders: tuple[Order, ...],
        witness: Witness,
        seed: int,
        *,
        drives: bool = True,
    ) -> None:
        self._machine = machine
        self._store = store
        self._accounts = accounts
        self._orders = orders
        self._witness = witness
        self._seed = seed
        self._drives = drives
        self._life = machine.life

    async def run(self) -> None:
        """Run until all its orders have come to their end."""
        while True:
            hub = BatchHub(
                self._store,
                self._accounts,
                clock=self._machine,
                seed=self._seed,
                drives=self._drives,
            )
            try:
                async with hub:
                    await self._see_to_orders(hub)
            except StoreError:
                await asyncio.sleep(_PAUSE_S)  # it can't be opened now
            else:
                break
        self._machine.is_done = True

    async def _see_to_orders(self, hub: BatchHub) -> None:
        """Submit the orders in their order, and see each to its end."""
        listener = asyncio.create_task(self._listen(hub))
        ends: list[asyncio.Task[None]] = []
        for order in self._orders:
            await asyncio.sleep(max(0.0, order.at_s - self._machine.loop.time()))
            job = await self._submit(hub, order)
            ends.append(asyncio.create_task(self._see_to(hub, order, job)))
        for end in ends:
            await end
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener

    async def _listen(self, hub: BatchHub) -> None:
        """Take the events of all jobs that end, whoever drives them."""
        while True:
            try:
                async with aclosing(hub.events()) as events:
                    async for event in events:
                        self._witness.note_event(event)
            except StoreError:
                await asyncio.sleep(_PAUSE_S)

    async def _submit(self, hub: BatchHub, order: Order) -> BatchJob:
        job = await _patiently(
            lambda: hub.submit(
                order.account,
                make_items(order),
                operation=KINDS[order.account].operation,
                key=order.key,
                stop_on_first_failure=order.stop_on_first_failure,
            )
        )
        self._witness.note_job(order, job.id)
        return job

    async def _see_to(self, hub: BatchHub, order: Order, job: BatchJob) -> None:
        canceller = asyncio.create_task(self._cancel_later(order, job))
        try:
            status = await self._follow(hub, order, job)
            if status.is_held:
                await self._decide(order, job)
        finally:
            canceller.cancel()

    async def _follow(self, hub: BatchHub, order: Order, job: BatchJob) -> BatchStatus:
        """Wait until a job has ended or is held, whatever happens meanwhile."""
        while True:
            try:
                async for status in job.watch():
                    self._witness.see(self._life, status)
                if job.status.state.is_terminal or job.status.is_held:
                    return job.status
            except StoreError:
                pass
            await asyncio.sleep(_PAUSE_S)
            await self._submit(hub, order)  # by its key: it is driven again

    async def _cancel_later(self, order: Order, job: BatchJob) -> None:
        if order.cancel_after_s is None:
            return
        await asyncio.sleep(order.cancel_after_s)
        # Before it is done: the program may die once that is in the store.
        self._witness.note_cancel(job.id)
        try:
            await _patiently(job.cancel)
        except UnsupportedError:  # all of it is at a vendor that can't
            self._witness.forget_cancel(job.id)

    async def _decide(self, order: Order, job: BatchJob) -> None:
        if order.decision == "leave":
            return
        self._witness.note_cancel(job.id)
        if order.decision == "cancel":
            await _patiently(job.cancel)
            await _patiently(job.wait)
            return
        try:
            again = await _patiently(lambda: job.retry(unknown=True))
        except UsageError:
            return  # it came out well after all
        self._witness.note_retry(job.id, again.id)
        await _patiently(again.wait)


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Await a call again and again while the store can't be read or written."""
    while True:
        try:
            return await call()
        except (StoreError, WaitTimeoutError):
            await asyncio.sleep(_PAUSE_S)

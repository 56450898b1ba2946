"""A vendor in the process that costs next to nothing, and stores with jobs that are with it."""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from attrs import frozen

from batchhub import BatchHub
from batchhub.adapter import (
    Accepted,
    Account,
    Adapter,
    Budget,
    Capabilities,
    ItemReport,
    Observation,
    Report,
    Steps,
    Submission,
    TicketRef,
    WireItem,
)
from batchhub.models import BatchItem, BatchState, ItemState
from batchhub.polling import Fixed

from ._ideal import IdealClock, now_s

_LASTS_S = 1e6
"""Seconds until a ticket would be done."""


@frozen(kw_only=True)
class CheapAccount(Account):
    """An account at the vendor."""

    adapter: ClassVar[str] = "cheap"
    base_url: str = "http://127.0.0.1:9"
    name: str = "one"

    @property
    def identity(self) -> str:
        """The account's name."""
        return self.name

    @property
    def budget(self) -> Budget:
        """Never the bottleneck."""
        return Budget(requests=10**9, per_s=1.0)


class CheapAdapter(Adapter[CheapAccount]):
    """Answers at once: with a little more progress each time, or that all is done."""

    name = "cheap"
    account_type = CheapAccount
    operations: ClassVar[Mapping[str, Capabilities]] = {"work": Capabilities(max_items=1)}
    states: Mapping[str, BatchState] = {
        "Running": BatchState.IN_PROGRESS,
        "Done": BatchState.COMPLETED,
    }
    polls: ClassVar[int] = 0
    asked: ClassVar[int] = 0
    """How many tickets have been asked about at all."""
    late_s: ClassVar[array[float]] = array("d")
    """How late each poll began whose ticket had been asked about before."""
    is_done: ClassVar[bool] = False
    burns_s: ClassVar[float] = 0.0
    """CPU seconds that a poll costs, in place of an exchange over HTTP."""
    _asked_s: ClassVar[array[float]] = array("d")  # by ticket; no larger for more polls

    @classmethod
    def forget(cls, tickets: int) -> None:
        """Begin anew, with room for so many tickets."""
        cls.polls = cls.asked = 0
        cls.late_s = array("d")
        cls._asked_s = array("d", bytes(8 * (tickets + 2)))

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Take anything."""
        del operation, item, options
        return b"{}"

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Take it."""
        del steps
        return Accepted(vendor_refs=(f"r{submission.idempotency_key}",))

    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation]:
        """Say how far it is."""
        self._note(tickets[0].vendor_refs[0])
        ends_s = time.thread_time() + self.burns_s
        while time.thread_time() < ends_s:
            pass
        if self.is_done:
            return [Observation(words=("Done",))]
        return [Observation(words=("Running",), progress=now_s() / _LASTS_S)]

    def _note(self, ref: str) -> None:
        vendor, now = type(self), now_s()
        vendor.polls += 1
        if self.is_done:
            return
        job_no, _, position = ref[1:].partition("-")
        number = int(job_no) + int(position)
        before_s = self._asked_s[number]
        if before_s:
            self.late_s.append(now - before_s - self.operations["work"].poll_s)
        else:
            vendor.asked += 1
        self._asked_s[number] = now

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Report that all succeeded."""
        del ticket
        return Report(items=[ItemReport(id=i.id, state=ItemState.SUCCEEDED) for i in items])

    async def cancel(self, ticket: TicketRef) -> None:
        """Do nothing."""


def _never_overdue(total: int, options: Mapping[str, Any]) -> float:
    del total, options
    return 1e9


def make_hub(store: Path, lanes: int) -> BatchHub:
    """Make a hub with so many accounts of the cheap vendor, on the ideal machine."""
    accounts = {f"a{n}": CheapAccount(name=f"n{n}") for n in range(lanes)}
    rule = Fixed(CheapAdapter.operations["work"].poll_s)
    return BatchHub(store, accounts, clock=IdealClock(), polling=rule, adapters=[CheapAdapter])


@contextmanager
def cheap_vendor(
    *, poll_s: float, tickets: int = 1, is_done: bool = False, burns_s: float = 0.0
) -> Iterator[None]:
    """Have the cheap vendor's tickets asked about every so often, to the moment."""
    capabilities = Capabilities(
        max_items=1,
        poll_s=poll_s,
        min_poll_s=poll_s,
        stall_s=1e9,
        deadline_s=_never_overdue,
        tickets_per_job=10**6,
    )
    CheapAdapter.forget(tickets)
    with (
        patch("batchhub._engine.poll_times.SPREAD", 0.0),
        patch.object(CheapAdapter, "operations", {"work": capabilities}),
        patch.object(CheapAdapter, "is_done", is_done),
        patch.object(CheapAdapter, "burns_s", burns_s),
    ):
        yield


async def make_store(path: Path, *, jobs: int, tickets: int, lanes: int = 1) -> None:
    """Make a store whose jobs are all under way at the vendor, spread over so many lanes."""
    accounts = {"a0": CheapAccount(name="n0")}
    async with BatchHub(path, accounts, adapters=[CheapAdapter]) as hub:
        job = await hub.submit("a0", [{} for _ in range(tickets)], deadline_s=1e9)
        job_id = job.id
    with closing(sqlite3.connect(path)) as store:
        _copy(store, job_id, jobs, lanes)
        store.execute(
            "UPDATE tickets SET state = 'in_progress', attempt_id = "
            "printf('00000000-0000-4000-8000-%012d', job_no * 1000000 + position), "
            "attempted_at = (SELECT created_at FROM jobs), "
            "accepted_at = (SELECT created_at FROM jobs), "
            "vendor_refs = '[\"r' || job_no || '-' || position || '\"]'"
        )
        store.execute(
            "UPDATE jobs SET state = 'in_progress', tickets_pending = 0, tickets_queued = 0, "
            f"tickets_in_progress = {tickets}, tickets_unconfirmed = 0"
        )
        store.commit()


def _copy(store: sqlite3.Connection, job_id: str, jobs: int, lanes: int) -> None:
    columns = [row[1] for row in store.execute("PRAGMA table_info(jobs)")]
    changed = {
        "job_no": "n.i",
        "job_id": "'x-' || n.i",
        "place": "n.i",
        "lane": f"replace(j.lane, 'n0', 'n' || (n.i % {lanes}))",
        "account": f"'a' || (n.i % {lanes})",
    }
    picked = ", ".join(changed.get(name, f'j."{name}"') for name in columns)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {jobs})"
    names = ", ".join(f'"{name}"' for name in columns)
    if jobs > 1:
        store.execute(
            f"{numbers} INSERT INTO jobs ({names}) SELECT {picked} FROM n, jobs j "
            "WHERE j.job_id = ?",
            [job_id],
        )
    for table in ("tickets", "items"):
        others = [row[1] for row in store.execute(f"PRAGMA table_info({table})")][1:]
        theirs = ", ".join(f'"{name}"' for name in others)
        store.execute(
            f"INSERT INTO {table} (job_no, {theirs}) SELECT j.job_no, "
            + ", ".join(f't."{name}"' for name in others)
            + f" FROM jobs j, {table} t WHERE j.job_no > 1 AND t.job_no = 1"
        )

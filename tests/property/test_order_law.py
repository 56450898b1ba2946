"""
Law 10: a newer job's value is not overwritten by an older job's, or a finding says so.

Against a vendor that really runs what it is sent, in order or in none, with any trouble on the way:
requests that fail for certain, answers that are lost before or after the vendor took the batch,
hubs that are closed in the middle.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.hubs import scripted_world
from support.vendor import Vendor

from batchhub.adapter import (
    Accepted,
    Capabilities,
    Observation,
    Steps,
    Submission,
    TicketRef,
    WireItem,
)
from batchhub.errors import BusyError, ConnectError, NoAnswerError
from batchhub.models import BatchStatus
from batchhub.testing import FakeClock

slow = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

Job = tuple[list[str], bool]
"""The targets of a job's items, and whether its options let the vendor run it in any order."""

faults = st.lists(
    st.sampled_from(["taken", "taken", "busy", "no route", "lost", "never came"]), max_size=14
)
targets = st.lists(st.sampled_from("pqrs"), min_size=1, max_size=4)


@define
class World:
    """
    A vendor's world: what it has been sent and has not run yet, and the value of each thing.

    Attributes:
        runs_in_order: Whether it runs batches in the order it took them.
        deduplicates: Whether it knows a batch by its key.
        chance: Decides what runs when.
        troubles: What happens to the next submits.
    """

    runs_in_order: bool
    deduplicates: bool
    chance: random.Random
    troubles: list[str]
    values: dict[str, int] = field(factory=dict)
    waiting: list[tuple[str, Sequence[WireItem], bool]] = field(factory=list)
    taken: dict[str, str] = field(factory=dict)

    def take(self, submission: Submission) -> Accepted:
        """Take a batch, or not, and answer, or not."""
        trouble = self.troubles.pop(0) if self.troubles else "taken"
        if trouble == "busy":
            raise BusyError("later")
        if trouble == "no route":
            raise ConnectError("no route")
        key = submission.idempotency_key
        known = self.deduplicates and key in self.taken
        if trouble != "never came" and not known:
            self.taken[key] = f"ref-{len(self.taken)}"
            in_order = self.runs_in_order and not submission.options.get("parallel")
            self.waiting.append((self.taken[key], list(submission.items), in_order))
        if trouble in ("lost", "never came"):
            raise NoAnswerError("silence")
        return Accepted(vendor_refs=(self.taken[key],))

    def poll(self, ticket: TicketRef) -> Observation:
        """Run something, and say whether a batch is done."""
        if self.waiting and self.chance.random() < 0.5:
            self.run_one()
        is_open = any(ref == ticket.vendor_refs[0] for ref, _, _ in self.waiting)
        return Observation(words=("Running" if is_open else "Done",))

    def run_one(self) -> None:
        """Run a batch: the oldest, unless it or an earlier one may run in any order."""
        last = next((n for n, (_, _, ordered) in enumerate(self.waiting) if ordered), None)
        most = len(self.waiting) - 1 if last is None else max(last, 0)
        if self.waiting[0][2]:
            most = 0
        _, items, ordered = self.waiting.pop(self.chance.randint(0, most))
        found = list(items) if ordered else self.chance.sample(list(items), len(items))
        for item in found:
            target, _, number = item.id.partition("-")
            self.values[target] = int(number.partition("-")[0])


def attach(vendor: Vendor, world: World, hub: Any) -> None:
    """Let an adapter speak to the world."""
    adapter = hub._opened.get_lane("shop").adapter

    async def submit(submission: Submission, steps: Steps) -> Accepted:
        del steps
        vendor.submissions.append(submission)
        return world.take(submission)

    async def poll(tickets: Sequence[TicketRef]) -> Sequence[Observation]:
        return [world.poll(ticket) for ticket in tickets]

    adapter.submit, adapter.poll = submit, poll


def make_items(number: int, wanted: list[str]) -> list[dict[str, Any]]:
    return [{"id": f"{target}-{number}-{n}", "target": target} for n, target in enumerate(wanted)]


@slow
@given(
    st.lists(st.tuples(targets, st.booleans()), min_size=2, max_size=5),
    faults,
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
    st.sets(st.integers(0, 4)),
)
def test_a_newer_value_is_not_overwritten(
    jobs: list[Job],
    troubles: list[str],
    runs_in_order: bool,
    deduplicates: bool,
    seed: int,
    restarts: set[int],
) -> None:
    """Each thing ends with the value of the newest job that changes it."""
    world = World(runs_in_order, deduplicates, random.Random(seed), list(troubles))
    vendor = Vendor(
        capabilities=Capabilities(
            max_items=2,
            tickets_per_job=2,
            tickets_per_lane=3,
            poll_s=1.0,
            min_poll_s=0.1,
            runs_in_order=runs_in_order,
            dedup_window_s=1e6 if deduplicates else None,
            stall_s=1e6,
        )
    )

    async def scenario(store: Path) -> list[BatchStatus]:
        clock, ids = FakeClock(), []
        for number, (wanted, parallel) in enumerate(jobs, 1):
            distinct = list(dict.fromkeys(wanted)) if parallel or not runs_in_order else wanted
            async with scripted_world(vendor, store, clock) as opened:
                attach(vendor, world, opened.hub)
                job = await opened.hub.submit(
                    "shop",
                    make_items(number, distinct),
                    options={"parallel": True} if parallel else {},
                    deadline_s=1e6,
                )
                ids.append(job.id)
                if number in restarts:
                    await clock.sleep(0.5)
                else:
                    await job.hand_over()
        async with scripted_world(vendor, store, clock) as opened:
            attach(vendor, world, opened.hub)
            await opened.hub.resume()
            for job_id in ids:  # a decision about what is held, oldest first
                job = await opened.hub.job(job_id)
                if (await job.wait()).is_held:
                    await job.cancel()
                    await job.wait()
            return [(await opened.hub.job(job_id)).status for job_id in ids]

    with TemporaryDirectory() as folder:
        statuses = asyncio.run(scenario(Path(folder) / "jobs.db"))
    while world.waiting:
        world.run_one()
    doubts = {f.code for status in statuses for f in status.findings} & {"order_given_up"}
    for target, value in world.values.items():
        newest = max(
            number
            for number, (wanted, _) in enumerate(jobs, 1)
            if target in wanted and statuses[number - 1].counts.succeeded
        )
        assert value >= newest or doubts, (target, value, newest)

"""Adopting at each vendor's stand-in, over real HTTP: what is asked, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve
from support.by_vendor import ADAPTERS
from support.stand_ins import STAND_INS

from batchhub import BatchHub, ItemState, Outcome
from batchhub.adapter import Accepted, Adapter, Capabilities, Steps, Submission, WireItem
from batchhub.errors import ContactError, NoAnswerError, UnsupportedError, UsageError
from batchhub.hub import BatchJob
from batchhub.sandbox import Sandbox
from batchhub.testing import FakeClock

TOLD_TOTAL: Final = {"ecwid": "says that batch", "trendyol": "says that batch"}
"""The vendors that say how many items a batch has."""

WITH_TICKETS: Final = [name for name, each in STAND_INS.items() if each.keeps_tickets]


def forgetful(vendor: str, refs: list[str]) -> type[Adapter[Any]]:
    """
    Make a vendor's adapter that never hears the answer to a submit, and may not send again.

    Args:
        vendor: The vendor.
        refs: Takes the ids that the vendor gave.
    """
    base = ADAPTERS[vendor]

    async def submit(self: Any, submission: Submission, steps: Steps) -> Accepted:
        accepted: Accepted = await base.submit(self, submission, steps)
        refs.extend(accepted.vendor_refs)
        raise NoAnswerError("the answer was lost")

    def capabilities(self: Any, operation: str, options: Mapping[str, Any]) -> Capabilities:
        found: Capabilities = base.capabilities(self, operation, options)
        return evolve(found, dedup_window_s=None, finds_attempts=False)

    def may_repeat(self: Any, operation: str, items: Sequence[WireItem], options: Any) -> bool:
        return False

    own = {"submit": submit, "capabilities": capabilities, "may_repeat": may_repeat}
    return type("Forgetful", (base,), own)


@asynccontextmanager
async def held(
    vendor: str, folder: Path, *sizes: int
) -> AsyncIterator[tuple[list[BatchJob], list[str], Sandbox]]:
    """Give jobs of some sizes at a stand-in, all held, the vendor's ids of them, and it."""
    stand_in, refs = STAND_INS[vendor], list[str]()
    sandbox = stand_in.make_quick()
    clock = FakeClock()
    url = await sandbox.start()
    try:
        account, adapter = sandbox.account(url), forgetful(vendor, refs)
        async with (
            clock.running(),
            BatchHub(
                folder / "jobs.db", {"shop": account}, clock=clock, seed=1, adapters=[adapter]
            ) as hub,
        ):
            jobs, left = [], stand_in.make_items(sum(sizes))
            for size in sizes:
                items, left = left[:size], left[size:]  # no job waits for another
                job = await hub.submit("shop", items, operation=stand_in.operation)
                assert (await job.wait(600)).is_held
                jobs.append(job)
            yield jobs, refs, sandbox
    finally:
        await sandbox.aclose()


@pytest.mark.parametrize("vendor", WITH_TICKETS)
async def test_each_vendor_is_asked_and_followed(vendor: str, tmp_path: Path) -> None:
    """The batch is found under its id, and the results are those of the items; sent once."""
    async with held(vendor, tmp_path, 12) as ([job], refs, sandbox):
        submits = len(sandbox.executions)
        status = await job.adopt(refs)
        assert list(status.tickets[0].vendor_refs) == refs
        done = await job.wait(3600)
        assert done.outcome is Outcome.PARTIAL
        results = [result async for result in job.results()]
        assert [result.state for result in results].count(ItemState.FAILED) == 1
        assert (len(results), len(sandbox.executions)) == (12, max(submits, 12))


@pytest.mark.parametrize("vendor", WITH_TICKETS)
async def test_an_id_that_the_vendor_does_not_know(vendor: str, tmp_path: Path) -> None:
    """Whatever its way of saying so: refused, and the job is held as before."""
    async with held(vendor, tmp_path, 3) as ([job], refs, _):
        before = await job.refresh()
        with pytest.raises(UsageError, match=f"{vendor} (knows no|tells nothing of) batch"):
            await job.adopt("0123456789")
        assert await job.refresh() == before
        await job.adopt(refs)
        assert (await job.wait(3600)).counts.succeeded == 3


@pytest.mark.parametrize("vendor", WITH_TICKETS)
async def test_a_batch_of_another_size(vendor: str, tmp_path: Path) -> None:
    """Refused where the vendor says or counts how many items it has."""
    async with held(vendor, tmp_path, 3, 5) as ([small, large], refs, _):
        theirs = refs[len(refs) // 2 :]
        if vendor == "amazon":  # it counts in its report only, which comes with the results
            return
        await large._view.opened.clock.sleep(60.0)
        what = TOLD_TOTAL.get(vendor, "counts 5 items in batch")
        with pytest.raises(UsageError, match=what) as caught:
            await small.adopt(theirs)
        assert "ticket 1 of job" in str(caught.value)
        assert (await small.refresh()).is_held
        await large.adopt(theirs)
        with pytest.raises(UsageError, match="so it can't be"):
            await small.adopt(theirs)


@pytest.mark.parametrize("vendor", WITH_TICKETS)
async def test_an_answer_that_is_cut_changes_nothing(vendor: str, tmp_path: Path) -> None:
    """The error is the network's; the same again works."""
    async with held(vendor, tmp_path, 3) as ([job], refs, sandbox):
        sandbox.change_switches({"cut_polls": 1})
        with pytest.raises(ContactError):
            await job.adopt(refs)
        assert (await job.refresh()).is_held
        await job.adopt(refs)
        assert (await job.wait(3600)).counts.succeeded == 3


async def test_a_vendor_that_answers_at_once_has_no_ids(tmp_path: Path) -> None:
    """WooCommerce: said in a sentence, before anything is asked."""
    async with held("woocommerce", tmp_path, 3) as ([job], _, sandbox):
        asked = len(sandbox.journal)
        with pytest.raises(
            UnsupportedError, match=r"woocommerce answers \w+ at once and gives no id"
        ):
            await job.adopt("1")
        assert len(sandbox.journal) == asked
        assert (await job.refresh()).is_held

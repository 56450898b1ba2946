"""Amazon alone, with the library at its stand-in: too few feeds pass, reports of any size."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from conformance.test_every_adapter import check_run, run_job
from support.stand_ins import STAND_INS

from batchhub import BatchHub, Outcome
from batchhub.testing import FakeClock
from batchhub_amazon.sandbox import AmazonSandbox

_FEEDS = "/feeds/2021-06-30/feeds"


async def test_429_by_rate(tmp_path: Path) -> None:
    """Where fewer feeds pass than Amazon's pages say each item still runs once, after a pause."""
    clock = FakeClock()
    sandbox = AmazonSandbox(clock=clock)
    sandbox.switches.feeds_per_5_min = 1
    good = [item for n, item in enumerate(STAND_INS["amazon"].make_items(19), 1) if n % 10]
    async with clock.running(), sandbox.running() as url:
        accounts = {"one": sandbox.account(url)}
        async with BatchHub(tmp_path / "jobs.db", accounts, clock=clock, seed=1) as hub:
            jobs = [await hub.submit("one", good[n : n + 3]) for n in range(0, 18, 3)]
            outcomes = {(await job.wait()).outcome for job in jobs}
    assert outcomes == {Outcome.SUCCEEDED}
    assert sorted(str(e.item_id) for e in sandbox.executions) == sorted(i["sku"] for i in good)
    made = [e.status for e in sandbox.journal if (e.method, e.path) == ("POST", _FEEDS)]
    assert made.count(202) == len(jobs)
    assert 0 < made.count(429) <= 6 * len(jobs)


async def test_memory_stays_flat_however_large_a_report_is() -> None:
    """A report of five megabytes takes no more memory than one of a tenth of that."""
    peaks = []
    for size in (500_000, 5_000_000):
        tracemalloc.start()
        try:
            run = await run_job("amazon", {"report_bytes": size})
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        check_run("amazon", run)
        assert run.status.counts.unknown == 0
    assert peaks[1] < peaks[0] + 2_000_000

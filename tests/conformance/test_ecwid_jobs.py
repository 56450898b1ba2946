"""The library against the Ecwid stand-in over HTTP, on a fake clock: what Ecwid alone can do."""

from __future__ import annotations

from pathlib import Path

from support.hubs import results_of
from support.stand_ins.ecwid import make_requests
from support.truth import check_truth

from batchhub import BatchHub, ItemState
from batchhub.testing import FakeClock
from batchhub.wire import converter
from batchhub_ecwid.sandbox import EcwidSandbox


async def test_stop_on_first_failure_over_http(tmp_path: Path) -> None:
    """The vendor stops at the failed item, and the next ticket is never sent."""
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches({"completed_not_run": True})
    items = make_requests(1_100)
    async with (
        clock.running(),
        sandbox.running() as url,
        BatchHub(tmp_path / "jobs.db", {"shop": sandbox.account(url)}, clock=clock) as hub,
    ):
        job = await hub.submit("shop", items, stop_on_first_failure=True)
        status = await job.wait(timeout_s=3600)
        results = converter.unstructure(await results_of(job))
    executions = [execution.to_json() for execution in sandbox.executions]
    check_truth([item["id"] for item in items], results, executions)
    assert len(executions) == 10
    assert status.counts.succeeded == 9
    assert [result["state"] for result in results[500:]] == ["not_executed"] * 600


async def test_cancel_keeps_what_ran(tmp_path: Path) -> None:
    """After a cancel the items that ran have their results, the others are not executed."""
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches({"item_time_s": 1.0})
    items = make_requests(700)
    async with (
        clock.running(),
        sandbox.running() as url,
        BatchHub(tmp_path / "jobs.db", {"shop": sandbox.account(url)}, clock=clock) as hub,
    ):
        job = await hub.submit("shop", items)
        async for status in job.watch():
            if status.progress and status.progress > 0.01:
                await job.cancel()
                break
        status = await job.wait(timeout_s=3600)
        results = await results_of(job)
    executions = [execution.to_json() for execution in sandbox.executions]
    check_truth([i["id"] for i in items], converter.unstructure(results), executions)
    assert status.counts.unknown == 0
    assert status.counts.not_executed == sum(r.state is ItemState.NOT_EXECUTED for r in results)
    assert 0 < len(executions) < 700

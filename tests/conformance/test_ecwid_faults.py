"""The library against the Ecwid stand-in over HTTP, every fault on in turn, on a fake clock."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.faults import ECWID_FAULTS, ITEMS, MORE_ECWID_FAULTS, Fault
from support.hubs import results_of
from support.truth import check_truth, demo_requests

from batchhub import BatchHub, BatchState, Contact, ItemState, Outcome
from batchhub.errors import CredentialsError
from batchhub.testing import FakeClock
from batchhub.transport import Limits, Transport
from batchhub.wire import converter
from batchhub_ecwid import EcwidAccount
from batchhub_ecwid.sandbox import EcwidSandbox


@pytest.mark.parametrize(
    "fault",
    [fault for fault in [*ECWID_FAULTS, *MORE_ECWID_FAULTS] if fault.healed is None],
    ids=lambda fault: fault.name,
)
async def test_results_are_true_under_every_fault(fault: Fault, tmp_path: Path) -> None:
    """Whatever the vendor does, each item has one result, and the journal agrees with it."""
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches(fault.switches)
    items = demo_requests(ITEMS)
    async with (
        clock.running(),
        sandbox.running() as url,
        BatchHub(tmp_path / "jobs.db", {"shop": sandbox.account(url)}, clock=clock, seed=1) as hub,
    ):
        job = await hub.submit("shop", items)
        status = await job.wait(timeout_s=3600)
        results: list[dict[str, Any]] = converter.unstructure(await results_of(job))
    executions = [execution.to_json() for execution in sandbox.executions]
    check_truth([item["id"] for item in items], results, executions)
    assert len({execution["item_id"] for execution in executions}) == ITEMS
    assert status.counts.unknown == fault.unknown
    assert fault.findings == {finding.code for finding in status.findings}
    assert sandbox.knocks == 0


@pytest.mark.parametrize("verb", ["submit", "poll", "results"])
@pytest.mark.parametrize("is_endless", [True, False], ids=["endless", "silent"])
async def test_an_answer_that_never_ends(
    verb: str, is_endless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that does not come to its end is given up, and no item runs twice for that."""
    limits = Limits(read_s=0.1, total_s=0.3)
    monkeypatch.setattr("batchhub._engine.open_hub.Transport", partial(Transport, limits=limits))
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches(
        {
            "trickled_answers": 1,
            "trickle_bytes_per_s": 1_000.0 if is_endless else 0.0,
            "trickle_endless": True,
            "network_verbs": verb,
        }
    )
    items = demo_requests(ITEMS)
    async with (
        clock.running(),
        sandbox.running() as url,
        BatchHub(tmp_path / "jobs.db", {"shop": sandbox.account(url)}, clock=clock, seed=1) as hub,
    ):
        job = await hub.submit("shop", items)
        status = await job.wait(timeout_s=24 * 3600)
        results: list[dict[str, Any]] = converter.unstructure(await results_of(job))
    executions = [execution.to_json() for execution in sandbox.executions]
    check_truth([item["id"] for item in items], results, executions)
    assert status.counts.unknown == 0
    assert sum((entry.note or "").startswith("trickled") for entry in sandbox.journal) == 1


async def test_a_ticket_forgotten_for_good_is_lost(tmp_path: Path) -> None:
    """A ticket the vendor no longer knows is LOST past its grace, and its items are UNKNOWN."""
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches({"forget_tickets": -1})
    async with (
        clock.running(),
        sandbox.running() as url,
        BatchHub(tmp_path / "jobs.db", {"shop": sandbox.account(url)}, clock=clock, seed=1) as hub,
    ):
        job = await hub.submit("shop", demo_requests(ITEMS))
        status = await job.wait(timeout_s=24 * 3600)
    assert (status.state, status.counts.unknown) == (BatchState.LOST, ITEMS)


async def test_stop_on_first_failure_over_http(tmp_path: Path) -> None:
    """The vendor stops at the failed item, and the next ticket is never sent."""
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches({"completed_not_run": True})
    items = demo_requests(1_100)
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


async def test_the_budget_holds_over_many_jobs(tmp_path: Path) -> None:
    """Thirty jobs at 60 requests a minute never earn a 429."""
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches({"requests_per_minute": 60})
    async with clock.running(), sandbox.running() as url:
        account = EcwidAccount(
            store_id=1003, token=sandbox.token, base_url=url, requests_per_minute=60
        )
        async with BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock) as hub:
            jobs = [await hub.submit("shop", demo_requests(3)) for _ in range(30)]
            outcomes = {(await job.wait()).outcome for job in jobs}
    assert outcomes == {Outcome.SUCCEEDED}
    assert {entry.status for entry in sandbox.journal} == {200}


def read_all(folder: Path) -> bytes:
    """Return everything in the files of a store."""
    return b"".join(path.read_bytes() for path in folder.glob("jobs.db*") if path.is_file())


async def test_no_secret_is_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Law 9: a refused token is in no error, log line, repr or file of the store."""
    token = "secret_wrong_token_123"
    caplog.set_level("DEBUG", logger="batchhub")
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    async with clock.running(), sandbox.running() as url:
        account = EcwidAccount(store_id=1003, token=token, base_url=url)
        async with BatchHub(tmp_path / "jobs.db", {"shop": account}, clock=clock) as hub:
            job = await hub.submit("shop", demo_requests(600))
            with pytest.raises(CredentialsError) as caught:
                await job.wait()
            status = await job.refresh()
    assert status.contact is Contact.PAUSED
    assert len(sandbox.journal) <= 2
    stored = read_all(tmp_path)
    chain: BaseException | None = caught.value
    told = f"{account!r} {status!r} {caplog.text} {stored!r} "
    while chain is not None:
        told += f"{chain!r} {chain}"
        chain = chain.__cause__ or chain.__context__
    assert token not in told
    assert "403" in str(caught.value)


async def test_cancel_keeps_what_ran(tmp_path: Path) -> None:
    """After a cancel the items that ran have their results, the others are not executed."""
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches({"item_time_s": 1.0})
    items = demo_requests(700)
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

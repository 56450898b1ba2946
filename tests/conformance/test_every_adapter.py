"""What holds for every adapter: the library against each stand-in over HTTP, on a fake clock."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from support.faults import FAULTS, ITEMS, MORE_FAULTS, Fault
from support.hubs import results_of
from support.stand_ins import STAND_INS
from support.truth import check_truth

from batchhub import BatchHub, BatchState, BatchStatus, Outcome
from batchhub.sandbox import Sandbox
from batchhub.testing import FakeClock
from batchhub.transport import Limits, Transport
from batchhub.wire import converter


@frozen
class Run:
    """What became of a job, and the stand-in it ran at."""

    status: BatchStatus
    results: list[dict[str, Any]]
    sandbox: Sandbox


async def run_job(
    vendor: str,
    switches: dict[str, Any],
    account: dict[str, Any] | None = None,
    store: Path | str = ":memory:",
) -> Run:
    """Run a job of 25 items, two of which fail, to its end."""
    clock = FakeClock()
    sandbox = STAND_INS[vendor].sandbox(clock=clock)
    sandbox.change_switches(switches)
    async with clock.running(), sandbox.running() as url:
        accounts = {"one": evolve(sandbox.account(url), **(account or {}))}
        async with BatchHub(store, accounts, clock=clock, seed=1) as hub:
            job = await hub.submit(
                "one", STAND_INS[vendor].items, operation=STAND_INS[vendor].operation
            )
            status = await job.wait(timeout_s=24 * 3600)
            results: list[dict[str, Any]] = converter.unstructure(await results_of(job))
    await clock.advance(60.0)
    return Run(status, results, sandbox)


def check_run(vendor: str, run: Run, *, runs_again: bool = False) -> None:
    """Hold the results against the stand-in's journal."""
    executions = [execution.to_json() for execution in run.sandbox.executions]
    check_truth(STAND_INS[vendor].names, run.results, executions, most=1 + runs_again)


def check_held(vendor: str, run: Run, submits: int = 1) -> None:
    """Check how many submits were made, and that the vendor is left alone."""
    requests = [(entry.method, entry.path) for entry in run.sandbox.journal]
    STAND_INS[vendor].check_held(requests, submits)


@pytest.mark.parametrize(
    ("vendor", "fault"),
    [
        pytest.param(vendor, fault, id=f"{vendor}-{fault.name}")
        for vendor in STAND_INS
        for fault in [*FAULTS.get(vendor, ()), *MORE_FAULTS.get(vendor, ())]
        if fault.healed is None
    ],
)
async def test_results_are_true_under_every_fault(vendor: str, fault: Fault) -> None:
    """Whatever the vendor does, no item runs twice, and what is said agrees with the journal."""
    run = await run_job(vendor, fault.switches, fault.account)
    assert len({e.item_id for e in run.sandbox.executions}) == fault.executed
    assert {finding.code for finding in run.status.findings} == fault.findings
    assert run.sandbox.knocks == 0
    assert run.status.is_held == fault.is_held
    if fault.is_held:
        check_held(vendor, run, fault.submits)
    else:
        check_run(vendor, run, runs_again=fault.runs_again)
        assert run.status.counts.unknown == fault.unknown


@pytest.mark.parametrize("is_endless", [True, False], ids=["endless", "silent"])
@pytest.mark.parametrize(
    ("vendor", "verb", "is_held"),
    [(vendor, *each) for vendor, stand_in in STAND_INS.items() for each in stand_in.hung.items()],
)
async def test_an_answer_that_never_ends(
    vendor: str,
    verb: str,
    is_held: bool,
    is_endless: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer that does not come to its end is given up, and no item runs twice for that."""
    limits = Limits(total_s=0.5) if is_endless else Limits(read_s=0.2)
    monkeypatch.setattr(
        "batchhub._engine.account_adapter.Transport", partial(Transport, limits=limits)
    )
    switches = {
        "trickled_answers": 1,
        "trickle_bytes_per_s": 1_000.0 if is_endless else 0.0,
        "trickle_endless": True,
        "network_verbs": verb,
    }
    run = await run_job(
        vendor, switches, dict(STAND_INS[vendor].hung_account), tmp_path / "jobs.db"
    )
    notes = [entry.note or "" for entry in run.sandbox.journal]
    assert sum(note.startswith("trickled") for note in notes) == 1
    assert run.status.is_held == is_held
    if is_held:
        check_held(vendor, run)
    else:
        check_run(vendor, run, runs_again=STAND_INS[vendor].repeats and verb == "submit")
        assert run.status.counts.unknown == 0


@pytest.mark.parametrize(
    "vendor", [vendor for vendor, stand_in in STAND_INS.items() if stand_in.keeps_tickets]
)
async def test_a_ticket_forgotten_for_good_is_lost(vendor: str) -> None:
    """A ticket the vendor no longer knows is LOST past its grace, and its items are UNKNOWN."""
    run = await run_job(vendor, {"forget_tickets": -1})
    assert (run.status.state, run.status.counts.unknown) == (BatchState.LOST, ITEMS)


@pytest.mark.parametrize("vendor", [*STAND_INS])
async def test_the_budget_holds_over_many_jobs(vendor: str, tmp_path: Path) -> None:
    """Thirty jobs at 60 requests a minute never earn a 429."""
    clock, stand_in = FakeClock(), STAND_INS[vendor]
    sandbox = stand_in.sandbox(clock=clock)
    sandbox.change_switches(stand_in.budget)
    good = [item for n, item in enumerate(stand_in.make_items(99), 1) if n % 10]
    async with clock.running(), sandbox.running() as url:
        accounts = {"one": evolve(sandbox.account(url), **stand_in.budget_account)}
        async with BatchHub(tmp_path / "jobs.db", accounts, clock=clock) as hub:
            jobs = [
                await hub.submit("one", good[n : n + 3], operation=stand_in.operation)
                for n in range(0, 90, 3)
            ]
            outcomes = {(await job.wait()).outcome for job in jobs}
    assert outcomes == {Outcome.SUCCEEDED}
    assert [entry for entry in sandbox.journal if not 200 <= entry.status < 300] == []

"""The library against the Mircate stand-in over HTTP, every switch in turn, on a fake clock."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, field, frozen
from support.hubs import results_of

from batchhub import BatchHub, BatchState, BatchStatus, ItemResult, Outcome
from batchhub.testing import FakeClock
from batchhub_mircate.sandbox import MircateSandbox

ITEMS = 60
BAD = 6


@frozen(kw_only=True)
class Case:
    """
    How the stand-in is set, and what comes of 60 items of which 6 fail.

    Attributes:
        name: What to call it.
        switches: How the stand-in is set.
        account: Settings of the account that differ from the defaults.
        claims: Whether the vendor says enough for every item to be known.
        findings: The codes of the findings that must be on the status.
        refs: How many ids the vendor gives for the request.
    """

    name: str
    switches: dict[str, Any]
    account: dict[str, Any] = field(factory=dict)
    claims: bool = True
    findings: set[str] = field(factory=set)
    refs: int = 1


CASES = [
    Case(name="none", switches={}),
    Case(name="batchIds", switches={"ids_form": "batchIds"}),
    Case(name="a list of objects", switches={"ids_form": "list_of_objects"}),
    Case(name="several ids", switches={"ids_form": "batchIds", "ids_per_request": 3}, refs=3),
    Case(name="ids to be encoded", switches={"odd_ids": True}),
    Case(name="ratio 12/24", switches={"ratio_format": "slash"}),
    Case(name="ratio 0.5", switches={"ratio_format": "fraction"}),
    Case(name="ratio 50", switches={"ratio_format": "number"}),
    Case(name="no ratio", switches={"ratio_format": "absent"}),
    Case(
        name="another language",
        switches={"word_done": "OK"},
        account={"states": {"ok": "completed"}},
    ),
    Case(
        name="a word nobody documented",
        switches={"word_done": "FINITO"},
        findings={"unknown_word", "completed_by_counts"},
    ),
    Case(name="a stuck word", switches={"stuck_word": True}, findings={"completed_by_counts"}),
    Case(name="late counts", switches={"late_counts_s": 10.0}),
    Case(
        name="counts that never come",
        switches={"no_counts": True},
        claims=False,
        findings={"counts_short"},
    ),
    Case(name="429", switches={"answer_429": 1, "block_s": 5.0, "retry_after": True}),
    Case(name="not visible at first", switches={"visible_after_s": 20.0}),
    Case(
        name="failures nobody names",
        switches={"silent_failures": 2},
        claims=False,
        findings={"failures_differ"},
    ),
    Case(name="failures named late", switches={"late_failures_s": 10.0}),
    Case(name="barcode", switches={"failed_key": "barcode"}),
    Case(name="named one level deeper", switches={"failed_nested": True}),
    Case(name="fields missing", switches={"missing_fields": "ratio,pushPriceFrequency"}),
    Case(name="an answer from a cache", switches={"stale_age_s": 3.0}),
]


def make_items(operation: str = "receive-price") -> list[dict[str, Any]]:
    """Make items of which each tenth names a product that is not there."""
    return [
        {
            "id": f"p{n}",
            "sku": f"A-{n if n % 10 else 900_000 + n}",
            "barcode": f"{n if n % 10 else 900_000 + n:013}",
            **({"price": n / 4} if operation == "receive-price" else {"stock": n}),
        }
        for n in range(1, ITEMS + 1)
    ]


async def run_case(
    case: Case, tmp_path: Path, operation: str = "receive-price"
) -> tuple[MircateSandbox, BatchStatus, list[ItemResult]]:
    """Run a job under a case to its end."""
    clock = FakeClock()
    sandbox = MircateSandbox(clock=clock)
    sandbox.change_switches(case.switches)
    async with clock.running(), sandbox.running() as url:
        account = evolve(sandbox.account(url), **case.account)
        async with BatchHub(tmp_path / "jobs.db", {"supplier": account}, clock=clock) as hub:
            job = await hub.submit("supplier", make_items(operation), operation=operation)
            status = await job.wait(timeout_s=24 * 3600)
            return sandbox, status, await results_of(job)


def check(sandbox: MircateSandbox, status: BatchStatus, results: list[ItemResult]) -> None:
    """Hold the results against the journal: one each, true, and nothing ran twice."""
    assert [r.id for r in results] == [f"p{n}" for n in range(1, ITEMS + 1)]
    ran = Counter(execution.item_id for execution in sandbox.executions)
    assert set(ran.values()) <= {1}
    worked = {e.item_id for e in sandbox.executions if e.status == 200}
    for result, item in zip(results, make_items(), strict=True):
        if result.state.value == "succeeded":
            assert item["sku"] in worked
        if result.state.value == "failed":
            assert item["sku"] not in worked
    assert status.counts.total == ITEMS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_results_are_true_under_every_switch(case: Case, tmp_path: Path) -> None:
    """Whatever the vendor does, each item has one result, and nobody claims what nobody said."""
    sandbox, status, results = await run_case(case, tmp_path)
    check(sandbox, status, results)
    assert status.state is BatchState.COMPLETED
    assert case.findings <= {finding.code for finding in status.findings}
    assert len(status.tickets[0].vendor_refs) == case.refs
    if case.claims:
        assert (status.counts.succeeded, status.counts.failed) == (ITEMS - BAD, BAD)
        assert status.outcome is Outcome.PARTIAL
    else:
        assert status.counts.succeeded == 0
        assert status.outcome is Outcome.INDETERMINATE


@pytest.mark.parametrize("operation", ["receive-price", "receive-stock"])
async def test_every_operation_of_the_import(operation: str, tmp_path: Path) -> None:
    """Prices and stock go their own ways and come back the same."""
    sandbox, status, results = await run_case(Case(name="", switches={}), tmp_path, operation)
    check(sandbox, status, results)
    assert status.operation == operation
    assert {execution.path for execution in sandbox.executions} == {operation}


async def test_a_batch_that_fails_as_a_whole(tmp_path: Path) -> None:
    """What was named is FAILED; of the rest nobody can tell."""
    sandbox, status, results = await run_case(Case(name="", switches={"batch_fails": 1}), tmp_path)
    check(sandbox, status, results)
    assert status.state is BatchState.FAILED
    assert status.counts.succeeded == 0
    assert status.counts.unknown
    assert not status.is_refused


async def test_resending_is_the_users_word(tmp_path: Path) -> None:
    """With `resend_unconfirmed` the batch is sent again, at the risk that the setting states."""
    case = Case(name="", switches={"lost_submit_answers": 1}, account={"resend_unconfirmed": True})
    sandbox, status, _ = await run_case(case, tmp_path)
    assert status.outcome is Outcome.PARTIAL
    assert len(sandbox.executions) == 2 * ITEMS


async def test_the_vendors_other_fields_stay(tmp_path: Path) -> None:
    """`pushPriceFrequency` and its like are on the ticket as they came."""
    _, status, _ = await run_case(Case(name="", switches={}), tmp_path)
    assert {"pushPriceFrequency", "bulkOperationType", "ratio"} <= set(status.tickets[0].vendor)

"""The real command against the Ecwid stand-in, each in its own process, every fault in turn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.faults import FAULTS, ITEMS, Fault
from support.processes import (
    ask_sandbox,
    batchhub,
    read_results,
    running_sandbox,
    write_items,
    write_settings,
)
from support.truth import check_truth, demo_requests


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_results_file_agrees_with_the_journal(fault: Fault, tmp_path: Path) -> None:
    """Under every fault `run` ends by itself, and its file says what the vendor did."""
    items = demo_requests(ITEMS)
    write_items(tmp_path / "items.jsonl", items)
    with running_sandbox("ecwid", **fault.switches) as url:
        write_settings(tmp_path, url)
        done = batchhub(
            tmp_path, "run", "items.jsonl", "--account=shop", "--out=results.jsonl", "--json"
        )
        executions = ask_sandbox(url, "journal")["executions"]
    assert done.code == 1, done.err
    status = json.loads(done.out)
    results = read_results(tmp_path / "results.jsonl")
    check_truth([item["id"] for item in items], results, executions)
    assert sum(result["state"] == "unknown" for result in results) == fault.unknown
    assert {finding["code"] for finding in status["findings"]} == fault.findings
    assert status["counts"]["total"] == ITEMS

"""The real command at a stand-in that has a fault."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from .crash_lab import Ended, Lab
from .faults import EXIT_SOME_FAILED, ITEMS, Fault
from .processes import ask_sandbox, read_results, set_sandbox, write_items
from .stand_ins import STAND_INS, StandIn, standing_in
from .truth import check_truth


def run_under(lab: Lab, vendor: str, fault: Fault, folder: Path) -> None:
    """
    Run a job of 25 items with the real command under a fault, and hold it against the journal.

    Args:
        lab: What starts the command.
        vendor: At whose stand-in.
        fault: What it does.
        folder: Where to run; not there yet.

    Raises:
        AssertionError: Something is not as it must be.
    """
    stand_in = STAND_INS[vendor]
    folder.mkdir()
    write_items(folder / "items.jsonl", stand_in.items)
    sandbox = stand_in.sandbox()
    sandbox.change_switches(fault.switches)
    with standing_in(sandbox) as url:
        stand_in.write_settings(folder, sandbox, url, **fault.account)
        secrets = sandbox.account(url).secrets
        done = _run(lab, folder, stand_in, secrets)
        assert done.code == fault.code, done.err
        if fault.healed is not None:
            set_sandbox(url, **fault.healed)
            done = _run(lab, folder, stand_in, secrets)
            assert done.code == EXIT_SOME_FAILED, done.err
        journal = ask_sandbox(url, "journal")
    assert journal["knocks"] == 0
    executed = len({one["item_id"] for one in journal["executions"]})
    status = json.loads(done.out)
    assert {finding["code"] for finding in status["findings"]} == fault.findings
    if fault.is_held:
        assert (status["state"], status["counts"]["pending"]) == ("unconfirmed", ITEMS)
        requests = [(each["method"], each["path"]) for each in journal["requests"]]
        stand_in.check_held(requests, fault.submits)
        # The vendor may still be at work.
        assert bool(executed) == fault.runs
        assert executed <= fault.executed
        assert "batchhub retry" in done.err
        assert not (folder / "results.jsonl").exists()
        return
    assert executed == fault.executed
    results = read_results(folder / "results.jsonl")
    most = 1 + fault.runs_again
    check_truth(stand_in.names, results, journal["executions"], most=most)
    assert sum(result["state"] == "unknown" for result in results) == fault.unknown
    assert status["counts"]["total"] == ITEMS


def _run(lab: Lab, folder: Path, stand_in: StandIn, secrets: Iterable[str]) -> Ended:
    words = ("run", "items.jsonl", *stand_in.words, "--key=one", "--out=results.jsonl", "--json")
    done = lab.run(folder, *words)
    assert not any(secret in done.out + done.err for secret in secrets)
    return done

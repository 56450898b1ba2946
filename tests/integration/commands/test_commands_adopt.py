"""`adopt` as a user has it: a batch that was found at the vendor, taken for a held ticket."""

from __future__ import annotations

import json
from pathlib import Path

from support.commands import Run, executions, job_ids, make_items, write_settings
from support.processes import ask_sandbox, set_sandbox, write_items


def hold(sandbox: str, run: Run, folder: Path, mark: str, count: int = 3) -> tuple[str, str]:
    """Run a job whose submit gets no answer; return its id, and its batch's at the vendor."""
    write_settings(folder, sandbox, "forgetful")
    write_items(folder / "items.jsonl", make_items(count, mark))
    set_sandbox(sandbox, lost_submit_answers=1)
    done = run("run", "items.jsonl", "--account", "shop")
    assert done.code == 5
    job_id = job_ids(folder)[-1]
    assert f"batchhub adopt {job_id} --ref ID" in done.err
    found = [
        each["ticket"]
        for each in ask_sandbox(sandbox, "journal")["executions"]
        if each["item_id"].startswith(f"{mark}-")
    ]
    return job_id, found[0]


def test_adopt_and_go_on(sandbox: str, run: Run, tmp_path: Path) -> None:
    """It says what it has found, and how to go on; the results are those of the first sending."""
    job_id, ref = hold(sandbox, run, tmp_path, "adopt")
    done = run("adopt", "latest", "--ref", ref)
    assert (done.code, done.out) == (0, "")
    assert f"ticket 1 of job {job_id} is {ref} at forgetful: in progress" in done.err
    assert "batchhub resume" in done.err
    resumed = run("resume")
    assert resumed.code == 0, resumed.err
    assert len(executions(sandbox, "adopt")) == 3
    status = json.loads(run("status", job_id, "--json").out)
    assert status["outcome"] == "succeeded"
    assert [(f["code"], f["examples"]) for f in status["findings"]] == [("adopted", [ref])]


def test_adopt_and_wait(sandbox: str, run: Run, tmp_path: Path) -> None:
    """With --wait it ends as a run does, and the same again is well."""
    job_id, ref = hold(sandbox, run, tmp_path, "wait")
    done = run("adopt", job_id, "--ref", ref, "--ticket", "1", "--wait", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["outcome"] == "succeeded"
    again = run("adopt", job_id, "--ref", ref, "--quiet")
    assert (again.code, again.out) == (0, "")


def test_what_is_refused_changes_nothing(sandbox: str, run: Run, tmp_path: Path) -> None:
    """One line each, exit code 2, and the job is held as before."""
    job_id, ref = hold(sandbox, run, tmp_path, "refused")
    wrong = {
        ("adopt", job_id, "--ref", "nobody-knows"): "forgetful knows no batch 'nobody-knows'",
        ("adopt", job_id, "--ref", ref, "--ref", "b"): "answers about one batch, not about 2",
        ("adopt", job_id, "--ref", ref, "--ticket", "7"): "has 1 ticket, and no ticket 7",
        ("adopt", job_id, "--ref", " "): "--ref is the vendor's id of a batch",
        ("adopt", "261122-k3f9x2ab", "--ref", ref): "no job named '261122-k3f9x2ab'",
    }
    for words, why in wrong.items():
        refused = run(*words)
        assert refused.code == 2, refused.err
        assert why in refused.err
        assert len(refused.err.splitlines()) == 1, refused.err
    assert json.loads(run("status", job_id, "--json").out)["state"] == "unconfirmed"


def test_several_tickets_are_listed(sandbox: str, run: Run, tmp_path: Path) -> None:
    """The command says with which option one is named."""
    write_settings(tmp_path, sandbox, "forgetful")
    with (tmp_path / "batchhub.toml").open("a") as settings:
        settings.write("max_request_bytes = 300\n")
    write_items(tmp_path / "items.jsonl", make_items(6, "several"))
    set_sandbox(sandbox, lost_submit_answers=2)
    assert run("run", "items.jsonl", "--account", "shop").code == 5
    [job_id] = job_ids(tmp_path)
    refused = run("adopt", job_id, "--ref", "x")
    assert refused.code == 2
    assert "has 2 unconfirmed tickets; say which one with --ticket: 1 (" in refused.err

"""The real command's way with jobs, from items to results."""

from __future__ import annotations

import gzip
import json
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from attrs import evolve
from support.by_vendor import ADAPTERS
from support.commands import (
    Run,
    assert_nowhere,
    executions,
    job_ids,
    make_items,
    parse_lines,
    running,
    write_settings,
)
from support.patience import PATIENCE_S
from support.processes import (
    COMMAND,
    TOKEN,
    environment,
    read_results,
    set_sandbox,
    write_items,
)
from support.stand_ins import STAND_INS
from typer.testing import CliRunner

from batchhub.cli.app import app

KEYS = ["id", "state", "code", "message", "body", "vendor_ref"]


def test_run_to_the_results(sandbox: str, run: Run, tmp_path: Path) -> None:
    """Each item ran once at the vendor and has one line, in the order of the items."""
    write_settings(tmp_path, sandbox)
    items = make_items(620, "run", bad=(5, 600))
    write_items(tmp_path / "items.jsonl", items)
    done = run("run", "items.jsonl", "--account", "shop", "--out", "out.jsonl", "--json")
    assert done.code == 1
    results = read_results(tmp_path / "out.jsonl")
    assert [list(result) for result in results] == [KEYS] * 620
    assert [result["id"] for result in results] == [item["id"] for item in items]
    assert sorted(executions(sandbox, "run")) == sorted((r["id"], r["code"]) for r in results)
    assert [r["id"] for r in results if r["state"] == "failed"] == ["run-5", "run-600"]
    status = json.loads(done.out)
    assert status["outcome"] == "partial"
    assert status["counts"]["total"] == 620
    assert len(status["tickets"]) == 2
    assert "partial; 618 succeeded, 2 failed, of 620" in done.err
    assert "Product #… not found  run-5, run-600" in done.err
    assert f"batchhub retry {status['job_id']}" in done.err
    assert_nowhere(TOKEN, tmp_path)


def test_the_same_key_joins_the_job(sandbox: str, run: Run, tmp_path: Path) -> None:
    """A run that is repeated with its key sends nothing again; with other items it is refused."""
    write_settings(tmp_path, sandbox)
    write_items(tmp_path / "items.jsonl", make_items(3, "key"))
    call = ("run", "items.jsonl", "--account", "shop", "--key", "k", "--label", "my [b]label")
    first, second = run(*call, "--json"), run(*call, "--json")
    assert (first.code, second.code) == (0, 0)
    assert json.loads(first.out)["job_id"] == json.loads(second.out)["job_id"]
    assert json.loads(first.out)["label"] == "my [b]label"
    assert "joined by its key, submitted" in second.err
    assert len(executions(sandbox, "key")) == 3
    write_items(tmp_path / "items.jsonl", make_items(4, "key"))
    other = run(*call)
    assert other.code == 2
    assert "which has other items" in other.err


def test_submit_then_readers_then_resume(sandbox: str, run: Run, tmp_path: Path) -> None:
    """`submit` prints the id alone; readers need no account; `resume` ends what is unfinished."""
    write_settings(tmp_path, sandbox)
    write_items(tmp_path / "items.jsonl", make_items(30, "sub", bad=(7,)))
    set_sandbox(sandbox, never_ends=True)
    done = run("submit", "items.jsonl", "--account", "shop")
    assert done.code == 0
    (job,) = done.out.split()
    assert "continue with: batchhub resume" in done.err

    (tmp_path / "batchhub.toml").rename(tmp_path / "away.toml")
    store = ("--store", "jobs.db")
    (listed,) = json.loads(run("list", "--json", *store).out)
    assert (listed["job_id"], listed["outcome"]) == (job, None)
    assert listed["state"] in {"queued", "in_progress"}  # `submit` may have asked already
    early = run("results", job, *store)
    assert (early.code, early.out) == (0, "")
    assert "0 of 30 items have a result so far" in early.err
    (tmp_path / "away.toml").rename(tmp_path / "batchhub.toml")

    set_sandbox(sandbox, never_ends=False)
    resumed = run("resume", "--json")
    assert resumed.code == 1
    assert [status["state"] for status in parse_lines(resumed.out)] == ["completed"]
    assert len(executions(sandbox, "sub")) == 30
    failed = run("results", job, "--only", "failed,unknown")
    assert [r["id"] for r in parse_lines(failed.out)] == ["sub-7"]
    page = run("status", job)
    assert "30: 29 succeeded, 1 failed" in page.out


def test_retry_repeats_what_failed(sandbox: str, run: Run, tmp_path: Path) -> None:
    """`retry` makes one new job of the failed items, and the same one when it is repeated."""
    write_settings(tmp_path, sandbox)
    write_items(tmp_path / "items.jsonl", make_items(5, "again", bad=(2, 4)))
    assert run("run", "items.jsonl", "--account", "shop", "--quiet").code == 1
    (job,) = job_ids(tmp_path)
    retried = run("retry", job)
    assert retried.code == 0
    (new,) = retried.out.split()
    watched = run("watch", new, "--json")
    assert watched.code == 1
    states = [status["state"] for status in parse_lines(watched.out)]
    assert states[-1] == "completed"
    assert [r["id"] for r in parse_lines(run("results", new).out)] == ["again-2", "again-4"]
    assert sorted(executions(sandbox, "again"))[1:4] == [
        *([("again-2", 404)] * 2),
        ("again-3", 200),
    ]
    assert run("retry", job).out.split() == [new]


def test_cancel_stops_a_job(sandbox: str, run: Run, tmp_path: Path) -> None:
    """`cancel` stops a job, shows what became of it, and may be repeated."""
    write_settings(tmp_path, sandbox)
    set_sandbox(sandbox, item_time_s=3600.0)
    write_items(tmp_path / "items.jsonl", make_items(5, "cancel"))
    job = run("submit", "items.jsonl", "--account", "shop").out.strip()
    done = run("cancel", job, "--json")
    assert done.code == 0
    assert json.loads(done.out)["job_id"] == job
    # `cancel` waits for a few seconds only; `watch` until the job has ended.
    assert "5 not executed" in run("watch", job).err
    status = json.loads(run("status", job, "--json").out)
    assert status["counts"]["not_executed"] == 5
    assert "has already ended" in run("cancel", job).err
    assert executions(sandbox, "cancel") == []


def test_a_held_job_waits_for_a_decision(sandbox: str, run: Run, tmp_path: Path) -> None:
    """Where nobody can tell whether the vendor has it, the code is 5 until somebody decides."""
    write_settings(tmp_path, sandbox, "forgetful")
    set_sandbox(sandbox, lost_submit_answers=1)
    write_items(tmp_path / "items.jsonl", make_items(3, "held"))
    done = run("run", "items.jsonl", "--account", "shop", "--quiet")
    assert done.code == 5
    (job,) = job_ids(tmp_path)
    again, give_up = f"batchhub retry {job} --unknown", f"batchhub cancel {job}"
    assert again in done.err
    assert give_up in done.err
    undecided = run("retry", job)
    assert (undecided.code, undecided.out) == (2, "")
    assert again in undecided.err
    assert run("resume").code == 5
    assert run("retry", job, "--unknown").code == 0
    assert run("resume").code == 0
    assert len(executions(sandbox, "held")) == 6


def test_adapters_and_demo(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`demo` shows every sandbox, leaves out what does not load, and keeps its store."""
    monkeypatch.syspath_prepend(plugin)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("batchhub.cli.commands.demo.DEMO_ITEMS", 500)
    monkeypatch.setattr("batchhub.cli.commands.demo._ITEM_TIME_S", 0.0)
    for adapter in ADAPTERS.values():
        quick = {
            name: evolve(capabilities, poll_s=0.1, min_poll_s=0.05)
            for name, capabilities in adapter.operations.items()
        }
        monkeypatch.setattr(adapter, "operations", quick)
    done = CliRunner().invoke(app, ["demo", "--json", "--store", "demo.db"])
    assert done.exit_code == 0
    warning = next(line for line in done.stderr.splitlines() if line.startswith("warning: "))
    assert "'broken'" in warning
    statuses = parse_lines(done.stdout)
    assert {*STAND_INS} <= {status["account"] for status in statuses}
    for status in statuses:
        assert status["counts"]["total"] == 500
        assert status["outcome"] == "partial"
    only = f"batchhub results {statuses[0]['job_id']} --only failed --store demo.db"
    assert only in done.stderr
    advice = next(line for line in done.stderr.splitlines() if "batchhub list" in line)
    listed = CliRunner().invoke(app, [*shlex.split(advice)[1:], "--json"])
    newest_first = [s["job_id"] for s in reversed(statuses)]
    assert [s["job_id"] for s in json.loads(listed.stdout)] == newest_first


def test_the_sandbox_prints_settings_that_work(run: Run, tmp_path: Path) -> None:
    """What `sandbox` prints is a settings file; interrupted, it ends well."""
    with running(tmp_path, "sandbox", "ecwid", "--set", "item_time_s=0") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        settings = "".join(lines).replace('adapter = "ecwid"', 'adapter = "quick"')
        (tmp_path / "batchhub.toml").write_text(settings)
        item = '{"method":"GET","path":"/products/1"}\n'
        done = subprocess.run(
            [COMMAND, "run", "-", "--account", "ecwid"],
            cwd=tmp_path,
            env=environment(tmp_path),
            input=item,
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE_S) == 0


def test_a_table_is_mapped_and_sent(sandbox: str, run: Run, tmp_path: Path) -> None:
    """Rows become the vendor's items by --map and --set, from a packed file and from a pipe."""
    write_settings(tmp_path, sandbox)
    table = 'artikel;preis;ad\n1;9,90;"çay; demli"\n2;4,50;007\n'
    (tmp_path / "fiyat.csv.gz").write_bytes(gzip.compress(table.encode()))
    how = ("--account", "shop", "--map", "PUT /products/{artikel}", "--decimal", "comma")
    values = ("--set", "price={preis}", "--set", "name={ad}", "--id", "csv-{artikel}")
    done = run("run", "fiyat.csv.gz", *how, *values, "--out", "results.jsonl")
    assert done.code == 0, done.err
    assert [r["id"] for r in read_results(tmp_path / "results.jsonl")] == ["csv-1", "csv-2"]
    assert executions(sandbox, "csv") == [("csv-1", 200), ("csv-2", 200)]
    piped = "id,method,path,body.price\npiped-1,PUT,/products/1,9.90\n"
    assert run("run", "-", "--account", "shop", stdin=piped).code == 0
    assert executions(sandbox, "piped") == [("piped-1", 200)]

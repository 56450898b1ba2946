"""
The real command in a process of its own, against a stand-in that runs in the test's.

Most commands are forked from a process that has everything imported; those that are sent a signal,
write to a pipe or draw on a terminal are started by the installed script.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import pty
import re
import shlex
import signal
import sqlite3
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.by_vendor import ADAPTERS
from support.clocks import HandClock
from support.crash_lab import Ended, Lab, wait_until
from support.patience import PATIENCE_S
from support.ports import silent_port
from support.processes import (
    COMMAND,
    TOKEN,
    ask_sandbox,
    batchhub,
    environment,
    read_results,
    set_sandbox,
    write_items,
)
from support.stand_ins import STAND_INS, standing_in
from typer.testing import CliRunner

from batchhub.cli.app import app
from batchhub_ecwid.sandbox import EcwidSandbox

KEYS = ["id", "state", "code", "message", "body", "vendor_ref"]

PLUGIN = """
from attrs import evolve
from batchhub_ecwid import EcwidAccount, EcwidAdapter

QUICK = evolve(EcwidAdapter.operations["batch"], poll_s=0.1, min_poll_s=0.05)

class QuickAccount(EcwidAccount):
    adapter = "quick"

class Quick(EcwidAdapter):
    name, account_type, sandbox = "quick", QuickAccount, None
    operations = {"batch": QUICK}

class ForgetfulAccount(EcwidAccount):
    adapter = "forgetful"

class Forgetful(EcwidAdapter):
    name, account_type, sandbox = "forgetful", ForgetfulAccount, None
    operations = {"batch": evolve(QUICK, dedup_window_s=None)}
"""
"""Ecwid, asked often; and one that would not recognise a request that comes twice."""

Run = Callable[..., Ended]


@pytest.fixture(scope="module", autouse=True)
def plugin(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """
    Install adapters from outside, as a third party would, but by the path; gives the folder.

    The lab is there before, so that what others start does not find them.
    """
    del lab
    folder = tmp_path_factory.mktemp("plugin")
    info = folder / "quick-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: quick\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[batchhub.adapters.v1]\nquick = quick:Quick\nforgetful = quick:Forgetful\n"
        "broken = nowhere:Adapter\n"
    )
    (folder / "quick.py").write_text(PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield folder


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[str]:
    """A stand-in that runs for all tests."""
    sandbox = EcwidSandbox()
    sandbox.change_switches({"item_time_s": 0.001, "requests_per_minute": 100_000})
    with standing_in(sandbox) as url:
        yield url


@pytest.fixture
def sandbox(shared_sandbox: str) -> Iterator[str]:
    """The stand-in, as it was at its start."""
    switches = ask_sandbox(shared_sandbox, "switches")
    yield shared_sandbox
    set_sandbox(shared_sandbox, **switches)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Close what a test opens."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def run(lab: Lab, tmp_path: Path) -> Run:
    """Run the command in a folder of its own."""
    return partial(lab.run, tmp_path)


def write_settings(folder: Path, url: str, adapter: str = "quick") -> None:
    """Write a settings file with the account ``shop`` at the stand-in."""
    (folder / "batchhub.toml").write_text(
        f'store = "jobs.db"\n[accounts.shop]\nadapter = "{adapter}"\nstore_id = 1003\n'
        f'token = {{ env = "ECWID_TOKEN" }}\nbase_url = "{url}"\n'
    )


def make_items(count: int, mark: str, *, bad: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """Make new prices for products; those at the places `bad` do not exist."""
    return [
        {
            "id": f"{mark}-{n}",
            "method": "PUT",
            "path": f"/products/{900_000 + n if n in bad else n}",
            "body": {"price": n},
        }
        for n in range(1, count + 1)
    ]


def executions(url: str, mark: str) -> list[tuple[str, int]]:
    """Return what the stand-in ran of the items with a mark: id and status."""
    found = ask_sandbox(url, "journal")["executions"]
    return [(e["item_id"], e["status"]) for e in found if e["item_id"].startswith(f"{mark}-")]


def parse_lines(text: str) -> list[dict[str, Any]]:
    """Parse JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]


def job_ids(folder: Path) -> list[str]:
    """Return the ids of the jobs in the store, oldest first."""
    with closing(sqlite3.connect(folder / "jobs.db")) as store:
        return [job_id for (job_id,) in store.execute("SELECT job_id FROM jobs ORDER BY job_no")]


def assert_nowhere(secret: str, folder: Path) -> None:
    """Check that no file but the settings holds a secret."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".toml"]
    assert files
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


@contextmanager
def running(folder: Path, *arguments: str, **facts: Any) -> Iterator[subprocess.Popen[str]]:
    """Run the command while something else is done."""
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **facts,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


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
    assert "Product with id … is not found  run-5, run-600" in done.err
    assert f"batchhub retry {status['job_id']}" in done.err
    assert_nowhere(TOKEN, tmp_path)


def test_standard_streams_and_quiet(sandbox: str, tmp_path: Path) -> None:
    """Items may come from standard input and results go to standard output, with no other word."""
    write_settings(tmp_path, sandbox)
    text = "".join(json.dumps(item) + "\n" for item in make_items(3, "pipe"))
    how = ("--account", "shop", "--out", "-", "--quiet")
    done = batchhub(tmp_path, "run", "-", *how, stdin=text)
    assert (done.code, done.err) == (0, "")
    assert [(r["id"], r["state"]) for r in parse_lines(done.out)] == [
        ("pipe-1", "succeeded"),
        ("pipe-2", "succeeded"),
        ("pipe-3", "succeeded"),
    ]


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


def test_broken_items_send_nothing(sandbox: str, run: Run, tmp_path: Path) -> None:
    """A line that can't be sent is named by its number, and nothing reaches the vendor."""
    write_settings(tmp_path, sandbox)
    before = len(ask_sandbox(sandbox, "journal")["requests"])
    good = [json.dumps(item) for item in make_items(3, "broken")]
    (tmp_path / "items.jsonl").write_text("\n".join([*good, "", "{nope", ""]))
    done = run("run", "items.jsonl", "--account", "shop", "--out", "out.jsonl")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: items.jsonl: line 5: not valid JSON: ")
    (tmp_path / "items.jsonl").write_text("\n".join([*good, "", '{"path": "/products/1"}']))
    done = run("submit", "items.jsonl", "--account", "shop")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: items.jsonl: line 5 (id '4'): ")
    assert len(ask_sandbox(sandbox, "journal")["requests"]) == before
    assert not (tmp_path / "out.jsonl").exists()
    assert job_ids(tmp_path) == []


def test_a_wrong_token_is_asked_about_once(sandbox: str, run: Run, tmp_path: Path) -> None:
    """Refused credentials are 3, are not echoed, and are tried no more by this process."""
    write_settings(tmp_path, sandbox)
    settings = tmp_path / "batchhub.toml"
    wrong = "secret_wrong_0123456789"
    settings.write_text(settings.read_text().replace('{ env = "ECWID_TOKEN" }', f'"{wrong}"'))
    write_items(tmp_path / "items.jsonl", make_items(3, "token"))
    before = len(ask_sandbox(sandbox, "journal")["requests"])
    done = run("run", "items.jsonl", "--account", "shop", "-vv")
    assert done.code == 3
    assert len(ask_sandbox(sandbox, "journal")["requests"]) - before <= 2
    assert "batchhub resume" in done.err
    assert wrong not in done.out + done.err
    assert_nowhere(wrong, tmp_path)
    write_settings(tmp_path, sandbox)
    assert run("resume").code == 0


def test_a_missing_secret_names_key_and_file(
    sandbox: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stack: ExitStack,
) -> None:
    """A secret that is missing is named; it stops no other account, and its jobs are left."""
    port = stack.enter_context(silent_port())
    write_settings(tmp_path, sandbox)
    with (tmp_path / "batchhub.toml").open("a") as settings:
        settings.write(
            f'[accounts.other]\nadapter = "quick"\nstore_id = 7\ntoken = {{ env = "OTHER" }}\n'
            f'base_url = "http://127.0.0.1:{port}"\n'
        )
    write_items(tmp_path / "items.jsonl", make_items(2, "secret"))
    missing = run("run", "items.jsonl", "--account", "other")
    assert (missing.code, missing.out) == (2, "")
    assert "account 'other' in batchhub.toml: token" in missing.err
    assert run("submit", "items.jsonl", "--account", "shop").code == 0
    with monkeypatch.context() as patch:
        patch.setenv("OTHER", "secret_other_0123")
        unreachable = run("submit", "items.jsonl", "--account", "other")
        assert unreachable.code == 0
        assert "0 of 1 ticket sent; 1 to be sent by batchhub resume" in unreachable.err
        assert len(unreachable.out.split()) == 1
    resumed = run("resume")
    assert resumed.code == 4
    assert "account 'other' is ignored" in resumed.err
    assert "needs account 'other', complete, in the settings (quick:127.0.0.1:" in resumed.err
    assert "succeeded; 2 succeeded" in resumed.err


def test_an_unreachable_vendor_is_left_and_resumed(
    run: Run, tmp_path: Path, stack: ExitStack
) -> None:
    """Without contact `run` gives up with 4; the job is done once the vendor is there."""
    port = stack.enter_context(silent_port())
    write_settings(tmp_path, f"http://127.0.0.1:{port}")
    write_items(tmp_path / "items.jsonl", make_items(3, "gone"))
    done = run("run", "items.jsonl", "--account", "shop", "--contact-timeout", "0.5")
    assert done.code == 4
    assert "no contact with quick for 0.5 s" in done.err
    assert "continue with: batchhub resume" in done.err
    with running(tmp_path, "sandbox", "ecwid", "--port", str(port)) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert run("resume").code == 0
        assert len(executions(f"http://127.0.0.1:{port}", "gone")) == 3


def test_a_time_out_leaves_the_job(sandbox: str, run: Run, tmp_path: Path) -> None:
    """After --timeout the code is 4 and the job goes on at the vendor."""
    write_settings(tmp_path, sandbox)
    set_sandbox(sandbox, never_ends=True)
    write_items(tmp_path / "items.jsonl", make_items(3, "late"))
    done = run("run", "items.jsonl", "--account", "shop", "--timeout", "0.3", "--json")
    assert done.code == 4
    assert json.loads(done.out)["outcome"] is None
    set_sandbox(sandbox, never_ends=False)
    assert run("watch").code == 0
    assert len(executions(sandbox, "late")) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_run_can_go_on(
    sandbox: str, run: Run, tmp_path: Path, number: signal.Signals
) -> None:
    """A signal is 130 with the way to go on, and no item is done twice."""
    write_settings(tmp_path, sandbox)
    set_sandbox(sandbox, never_ends=True)
    mark = f"stop{int(number)}"
    write_items(tmp_path / "items.jsonl", make_items(4, mark))
    with running(tmp_path, "run", "items.jsonl", "--account", "shop") as process:
        wait_until(lambda: bool(executions(sandbox, mark)), "the vendor works at it")
        process.send_signal(number)
        _, shown = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130
    assert "interrupted; job " in shown
    assert "continue with: batchhub resume" in shown
    assert "Traceback" not in shown
    set_sandbox(sandbox, never_ends=False)
    assert run("resume").code == 0
    assert len(executions(sandbox, mark)) == 4


def test_a_table_is_mapped_and_sent(sandbox: str, run: Run, tmp_path: Path) -> None:
    """Rows become the vendor's items by --map and --set, from a packed file and from a pipe."""
    write_settings(tmp_path, sandbox)
    table = 'artikel;preis;ad\n1;9,90;"çay; demli"\n2;4,50;007\n'
    (tmp_path / "fiyat.csv.gz").write_bytes(gzip.compress(table.encode()))
    how = ("--account", "shop", "--map", "PUT /products/{artikel}", "--decimal-comma")
    values = ("--set", "price={preis}", "--set", "name={ad}", "--id", "csv-{artikel}")
    done = run("run", "fiyat.csv.gz", *how, *values, "--out", "results.jsonl")
    assert done.code == 0, done.err
    assert [r["id"] for r in read_results(tmp_path / "results.jsonl")] == ["csv-1", "csv-2"]
    assert executions(sandbox, "csv") == [("csv-1", 200), ("csv-2", 200)]
    piped = "id,method,path,body.price\npiped-1,PUT,/products/1,9.90\n"
    assert run("run", "-", "--account", "shop", stdin=piped).code == 0
    assert executions(sandbox, "piped") == [("piped-1", 200)]


def test_a_broken_table_sends_nothing(sandbox: str, run: Run, tmp_path: Path) -> None:
    """An error anywhere in the file comes before anything is sent; a dry run makes no store."""
    write_settings(tmp_path, sandbox)
    rows = "".join(f"half-{n},GET,/products/{n}\n" for n in range(1, 1200))
    (tmp_path / "items.csv").write_text(f"id,method,path\n{rows}half-x,GET\n")
    dry = run("submit", "items.csv", "--account", "shop", "--dry-run")
    assert dry.code == 2
    assert not (tmp_path / "jobs.db").exists()
    done = run("submit", "items.csv", "--account", "shop")
    assert done.code == 2
    assert done.err == (
        "error: items.csv: line 1201: the row has 2 cells, the header 3 columns; "
        "is one missing?; nothing was sent\n"
    )
    assert executions(sandbox, "half") == []


def test_waiting_for_input_can_be_interrupted(sandbox: str, tmp_path: Path) -> None:
    """While standard input is silent, a signal ends the command."""
    write_settings(tmp_path, sandbox)
    arguments = ("run", "-", "--account", "shop", "-v")
    with running(tmp_path, *arguments, stdin=subprocess.PIPE) as process:
        wait_until((tmp_path / "jobs.db").exists, "it has begun")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE_S)
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1] == "interrupted; nothing was sent"
        assert process.returncode == 130


def test_trouble_with_the_store_is_told(sandbox: str, run: Run, tmp_path: Path) -> None:
    """A store that can't be made, or is of a newer version, is 4 in one line."""
    write_settings(tmp_path, sandbox)
    write_items(tmp_path / "items.jsonl", make_items(1, "store"))
    call = ("run", "items.jsonl", "--account", "shop")
    below_a_file = run(*call, "--store", "items.jsonl/jobs.db")
    assert below_a_file.code == 4
    assert "store " in below_a_file.err.splitlines()[0]
    assert run(*call).code == 0
    with sqlite3.connect(tmp_path / "jobs.db") as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    newer = run(*call)
    assert newer.code == 4
    assert "written by a newer batchhub" in newer.err
    assert len(executions(sandbox, "store")) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_results_that_can_not_be_written_are_not_lost(
    sandbox: str, run: Run, tmp_path: Path
) -> None:
    """A full disk is an error that leads to the results, which the store still has."""
    write_settings(tmp_path, sandbox)
    write_items(tmp_path / "items.jsonl", make_items(2, "full"))
    done = run("run", "items.jsonl", "--account", "shop", "--out", "/dev/full")
    assert done.code == 2  # the job is done, so that nothing is left to resume
    assert "error: can't write results to /dev/full: No space left on device" in done.err
    (job,) = job_ids(tmp_path)
    assert f"batchhub results {job} --out" in done.err
    assert len(parse_lines(run("results", job).out)) == 2


def test_a_closed_pipe_is_no_error(sandbox: str, tmp_path: Path) -> None:
    """Whoever reads only the first line gets it, and no complaint."""
    write_settings(tmp_path, sandbox)
    write_items(tmp_path / "items.jsonl", make_items(1000, "head"))
    command = shlex.join([COMMAND, "run", "items.jsonl", "--account", "shop", "--quiet"])
    done = subprocess.run(
        ["sh", "-c", f"{command} --out - | head -n 1"],
        cwd=tmp_path,
        env=environment(tmp_path),
        text=True,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stderr == ""
    assert [r["id"] for r in parse_lines(done.stdout)] == ["head-1"]


def test_a_live_bar_is_one_line_on_a_terminal(stack: ExitStack, tmp_path: Path) -> None:
    """On a terminal of 80 columns a bar is drawn anew in its line, and the closing follows it."""
    clock = HandClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches({"item_time_s": 1.0, "requests_per_minute": 100_000})
    write_settings(tmp_path, stack.enter_context(standing_in(sandbox)))
    write_items(tmp_path / "items.jsonl", make_items(40, "tty", bad=(7,)))
    done = 0

    def look(shown: str) -> None:
        """Let the vendor, which has the batch, go on once it is shown how far it is."""
        nonlocal done
        if re.match(rf" {done}/40 .*(queued|in progress)", plain(shown).rpartition("━")[2]):
            clock.move(5.0)
            done += 5

    call = ("run", "items.jsonl", "--account", "shop", "--timeout", str(PATIENCE_S))
    shown = run_on_terminal(tmp_path, 80, *call, look=look)
    above, _, rest = shown.partition("\x1b[?25l")
    drawn, _, closing = rest.partition("\x1b[?25h")
    assert above.split()[2:] == ["40", "items", "for", "shop"]
    frames = [" ".join(plain(frame).split()) for frame in drawn.split("\x1b[2K")]
    assert len(frames) > 5
    assert {frame[:6] for frame in frames} == {"shop ━"}
    assert max(len(plain(frame).strip()) for frame in drawn.split("\x1b[2K")) <= 80
    assert any(re.search(r"━ \d+/40 .*in progress \d:\d\d:\d\d$", frame) for frame in frames)
    assert re.search(r"━ 40/40 1 failed partial \d:\d\d:\d\d$", frames[-1])
    lines = plain(closing).splitlines()
    assert "partial; 39 succeeded, 1 failed, of 40" in lines[0]
    assert max(map(len, lines)) <= 80


def test_the_shell_is_offered_job_ids(sandbox: str, run: Run, tmp_path: Path) -> None:
    """At the Tab key the real command prints the ids of the jobs in the store, and nothing else."""
    write_settings(tmp_path, sandbox)
    write_items(tmp_path / "items.jsonl", make_items(1, "tab"))
    assert run("submit", "items.jsonl", "--account", "shop", "--quiet").code == 0
    typed = {"COMP_WORDS": "batchhub status ", "COMP_CWORD": "2"}
    done = subprocess.run(
        [COMMAND],
        cwd=tmp_path,
        env=environment(tmp_path) | typed | {"_BATCHHUB_COMPLETE": "complete_bash"},
        text=True,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (job_ids(tmp_path), "")


def run_on_terminal(
    folder: Path, columns: int, *arguments: str, look: Callable[[str], None]
) -> str:
    """Run the command on a terminal, looking at what it shows; return all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {k: v for k, v in environment(folder).items() if k not in {"COLUMNS", "CI"}}
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=folder,
        env=variables | {"TERM": "xterm-256color", "PYTHONUTF8": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    with suppress(OSError):  # as a terminal says that nobody writes any more
        while chunk := os.read(ours, 65536):
            written += chunk
            look(written.decode(errors="ignore"))
    os.close(ours)
    process.wait(timeout=PATIENCE_S)
    return written.decode()


def plain(text: str) -> str:
    """Leave out what moves the cursor or colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)

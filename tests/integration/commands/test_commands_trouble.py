"""The real command in trouble: broken input, credentials, contact, time, signals, a full disk."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest
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
from support.crash_lab import wait_until
from support.patience import PATIENCE_S
from support.ports import silent_port
from support.processes import (
    ask_sandbox,
    set_sandbox,
    write_items,
)


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
        "is one missing?; nothing was sent; correct it, or set it aside with --rejects FILE\n"
    )
    assert executions(sandbox, "half") == []


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

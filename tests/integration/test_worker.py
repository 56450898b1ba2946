"""A worker: drives what other processes hand over, until a signal ends it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from support.crash_lab import Lab, Running, wait_until
from support.notify_socket import NotifySocket, notify_socket
from support.patience import PATIENCE_S
from support.processes import COMMAND, TOKEN, ask_sandbox, environment
from support.stand_ins import standing_in

from batchhub.sync import BatchHub
from batchhub_ecwid import EcwidAccount
from batchhub_ecwid.sandbox import EcwidSandbox

TERM, HUP, INT = signal.SIGTERM, signal.SIGHUP, signal.SIGINT


@pytest.fixture
def sandbox() -> EcwidSandbox:
    """A quick shop."""
    sandbox = EcwidSandbox()
    sandbox.change_switches({"item_time_s": 0.002, "requests_per_minute": 100_000})
    return sandbox


@pytest.fixture
def url(sandbox: EcwidSandbox) -> Iterator[str]:
    """Where it is."""
    with standing_in(sandbox) as url:
        yield url


@pytest.fixture
def other() -> Iterator[str]:
    """Where another shop is."""
    with standing_in(EcwidSandbox(store_id=1004)) as url:
        yield url


def write_settings(folder: Path, url: str, other: str | None = None, *, more: str = "") -> None:
    """Write settings with one or two shops, as editors do; their token is in a file."""
    (folder / "token").touch(0o600)
    (folder / "token").write_text(f"{TOKEN}\n")
    text = 'store = "jobs.db"\n' + more
    for name, number, at in (("shop", 1003, url), ("other", 1004, other)):
        if at is not None:
            text += (
                f'[accounts.{name}]\nadapter = "ecwid"\nstore_id = {number}\n'
                f'token = {{ file = "token" }}\nbase_url = "{at}"\n'
            )
    (folder / "batchhub.toml~").write_text(text)
    (folder / "batchhub.toml~").replace(folder / "batchhub.toml")


@contextmanager
def working(
    lab: Lab, folder: Path, *options: str, env: dict[str, str] | None = None
) -> Iterator[tuple[Running, NotifySocket]]:
    """Run a worker that has started; gives it, and what its service manager hears."""
    with notify_socket(f"@{folder}/{len(list(folder.glob('*.told')))}") as manager:
        (folder / f"{manager.address.rpartition('/')[2]}.told").touch()
        variables = {"NOTIFY_SOCKET": manager.address, **(env or {})}
        with closing(lab.start(folder, "worker", *options, env=variables)) as worker:
            assert manager.receive()["READY"] == "1", worker.said()
            yield worker, manager


def hand_over(folder: Path, url: str, mark: str, *, store_id: int = 1003) -> str:
    """Put items into the store, as a web process does, and return the id of their job."""
    account = EcwidAccount(store_id=store_id, token=TOKEN, base_url=url)
    with BatchHub(folder / "jobs.db", {"any": account}, drives=False) as hub:
        return hub.submit(
            "any",
            [
                {"id": f"{mark}{n}", "method": "POST", "path": "/products", "body": {"name": "a"}}
                for n in range(5)
            ],
        ).id


def wait_for_end(folder: Path, *jobs: str) -> None:
    """Wait until jobs have ended well."""

    def have_ended() -> bool:
        with closing(sqlite3.connect(folder / "jobs.db")) as store:
            rows = store.execute("SELECT job_id, state, outcome FROM jobs").fetchall()
        found = {job: (state, outcome) for job, state, outcome in rows}
        return all(found[job][0] == "completed" for job in jobs)

    wait_until(have_ended, "the end of jobs")


def runs_of(url: str) -> list[str]:
    """Return the ids of the items that the shop ran, one for each run."""
    return [each["item_id"] for each in ask_sandbox(url, "journal")["executions"]]


def checks_of(worker: Running) -> dict[str, Any]:
    """Return what a worker says of its health."""
    (address,) = re.findall(r"metrics.started address='([^']+)'", worker.said())
    with urllib.request.urlopen(f"http://{address}/healthz", timeout=PATIENCE_S) as answer:
        checks: dict[str, Any] = json.load(answer)["checks"]
    return checks


def test_it_drives_what_comes_until_it_is_stopped(
    lab: Lab, tmp_path: Path, url: str, other: str
) -> None:
    """Also an account that its settings get meanwhile; wrong settings change nothing."""
    write_settings(tmp_path, url)
    with working(lab, tmp_path, "-v", "--metrics-listen=127.0.0.1:0") as (worker, manager):
        wait_for_end(tmp_path, hand_over(tmp_path, url, "a"))
        assert checks_of(worker)["settings"]["state"] == "ok"

        write_settings(tmp_path, url, other)
        worker.send(HUP)
        assert "MONOTONIC_USEC" in manager.receive()
        assert manager.receive() == {"READY": "1", "STATUS": "drives other, shop"}
        wait_for_end(tmp_path, hand_over(tmp_path, other, "b", store_id=1004))

        write_settings(tmp_path, url, more="nonsense = 1\n")
        worker.send(HUP)
        assert manager.receive()["RELOADING"] == "1"
        status = manager.receive()["STATUS"]
        assert status.startswith("drives other, shop; settings: batchhub.toml: unknown setting")
        assert "unknown setting nonsense" in checks_of(worker)["settings"]["message"]
        wait_for_end(tmp_path, hand_over(tmp_path, other, "c", store_id=1004))

        worker.send(TERM)
        assert manager.receive()["STOPPING"] == "1"
        ended = worker.wait()
    lines = ended.err.splitlines()
    assert (ended.code, ended.out) == (0, "")
    assert f"batchhub {version('batchhub')} drives shop; store jobs.db" in lines
    (served,) = [line for line in lines if line.startswith("/metrics and /healthz are served at ")]
    assert re.fullmatch(r".* http://127\.0\.0\.1:[1-9]\d*", served)
    assert [line for line in lines if "settings.refused" in line]
    assert "stopping; nothing new is sent" in lines
    assert lines[-1] == "stopped"
    assert (len(runs_of(url)), len(runs_of(other))) == (5, 10)


def test_requests_under_way_get_their_grace(
    lab: Lab, tmp_path: Path, sandbox: EcwidSandbox, url: str
) -> None:
    """The shop answers late; the answer is in the store before the worker ends, with exit 0."""
    write_settings(tmp_path, url)
    sandbox.change_switches({"answer_delay_s": 1.5})
    with working(lab, tmp_path, "-v") as (worker, _):
        job = hand_over(tmp_path, url, "a")
        wait_until(lambda: "ticket.intended" in worker.said(), "a request")
        wait_until(lambda: bool(sandbox.journal), "a request")
        worker.send(TERM)
        ended = worker.wait()
    assert ended.code == 0, ended.err
    assert "ticket.accepted" in ended.err.partition("stopping")[2]

    sandbox.change_switches({"answer_delay_s": 0.0})
    assert lab.run(tmp_path, "resume").code == 0
    wait_for_end(tmp_path, job)
    assert runs_of(url) == [f"a{n}" for n in range(5)]


def test_a_second_signal_ends_it_at_once(
    lab: Lab, tmp_path: Path, sandbox: EcwidSandbox, url: str
) -> None:
    """Whatever is under way; that is in doubt then, as after a kill."""
    write_settings(tmp_path, url)
    sandbox.change_switches({"answer_delay_s": 300.0})
    with working(lab, tmp_path, "--grace=200") as (worker, manager):
        hand_over(tmp_path, url, "a")
        wait_until(lambda: bool(sandbox.journal), "a request")
        worker.send(INT)
        assert manager.receive_until("STOPPING")
        worker.send(INT)
        ended = worker.wait()
    sandbox.change_switches({"answer_delay_s": 0.0})
    assert ended.code == 130
    assert ended.err.splitlines()[-1] == "interrupted"


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        (None, 2, "error: there is no batchhub.toml here, and no account in the environment;"),
        ('store = "jobs.db"\n', 2, "error: batchhub.toml has no accounts; an account starts"),
        ("[accounts", 2, "error: batchhub.toml is no valid TOML"),
        ('store = ":memory:"\n', 2, "would be lost when this command ends"),
        ('store = "text/jobs.db"\n', 4, "text/jobs.db: a part of its path is a file, not a folder"),
        ('store = "text"\n', 4, "text: it is no batchhub store; choose another store with --store"),
    ],
)
def test_what_can_not_begin_is_said_in_a_line(
    lab: Lab, tmp_path: Path, settings: str | None, code: int, words: str
) -> None:
    """And a service manager sees it by the exit code."""
    (tmp_path / "text").write_text("no store" * 1000)
    if settings is not None:
        account = '[accounts.shop]\nadapter = "ecwid"\nstore_id = 1\ntoken = { env = "PATH" }\n'
        is_whole = (settings.startswith("store") and code == 4) or ":memory:" in settings
        (tmp_path / "batchhub.toml").write_text(settings + (account if is_whole else ""))

    ended = lab.run(tmp_path, "worker")

    assert ended.code == code
    (line,) = ended.err.splitlines()
    assert words in line


def test_two_workers_on_one_store(
    lab: Lab, tmp_path: Path, sandbox: EcwidSandbox, url: str
) -> None:
    """The second one says which process drives, and takes over when that one is killed."""
    write_settings(tmp_path, url)
    sandbox.change_switches({"never_ends": True})
    with working(lab, tmp_path, "-v") as (first, _):
        job = hand_over(tmp_path, url, "a")
        wait_until(lambda: "ticket.accepted" in first.said(), "the first one's turn")
        with working(lab, tmp_path) as (second, _):
            said = f"process {first.pid} drives shop now; this one takes over when it lets go"
            wait_until(lambda: said in second.said(), "a word about the first one")
            first.kill()
            sandbox.change_switches({"never_ends": False})
            wait_for_end(tmp_path, job)
            second.send(TERM)
            assert second.wait().code == 0
    assert runs_of(url) == [f"a{n}" for n in range(5)]


def test_a_terminal_that_is_closed_stops_it(tmp_path: Path, url: str) -> None:
    """Nobody reads what it says any more; without a terminal the same signal is the settings'."""
    write_settings(tmp_path, url)
    ours, theirs = pty.openpty()
    worker = subprocess.Popen(
        [COMMAND, "worker"], cwd=tmp_path, env=environment(tmp_path), stderr=theirs
    )
    os.close(theirs)
    said = b""
    while b"drives shop" not in said:
        said += os.read(ours, 1000)
    os.close(ours)
    worker.send_signal(HUP)
    assert worker.wait(PATIENCE_S) == 0


def test_the_page_is_a_process_of_its_own(lab: Lab, tmp_path: Path, url: str) -> None:
    """It is served while the worker lives, and ends with it, even with one that is killed."""
    write_settings(tmp_path, url)

    def is_served(address: str) -> bool:
        try:
            urllib.request.urlopen(address, timeout=PATIENCE_S).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    with working(lab, tmp_path, "--web", "--web-listen=127.0.0.1:0") as (worker, _):
        wait_until(lambda: "the page is at " in worker.said(), "the page")
        address = worker.said().partition("the page is at ")[2].partition(";")[0]
        assert is_served(address)
        worker.kill()
        wait_until(lambda: not is_served(address), "the end of the page")


def test_a_port_that_is_taken_is_said(lab: Lab, tmp_path: Path, url: str) -> None:
    """Whoever starts the worker hears of it; nothing has been sent."""
    write_settings(tmp_path, url)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        ended = lab.run(tmp_path, "worker", "--metrics-listen", address)

    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert line.startswith(f"error: can't listen on {address}: ")


def test_the_page_is_refused_where_tokens_would_pass_in_the_clear(
    lab: Lab, tmp_path: Path, url: str
) -> None:
    """By the worker, and not by its child again and again."""
    write_settings(tmp_path, url)

    ended = lab.run(tmp_path, "worker", "--web", "--web-listen=0.0.0.0:0")

    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert line.startswith("error: --web-listen 0.0.0.0:0: other machines reach this address")

"""`batchhub exchanges`: the requests of a job, as a person shows them to the vendor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from support.command_jobs import make_job
from support.stand_ins import STAND_INS
from typer.testing import CliRunner, Result

from batchhub import BatchHub
from batchhub.cli.app import app
from batchhub.testing import FakeClock

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `exchanges` on the store of a folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BATCHHUB_CONFIG", raising=False)

    def run(*words: str) -> Result:
        line = ["exchanges", *words, "--store", "jobs.db"]
        return CliRunner().invoke(app, line, prog_name="batchhub")

    return run


def make_exchanges(*, bodies: bool = False, key: str = "night") -> str:
    """Run a job at a stand-in whose first answers are errors; return its id."""

    async def make() -> str:
        clock, vendor = FakeClock(), STAND_INS["ecwid"]
        sandbox = vendor.sandbox(clock=clock)
        sandbox.change_switches({"submit_5xx": 1, "cut_polls": 1})
        async with clock.running(), sandbox.running() as url:
            account = sandbox.account(url)
            account = evolve(account, exchanges="bodies") if bodies else account
            async with BatchHub("jobs.db", {"shop": account}, clock=clock, seed=1) as hub:
                job = await hub.submit("shop", vendor.items, operation=vendor.operation, key=key)
                await job.wait(timeout_s=24 * 3600)
                return job.id

    return asyncio.run(make())


def test_a_line_for_each_request(command: Command) -> None:
    """When, what for, what, its status and why; where it is from, and that bodies are off."""
    make_exchanges()
    result = command("night")
    assert result.exit_code == 0
    header, *lines = result.stdout.splitlines()
    assert header.split() == [
        "time",
        "for",
        "request",
        "status",
        "sent",
        "received",
        "took",
        "message",
    ]
    refused, taken, cut, fetched = lines
    assert "submit         POST /api/v3/1003/batch        500" in refused
    assert "ecwid answered 500 Internal Server Error" in refused
    assert refused.startswith("2026-01-01 00:00:0")
    assert "submit         POST /api/v3/1003/batch        200" in taken
    assert "poll           GET /api/v3/1003/batch   no answer" in cut
    assert "the connection was cut" in cut
    assert "fetch results  GET /api/v3/1003/batch         200" in fetched
    assert "jobs.exchanges.db: the last 7 days" in result.stderr
    assert 'exchanges = "bodies" in [accounts.shop]' in result.stderr


def test_bodies_as_they_went(command: Command) -> None:
    """Below each request, where they were kept; else it says that they were not."""
    make_exchanges(bodies=True)
    result = command("latest", "--bodies")
    assert '    [{"id":"p1","method":"PUT","path":"/products/1","body"' in result.stdout
    assert '"errorMessage": "Internal error"' in result.stdout
    assert "no answer from ecwid to a request that was sent" in result.stdout
    assert "bodies of 3 of them are kept" in command("latest").stderr
    # A job whose bodies were not kept.
    make_exchanges(key="day")
    result = command("day", "--bodies")
    assert "  sent: not kept" in result.stdout
    assert 'exchanges = "bodies"' in result.stderr


def test_json_has_all_of_it(command: Command) -> None:
    """An array of objects; bodies only if they are asked for."""
    job_id = make_exchanges(bodies=True)
    found = json.loads(command(job_id, "--json").stdout)
    assert [(each["verb"], each["status"]) for each in found] == [
        ("submit", 500),
        ("submit", 200),
        ("poll", None),
        ("fetch_results", 200),
    ]
    assert all("body" not in each for each in found)
    with_bodies = json.loads(command(job_id, "--json", "--bodies").stdout)
    assert "responses" in with_bodies[-1]["body"]
    assert with_bodies[-1]["sent_body"] is None


def test_the_newest_and_those_of_a_ticket(command: Command) -> None:
    """As many as are wanted; a ticket that the job has not is refused."""
    job_id = make_exchanges()
    result = command(job_id, "--limit", "1", "--quiet")
    assert result.stdout.split()[1:] == ["fetch_results", "GET", "/api/v3/1003/batch", "200"]
    assert "only the newest request is shown" in command(job_id, "--limit", "1").stderr
    assert len(command(job_id, "--ticket", "1").stdout.splitlines()) == 5
    result = command(job_id, "--ticket", "2")
    assert result.exit_code == 2
    assert f"--ticket 2: job {job_id} has 1 ticket" in result.stderr


def test_a_job_with_none_is_told_why(command: Command) -> None:
    """Never sent, too long ago, or sent by somebody else; also where nothing has this name."""
    job_id = make_job()
    result = command(job_id)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"nothing of job {job_id} has been sent yet" in result.stderr
    ended = make_job(ends=True)
    assert "they are kept for 7 days, and the last change" in command(ended).stderr
    assert json.loads(command(ended, "--json").stdout) == []
    assert "no job named 'nobody'" in command("nobody").stderr


def test_a_damaged_file_is_named(command: Command) -> None:
    """In a line, with what to do; exit as for a store that can't be read."""
    job_id = make_exchanges()
    Path("jobs.exchanges.db").write_bytes(b"no database at all" * 100)
    result = command(job_id)
    assert result.exit_code == 4
    assert "jobs.exchanges.db is damaged" in result.stderr
    assert "move it away, and a new one is made" in result.stderr


def test_results_overwrite_no_record(command: Command) -> None:
    """It is one of the store's files."""
    make_exchanges()
    result = CliRunner().invoke(
        app, ["results", "night", "--store", "jobs.db", "--out", "jobs.exchanges.db"]
    )
    assert result.exit_code == 2
    assert command("night").stdout.count("submit") == 2

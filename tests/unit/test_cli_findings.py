"""A command writes each finding of a job once, whichever part of it finds it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.plugins import write_plugin
from typer.testing import CliRunner, Result
from unit.test_cli_submit import PLUGIN

from batchhub.cli.app import app
from batchhub.cli.screen.findings import SaidFindings
from batchhub.models import BatchState, BatchStatus, Counts, Finding, Ticket

Command = Callable[..., Result]

ODD_PLUGIN = (
    PLUGIN
    + """
class OddAdapter(PluginAdapter):
    def __init__(self, account, transport):
        super().__init__(account, transport)
        self.words = ["Odd", "Odd", "Done"]

    def target(self, operation, item):
        return str(item.payload["n"])

    async def poll(self, tickets):
        return [Observation(words=(self.words.pop(0) if self.words else "Done",))]
"""
)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command where two items have one target, and the vendor has an odd word."""
    site = tmp_path / "site"
    site.mkdir()
    write_plugin(site, "odd", ODD_PLUGIN, attribute="OddAdapter")
    monkeypatch.syspath_prepend(site)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("BATCHHUB_STORE", raising=False)
    Path("batchhub.toml").write_text('store = "jobs.db"\n[accounts.shop]\nadapter = "odd"\n')
    Path("items.jsonl").write_text('{"n": 1}\n{"n": 2}\n{"n": 1}\n')

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def test_run_writes_a_finding_once(command: Command) -> None:
    """One of the items when they are taken, one of a poll when it comes up; the end names both."""
    result = command("run", "items.jsonl", "--account", "shop")
    lines = result.stderr.splitlines()
    assert sum("same_target: " in line for line in lines) == 1, result.stderr
    assert sum("unknown_word: " in line for line in lines) == 1, result.stderr
    (named,) = [line for line in lines if "above" in line]
    assert named.split() == ["findings", "above:", "same_target,", "unknown_word"]


def status(*findings: Finding) -> BatchStatus:
    """Return a job with findings."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    ticket = Ticket(position=1, state=BatchState.COMPLETED, counts=Counts(succeeded=1))
    return BatchStatus(
        job_id="j",
        account="shop",
        adapter="a",
        operation="o",
        tickets=(ticket,),
        findings=findings,
        created_at=at,
        updated_at=at,
    )


def test_a_finding_that_has_grown_is_written_as_it_is_at_the_end() -> None:
    """While the job is followed it is news once; the last line has the last figure."""
    said, two = SaidFindings(), Finding(code="odd", message="odd", count=2)
    assert list(said.take_new(status(Finding(code="odd", message="odd")))) == ["finding odd: odd"]
    assert list(said.take_new(status(two))) == []
    assert list(said.take_last(status(two))) == ["finding odd (2 times): odd"]
    assert list(said.take_last(status(two))) == ["finding above: odd"]


def test_what_was_not_written_is_written_at_the_end() -> None:
    """Another job's finding is another one."""
    said, odd = SaidFindings(), Finding(code="odd", message="odd")
    said.note("other", [odd])
    assert list(said.take_last(status(odd))) == ["finding odd: odd"]

"""`submit`, and `retry` that does not wait: 0 once the job is durable; what was sent is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.plugins import write_plugin
from support.raw_stores import open_raw
from typer.testing import CliRunner, Result

from batchhub.cli.app import app

Command = Callable[..., Result]

PLUGIN = """
import json
from attrs import frozen
from batchhub.adapter import (
    Accepted, Account, Adapter, Budget, Capabilities, ItemReport, Observation, Report
)
from batchhub.errors import (
    ConnectError, CredentialsError, NoAnswerError, RateLimitedError, RefusedError
)
from batchhub.models import BatchState, ItemState

@frozen(kw_only=True)
class PluginAccount(Account):
    adapter = {name!r}
    base_url: str = "http://127.0.0.1:9"
    mode: str = "fine"

    @property
    def identity(self):
        return "one"

    @property
    def budget(self):
        return Budget(requests=1000, per_s=1.0)

ERRORS = {{
    "refused": CredentialsError("the token is wrong", status=401),
    "gone": ConnectError("no connection"),
    "silent": NoAnswerError("silence"),
    "rejected": RefusedError("not like that", status=400),
    "cooling": RateLimitedError("too many requests", status=429),
}}

class PluginAdapter(Adapter):
    name = {name!r}
    account_type = PluginAccount
    operations = {{"work": Capabilities(max_items=1, poll_s=0.1, min_poll_s=0.01)}}
    states = {{"Done": BatchState.COMPLETED, "Running": BatchState.IN_PROGRESS}}

    def encode(self, operation, item, options):
        return json.dumps(dict(item.payload)).encode()

    async def submit(self, submission, steps):
        if self.account.mode == "cooling":  # as an answer with 429 does it
            self.transport._gate.cool_down(status=429, retry_after_s=120.0, sent_at_s=0.0)
        if self.account.mode in ERRORS:
            raise ERRORS[self.account.mode]
        return Accepted(vendor_refs=("r1",))

    async def poll(self, tickets):
        return [Observation(words=("Done" if self.account.mode == "quick" else "Running",))]

    async def fetch_results(self, ticket, items):
        return Report(items=[ItemReport(id=i.id, state=ItemState.FAILED, code=400) for i in items])
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in a folder with three items, where an adapter ``plugged`` is installed."""
    site = tmp_path / "site"
    site.mkdir()
    write_plugin(site, "plugged", PLUGIN)
    monkeypatch.syspath_prepend(site)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name in ("BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT", "BATCHHUB_STORE"):
        monkeypatch.delenv(name, raising=False)
    Path("items.jsonl").write_text("".join(f'{{"n": {n}}}\n' for n in range(3)))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def set_mode(mode: str) -> None:
    """Write the settings with the account ``shop``."""
    Path("batchhub.toml").write_text(
        f'store = "jobs.db"\n[accounts.shop]\nadapter = "plugged"\nmode = "{mode}"\n'
    )


SUBMIT = ("submit", "items.jsonl", "--account", "shop")


@pytest.mark.parametrize(
    ("mode", "lines"),
    [
        ("fine", ["1 of 3 tickets sent; 2 to be sent by batchhub resume"]),
        ("refused", ["error: the token is wrong", "0 of 3 tickets sent; 3 to be sent by"]),
        (
            "gone",
            [
                "warning: job ",
                "no connection; the job is kept",
                "0 of 3 tickets sent; 3 to be sent by",
            ],
        ),
        ("silent", ["silence; the job is kept", "1 of 3 tickets sent; 2 to be sent by"]),
        (
            "cooling",
            ["0 of 3 tickets sent; 3 to be sent by batchhub resume; cooling down until "],
        ),
        ("rejected", ["1 of 3 tickets sent; 2 to be sent by", "1 refused: not like that"]),
        ("quick", ["of 3 tickets sent"]),
    ],
)
def test_a_durable_job_is_a_success_whatever_was_sent(
    command: Command, mode: str, lines: list[str]
) -> None:
    """A script that submits must not submit again for a vendor's trouble."""
    set_mode(mode)
    result = command(*SUBMIT)
    assert result.exit_code == 0, result.output
    (job_id,) = result.stdout.split()
    for line in lines:
        assert line in result.stderr
    assert len(json.loads(command("list", "--json").stdout)) == 1
    assert json.loads(command("status", job_id, "--json").stdout)["job_id"] == job_id


def test_refused_credentials_are_said_though_it_is_quiet(command: Command) -> None:
    """On standard error, with the way to go on; a job that goes on is not an error."""
    set_mode("refused")
    result = command(*SUBMIT, "--quiet")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "error: the token is wrong",
        "after fixing the credentials, continue with: batchhub resume",
    ]
    assert command("run", "items.jsonl", "--account", "shop").exit_code == 3
    resumed = command("resume", "--quiet")
    assert resumed.exit_code == 3
    assert resumed.stderr.splitlines() == result.stderr.splitlines()


def test_nothing_durable_is_no_success(command: Command) -> None:
    """Without a job there is nothing that `resume` could send."""
    set_mode("fine")
    Path("items.jsonl").write_text("{nope\n")
    assert command(*SUBMIT).exit_code == 2
    Path("items.jsonl").write_text('{"n": 1}\n')
    assert command(*SUBMIT, "--store", "/proc/nowhere/jobs.db").exit_code == 4


@pytest.mark.parametrize("mode", ["fine", "refused", "rejected"])
def test_a_retry_is_a_success_once_it_is_durable(command: Command, mode: str) -> None:
    """With `--wait` it ends as `run` does."""
    set_mode("quick")
    assert command("run", "items.jsonl", "--account", "shop").exit_code == 1
    (job,) = json.loads(command("list", "--json").stdout)
    set_mode(mode)
    result = command("retry", job["job_id"], "--any-code")
    assert result.exit_code == 0, result.output
    assert len(result.stdout.split()) == 1
    if mode == "refused":
        assert "error: the token is wrong" in result.stderr
        assert command("retry", job["job_id"], "--any-code", "--wait").exit_code == 3


def test_a_retry_that_waits_says_how_it_ended(command: Command) -> None:
    """The same code, JSON and closing lines as `run`."""
    set_mode("quick")
    assert command("run", "items.jsonl", "--account", "shop").exit_code == 1
    (job,) = json.loads(command("list", "--json").stdout)
    result = command("retry", job["job_id"], "--any-code", "--wait", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["outcome"] == "failed"


@pytest.mark.parametrize(
    ("span", "deadline_s"), [("90min", 5400.0), ("2 H", 7200.0), ("1d", 86_400.0)]
)
def test_a_deadline_is_a_time_span(command: Command, span: str, deadline_s: float) -> None:
    """It is kept with the job, in place of the adapter's own."""
    set_mode("fine")
    assert command(*SUBMIT, "--deadline", span).exit_code == 0
    with closing(open_raw("jobs.db")) as store:
        assert store.execute("SELECT deadline_s FROM jobs").fetchall() == [(deadline_s,)]


@pytest.mark.parametrize("span", ["0s", "0", "7200", "tomorrow", "-1h", ""])
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["submit", "dry"])
def test_a_deadline_that_is_none_is_refused(
    command: Command, span: str, more: tuple[str, ...]
) -> None:
    """In one line, before anything is stored, and in a dry run too."""
    set_mode("fine")
    done = command(*SUBMIT, "--deadline", span, *more)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: --deadline takes a time span such as 30min, 2h or 3d, not {span!r}\n"
    )
    assert not Path("jobs.db").exists()

"""The command `retry`: what it leaves out, what it says, and the results it waits for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.plugins import write_plugin
from support.raw_stores import open_raw
from typer.testing import CliRunner, Result

from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode
from batchhub.models.failures import FAILS_AGAIN

Command = Callable[..., Result]

PLUGIN = """
import json
from pathlib import Path
from attrs import frozen
from batchhub.adapter import Accepted, Account, Adapter, Budget, Capabilities, ItemReport, Report
from batchhub.errors import NoAnswerError
from batchhub.models import ItemState

@frozen(kw_only=True)
class PluginAccount(Account):
    adapter = {name!r}
    base_url: str = "http://127.0.0.1:9"

    @property
    def identity(self):
        return "one"

    @property
    def budget(self):
        return Budget(requests=1000, per_s=1.0)

class PluginAdapter(Adapter):
    name = {name!r}
    account_type = PluginAccount
    key_field = "sku"
    operations = {{"work": Capabilities(max_items=100)}}

    def encode(self, operation, item, options):
        return json.dumps(dict(item.payload)).encode()

    async def submit(self, submission, steps):
        if Path("silent").exists():
            raise NoAnswerError("silence")
        found = []
        for item in submission.items:
            code = json.loads(item.wire)["code"]
            if Path("better").exists():
                code = 200
            state = ItemState.SUCCEEDED if code == 200 else ItemState.FAILED
            message = None if code == 200 else f"it is {{code}}"
            found.append(ItemReport(id=item.id, state=state, code=code, message=message))
        return Accepted(vendor_refs=(), report=Report(items=found))
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in a folder where an adapter ``plugged`` is installed."""
    site = tmp_path / "site"
    site.mkdir()
    write_plugin(site, "plugged", PLUGIN)
    monkeypatch.syspath_prepend(site)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name in ("BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT", "BATCHHUB_STORE"):
        monkeypatch.delenv(name, raising=False)
    Path("batchhub.toml").write_text('store = "jobs.db"\n[accounts.shop]\nadapter = "plugged"\n')

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def run_items(command: Command, *codes: int | None) -> None:
    """Run a job of items that come out with these codes; their SKUs are a1, a2, …"""
    lines = [json.dumps({"sku": f"a{n}", "code": code}) for n, code in enumerate(codes, 1)]
    Path("items.jsonl").write_text("\n".join(lines))
    named = ("--key", "night", "--label", "the night's")
    done = command("run", "items.jsonl", "--account", "shop", *named, "--quiet")
    assert done.exit_code == ExitCode.UNSUCCESSFUL, done.stderr


def ids_in(command: Command, job: str) -> list[str]:
    lines = command("results", job, "--quiet").stdout.splitlines()
    return [json.loads(line)["id"] for line in lines]


def jobs() -> list[str]:
    with closing(open_raw("jobs.db")) as store:
        return [job for (job,) in store.execute("SELECT job_id FROM jobs ORDER BY job_no")]


CODES = (200, 400, 503, 422, 400, 404, None)


def test_what_fails_the_same_again_is_left_out(command: Command) -> None:
    """And counted by its codes, each time; items without a code go."""
    run_items(command, *CODES)
    said = (
        "3 items left out: their code says that the same again fails the same (400: 2, 422: 1); "
        "--any-code takes them\n"
    )
    for verb in ("retries", "already retries"):
        done = command("retry", "night")
        assert done.exit_code == ExitCode.OK
        assert said in done.stderr
        assert len(jobs()) == 2
        assert done.stdout.split() == jobs()[1:]
        assert f"job {jobs()[1]} {verb} 3 items of job {jobs()[0]}" in done.stderr
    assert ids_in(command, jobs()[1]) == ["a3", "a6", "a7"]
    quiet = command("retry", "night", "--quiet")
    assert "left out" not in quiet.stderr


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--any-code",), ["a2", "a3", "a4", "a5", "a6", "a7"]),
        (("--code", "400"), ["a2", "a5"]),
        (("--code", "404,422"), ["a4", "a6"]),
        (("--code", "404", "--code", " 503"), ["a3", "a6"]),
    ],
)
def test_the_user_may_take_others(
    command: Command, options: tuple[str, ...], ids: list[str]
) -> None:
    """What was asked for by its code is taken, and nothing is said of the rest."""
    run_items(command, *CODES)
    done = command("retry", "night", *options)
    assert done.exit_code == ExitCode.OK
    assert "left out" not in done.stderr
    assert ids_in(command, done.stdout.strip()) == ids
    assert command("retry", "night", *options).stdout == done.stdout


def test_an_earlier_retry_is_named(command: Command) -> None:
    """What it has is not sent again; the rest is."""
    run_items(command, *CODES)
    first = command("retry", "night", "--code", "503").stdout.strip()
    done = command("retry", "night")
    assert f"other items are in other retries: {first} (1 item)" in done.stderr
    assert ids_in(command, done.stdout.strip()) == ["a6", "a7"]


@pytest.mark.parametrize(
    ("codes", "options", "why"),
    [
        (
            (400, 200, 422),
            (),
            (
                "2 items left out: their code says that the same again fails the same "
                "(400: 1, 422: 1); --any-code takes them"
            ),
        ),
        (
            (404, 404),
            ("--code", "429"),
            "with code 429: the codes of its items are 404 (2 items)",
        ),
    ],
    ids=["wrong", "none"],
)
def test_nothing_left_is_an_error_that_says_why(
    command: Command, codes: tuple[int, ...], options: tuple[str, ...], why: str
) -> None:
    """In one line; no job is made."""
    run_items(command, *codes)
    done = command("retry", jobs()[0], *options, "--wait", "--out", "again.csv")
    assert (done.exit_code, done.stdout) == (ExitCode.USAGE, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: job {jobs()[0]} has no items to retry")
    assert line.endswith(why)
    assert len(jobs()) == 1
    assert not Path("again.csv").exists()


def test_what_is_left_out_by_code_is_not_superseded(command: Command) -> None:
    """Each needs its own option, and each is counted by itself."""
    run_items(command, 503, 503, 400)
    Path("items.jsonl").write_text('{"sku": "a1", "code": 200}\n{"sku": "a3", "code": 200}\n')
    assert command("run", "items.jsonl", "--account", "shop").exit_code == 0
    done = command("retry", "night")
    assert re.search(r"1 item left out: \S+ changed the same since \(--superseded\)", done.stderr)
    assert "1 item left out: its code says" in done.stderr
    assert "(400: 1); --any-code takes it\n" in done.stderr
    assert ids_in(command, done.stdout.strip()) == ["a2"]
    more = command("retry", "night", "--any-code")
    assert (more.exit_code, more.stdout) == (ExitCode.OK, done.stdout)
    last = command("retry", "night", "--any-code", "--superseded")
    assert ids_in(command, last.stdout.strip()) == ["a1", "a3"]


@pytest.mark.parametrize("wait", [("--wait",), ()], ids=["waits", "out"])
def test_the_results_are_written_at_the_end(command: Command, wait: tuple[str, ...]) -> None:
    """`--out` waits for them, and takes what `run` takes; the exit code is that of the new job."""
    run_items(command, 503, 200, 404)
    out = ("--out", "again.csv", "--fields", "id,code")
    worse = command("retry", "night", *wait, *out)
    assert worse.exit_code == ExitCode.UNSUCCESSFUL
    assert Path("again.csv").read_text() == "id,code\na1,503\na3,404\n"
    Path("again.csv").unlink()
    Path("better").touch()
    retry = jobs()[1]
    better = command("retry", retry, *wait, *out, "--on-complete", "echo done > done.txt")
    assert better.exit_code == ExitCode.OK, better.stderr
    assert Path("again.csv").read_text() == "id,code\na1,200\na3,200\n"
    assert Path("done.txt").exists()
    written = command("retry", retry, "--wait", "--json")
    assert json.loads(written.stdout)["outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--code", "40x"), "--code takes HTTP statuses such as 404"),
        (("--code", "404", "--any-code"), "--code names the codes to retry; omit --any-code"),
        (("--timeout", "5"), "--timeout needs --wait"),
        (("--contact-timeout", "5"), "--contact-timeout needs --wait"),
        (("--on-complete", "true"), "--on-complete needs --wait"),
        (("--fields", "id"), "--fields needs --out"),
        (("--out", "x.nope"), "the ending names the format"),
        (("--out", "jobs.db", "--out-format", "csv"), "jobs.db"),
    ],
    ids=["code", "both", "timeout", "contact", "complete", "fields", "form", "store"],
)
def test_what_makes_no_sense_is_refused_before_anything(
    command: Command, options: tuple[str, ...], why: str
) -> None:
    """In one line; no job is made, and nothing is written."""
    run_items(command, 503)
    done = command("retry", jobs()[0], *options)
    assert (done.exit_code, done.stdout) == (ExitCode.USAGE, "")
    (line,) = done.stderr.splitlines()
    assert why in line
    assert len(jobs()) == 1


def test_a_retry_that_is_held_is_five(command: Command) -> None:
    """Nobody can tell whether the vendor has it; `--unknown` decides, and takes any code it has."""
    run_items(command, 503)
    Path("silent").touch()
    held = command("retry", "night", "--wait")
    assert held.exit_code == ExitCode.HELD
    Path("silent").unlink()
    undecided = command("retry", jobs()[1])
    assert undecided.exit_code == ExitCode.USAGE
    assert f"job {jobs()[1]} is held" in undecided.stderr
    assert command("retry", jobs()[1], "--unknown").exit_code == ExitCode.OK
    assert ids_in(command, jobs()[2]) == ["a1"]


# The status of a job that failed in part.


def facts_of(page: str) -> dict[str, str]:
    """Return the facts of a page by their names, in one space each."""
    found = (line.split(None, 1) for line in page.splitlines() if line[:1].strip())
    return {name: " ".join(text.split()) for name, text in found}


def test_a_status_says_why_items_failed_and_whose_retry_it_is(command: Command) -> None:
    """Key, label, reasons by size, and the jobs that retry it; in the retry, what it is of."""
    run_items(command, *CODES)
    first = command("retry", "night", "--code", "404").stdout.strip()
    second = command("retry", "night").stdout.strip()
    shown = command("status", "night")
    old = jobs()[0]
    facts = facts_of(shown.stdout)
    assert (facts["job"], facts["key"], facts["label"]) == (old, "night", "the night's")
    page = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    at = page.index(f"retried in job {first}, 1 item: failed")
    assert page[at + 1 :] == [
        f"retried in job {second}, 2 items: failed",
        "items state code message first ids",
        "2 failed 400 it is 400 a2, a5",
        "1 failed 503 it is 503 a3",
        "1 failed 422 it is 422 a4",
        "1 failed 404 it is 404 a6",
        "1 failed - it is None a7",
    ]
    assert "3 items retried" in shown.stderr
    assert f"results {old} --only failed --code 400,422" in shown.stderr
    of_retry = facts_of(command("status", second).stdout)
    assert of_retry["retry"] == f"of job {old}"
    assert "key" not in of_retry
    assert of_retry["label"] == "the night's"


def test_the_status_as_json_has_more_keys_and_the_same_ones(command: Command) -> None:
    """The reasons and the retries stand beside what a status has; times are in UTC."""
    run_items(command, 200, 503, 503)
    before = json.loads(command("status", "night", "--json").stdout)
    assert (before["key"], before["label"], before["retry_of"]) == ("night", "the night's", None)
    assert before["failures"] == [
        {
            "state": "failed",
            "code": 503,
            "message": "it is 503",
            "count": 2,
            "ids": ["a2", "a3"],
            "retried": 0,
        }
    ]
    assert before["retried_in"] == []
    assert before["created_at"].endswith("Z")
    new = command("retry", "night").stdout.strip()
    after = json.loads(command("status", "night", "--json").stdout)
    assert after["retried_in"] == [new]
    assert after["failures"][0]["retried"] == 2
    listed = json.loads(command("list", "--json").stdout)
    assert after.keys() - listed[0].keys() == {"failures", "retried_in"}
    assert [status["retry_of"] for status in listed] == [jobs()[0], None]


def test_a_status_without_failures_reads_none(command: Command) -> None:
    """It says nothing of reasons."""
    Path("better").touch()
    Path("items.jsonl").write_text('{"sku": "a1", "code": 1}\n')
    assert command("run", "items.jsonl", "--account", "shop").exit_code == 0
    assert "message" not in command("status", "latest").stdout
    assert json.loads(command("status", "latest", "--json").stdout)["failures"] == []


# The results of a job and its retries.


def test_results_with_retries_are_the_last_word(command: Command) -> None:
    """After the retry, one file says how each item is; the advice names the command for it."""
    run_items(command, 200, 503, 400)
    Path("better").touch()
    retried = command("retry", "night", "--wait")
    assert retried.exit_code == ExitCode.OK
    old = jobs()[0]
    assert f"batchhub results {old} --with-retries --out results.jsonl" in retried.stderr
    written = command("results", "night", "--with-retries", "--fields", "id,code")
    lines = [json.loads(line) for line in written.stdout.splitlines()]
    assert [(line["id"], line["code"]) for line in lines] == [("a1", 200), ("a2", 200), ("a3", 400)]
    failed = command("results", old, "--with-retries", "--only", "failed", "--out", "failed.csv")
    assert failed.stderr == "1 result in failed.csv\n"
    assert command("results", old, "--only", "failed", "--out", "f.csv").stderr.startswith("2 res")
    shown = command("status", "night").stderr
    assert f"batchhub results {old} --with-retries --out results.jsonl" in shown


def test_a_retry_that_has_no_end_is_named_with_the_results(command: Command) -> None:
    """Its items have the result before; how many is said, with the job that will have more."""
    run_items(command, 503, 404)
    Path("silent").touch()
    held = command("retry", "night", "--wait").stderr
    new = jobs()[1]
    assert f"job {new} (shop): held" in held
    done = command("results", jobs()[0], "--with-retries", "--out", "last.csv")
    assert done.exit_code == ExitCode.OK
    assert done.stderr.splitlines() == [
        "2 results in last.csv",
        (
            f"job {new}, which retries job {jobs()[0]}, is held: 2 of its 2 items have no result "
            "there yet; the result before stands"
        ),
    ]
    assert "503" in Path("last.csv").read_text()
    quiet = command("results", jobs()[0], "--with-retries", "--out", "l.csv", "--quiet")
    assert quiet.stderr == ""


def test_the_help_names_the_codes_that_are_left_out(
    command: Callable[..., Result],
) -> None:
    """It loads nothing that knows them, so it has them written out."""
    text = " ".join(command("retry", "--help").stdout.split())
    assert f"({', '.join(map(str, sorted(FAILS_AGAIN)))})" in text

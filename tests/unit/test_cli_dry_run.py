"""`--dry-run`: what would be sent and what refused, without store, network or job."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from batchhub import BatchHub
from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode

Command = Callable[..., Result]

SETTINGS = """
store = "jobs.db"
[accounts.shop]
adapter = "ecwid"
store_id = 1003
token = { env = "ECWID_TOKEN" }
base_url = "https://app.ecwid.com"
[accounts.work]
adapter = "scripted"
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in a folder with settings, where no connection can be made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ECWID_TOKEN", "secret_" + "t" * 24)
    Path("batchhub.toml").write_text(SETTINGS)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a dry run needs no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


@pytest.mark.parametrize("name", ["run", "submit"])
def test_a_dry_run_tells_what_would_be_sent(command: Command, tmp_path: Path, name: str) -> None:
    """Items, tickets, bytes and the least time are told; nothing is kept."""
    rows = "".join(f"{n},{n}.50\n" for n in range(1, 1201))
    Path("prices.csv").write_text("product_id,price\n" + rows)
    before = sorted(tmp_path.iterdir())
    mapped = ("--map", "PUT /products/{product_id}", "--set", "price={price}")
    call = (name, "prices.csv", "--account", "shop", "--dry-run", *mapped)
    result = command(*call)
    assert result.exit_code == ExitCode.OK, result.stderr
    assert result.stdout.startswith("would send 1,200 items in 3 tickets, ")
    assert "nothing was sent or stored" in result.stdout
    plan = json.loads(command(*call, "--json").stdout)
    assert (plan["items"], plan["tickets"], plan["refused"]) == (1200, 3, 0)
    assert (plan["account"], plan["adapter"], plan["operation"]) == ("shop", "ecwid", "batch")
    assert plan["bytes"] > 1200 * 50
    assert sorted(tmp_path.iterdir()) == before


def test_a_dry_run_tells_all_that_is_refused(command: Command) -> None:
    """What the source and the vendor refuse is told by line, twenty in full; the code is 2."""
    rows = "".join(f"PUT,/products/{n},{n}\n" for n in range(1, 13))
    bad = "PUT,/products/1\n" + "PATCH,/products/1,1\n" * 21
    Path("prices.csv").write_text("method,path,body.price\n" + rows + bad)
    call = ("submit", "prices.csv", "--account", "shop", "--dry-run")
    result = command(*call)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout.splitlines()[0] == "nothing would be sent: prices.csv has 22 errors"
    told = [line for line in result.stderr.splitlines() if line.startswith("refused: ")]
    assert len(told) == 21
    assert told[0].startswith("refused: prices.csv: line 14: the row has 2 cells")
    assert told[1].startswith("refused: prices.csv: line 15")
    assert "method must be one of" in told[1]
    assert told[-1] == "refused: 2 more, not shown"
    plan = json.loads(command(*call, "--json").stdout)
    assert (plan["items"], plan["refused"]) == (12, 22)
    assert [found["line"] for found in plan["refusals"]] == list(range(14, 36))


def test_a_dry_run_says_how_to_go_on_without_the_refused_rows(command: Command) -> None:
    """As the real run does."""
    rows = "PUT,/products/1,1\nPUT,/products/2,2\nPATCH,/products/3,3\n"
    Path("prices.csv").write_text("method,path,body.price\n" + rows)
    result = command("submit", "prices.csv", "--account", "shop", "--dry-run")
    assert result.stdout.splitlines()[0] == (
        "nothing would be sent: prices.csv has 1 error; "
        "correct it, or set it aside with --rejects FILE"
    )


def test_a_table_that_breaks_off_is_refused_whole(command: Command) -> None:
    """All of a table is looked at before its first row, so there is one error and no count."""
    Path("items.csv").write_bytes(b"n\n1\n\xff\n3\n")
    result = command("run", "items.csv", "--account", "work", "--dry-run")
    assert result.exit_code == ExitCode.USAGE
    assert "error: items.csv: line 3: not UTF-8; as windows-1252 it reads" in result.stderr
    assert not result.stdout


def test_a_source_that_breaks_off_is_reported(command: Command) -> None:
    """Behind bytes that can't be read nothing is counted, and that is said."""
    lines = b"".join(b'{"n":%d}\n' % n for n in range(30_000))
    Path("items.jsonl.gz").write_bytes(gzip.compress(lines)[:-1000])
    result = command("run", "items.jsonl.gz", "--account", "work", "--dry-run")
    assert result.exit_code == ExitCode.USAGE
    assert "refused: items.jsonl.gz: the gzip data ends too early" in result.stderr
    assert "items.jsonl.gz can't be read further" in result.stderr
    assert "the others are " in result.stdout


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("n\n", (), "items.csv: there are no items; nothing was sent"),
        ("n\n1\n", ("--operation", "nope"), "no operation named 'nope'; known: more, work"),
        ("n\n1\n", ("--option", "a=1"), "takes no option 'a'"),
        ("n\n1\n", ("--stop-on-first-failure",), "can't stop on the first failure"),
        ("n\n1\n", ("--map", "x {n}"), "scripted takes no --map; name an item's keys by --set"),
        ("n\n1\n", ("--set", "n"), "--set: 'n' is not of the form NAME=TEMPLATE"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_call_that_makes_no_sense_is_refused_either_way(
    command: Command, content: str, arguments: tuple[str, ...], message: str, dry_run: bool
) -> None:
    """A dry run refuses in one line what the real one would."""
    Path("items.csv").write_text(content)
    dry = ("--dry-run",) if dry_run else ()
    result = command("submit", "items.csv", "--account", "work", *arguments, *dry)
    assert result.exit_code == ExitCode.USAGE
    assert not result.stdout
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    assert message in line


def test_a_dry_run_shows_the_first_item(command: Command) -> None:
    """As it would be sent, in one line, cut where it is long, without a secret; whole as JSON."""
    text = "x" * 500
    Path("items.jsonl").write_text(
        json.dumps({"id": "a", "note": "secret_" + "t" * 24, "text": text}) + '\n{"n":2}\n'
    )
    call = ("run", "items.jsonl", "--account", "work", "--dry-run")
    command("run", "items.jsonl", "--account", "shop", "--dry-run")  # makes the token known
    (line,) = (line for line in command(*call).stdout.splitlines() if "first item" in line)
    assert line.startswith('the first item is {"note":"***","text":"xxx')
    assert len(line) <= 320
    plan = json.loads(command(*call, "--json").stdout)
    assert plan["sample"] == {"note": "***", "text": text}
    Path("prices.csv").write_text("id,price\n1,9.90\n")
    mapped = ("--map", "PUT /products/{id}", "--set", "price={price}", "--dry-run")
    result = command("run", "prices.csv", "--account", "shop", *mapped)
    sent = '{"id":"1","method":"PUT","path":"/products/1","body":{"price":9.90}}'
    assert f"the first item is {sent}\n" in result.stdout


def test_a_dry_run_without_an_item_shows_none(command: Command) -> None:
    """Where all are refused there is nothing to show."""
    Path("items.csv").write_text("bad\n1\n")
    result = command("run", "items.csv", "--account", "work", "--dry-run")
    assert result.exit_code == ExitCode.USAGE
    assert "first item" not in result.stdout


def test_a_dry_run_asks_whose_the_key_is(command: Command, tmp_path: Path) -> None:
    """The key's own job would be joined, other items are refused as by the real call."""
    Path("items.csv").write_text("n\n1\n")
    call = ("submit", "items.csv", "--account", "work", "--key", "monday")
    fresh = command(*call, "--dry-run")
    assert fresh.stdout.startswith("would send 1 item")
    assert not Path("jobs.db").exists()
    job_id = make_job(tmp_path, "monday")
    before = sorted(tmp_path.iterdir())
    joined = command(*call, "--dry-run")
    assert joined.exit_code == ExitCode.OK, joined.stderr
    assert joined.stdout.startswith(f"joins job {job_id}, submitted ")
    assert joined.stdout.splitlines()[0].endswith(" ago; nothing would be sent")
    assert "would send" not in joined.stdout
    assert json.loads(command(*call, "--dry-run", "--json").stdout)["joins"] == job_id
    Path("items.csv").write_text("n\n2\n")
    other = command(*call, "--dry-run")
    assert other.exit_code == ExitCode.USAGE
    assert f"key 'monday' belongs to job {job_id}, which has other items" in other.stderr
    assert not other.stdout
    other_key = command(*call[:-1], "tuesday", "--dry-run")
    assert other_key.stdout.startswith("would send 1 item")
    assert sorted(tmp_path.iterdir()) == before


def make_job(folder: Path, key: str) -> str:
    """Keep a job in the store of the settings, as a command that was cut off leaves one."""

    async def submit() -> str:
        async with BatchHub.from_config(folder / "batchhub.toml", only=["work"]) as hub:
            return (await hub.submit("work", [{"n": 1}], key=key)).id

    return asyncio.run(submit())


def test_rows_without_a_map_are_sent_to_it(command: Command) -> None:
    """A plain table at a vendor that takes --map is refused with the way out, once."""
    Path("prices.csv").write_text("product_id,price\n1,2\n3,4\n")
    for dry in ((), ("--dry-run",)):
        result = command("run", "prices.csv", "--account", "shop", *dry)
        assert result.exit_code == ExitCode.USAGE
        assert result.stderr.count("--map makes items of rows") == 1

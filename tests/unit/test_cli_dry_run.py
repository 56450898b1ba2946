"""`--dry-run`: what would be sent and what refused, without store, network or job."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from batchhub.cli._exits import ExitCode
from batchhub.cli.app import app

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
    assert "nothing was sent and nothing kept" in result.stdout
    plan = json.loads(command(*call, "--json").stdout)
    assert (plan["items"], plan["tickets"], plan["refused"]) == (1200, 3, 0)
    assert (plan["account"], plan["adapter"], plan["operation"]) == ("shop", "ecwid", "batch")
    assert plan["bytes"] > 1200 * 50
    assert sorted(tmp_path.iterdir()) == before


def test_a_dry_run_tells_all_that_is_refused(command: Command) -> None:
    """What the source and the vendor refuse is told by line, ten in full; the code is 2."""
    rows = "".join(f"PUT,/products/{n},{n}\n" for n in range(1, 13))
    bad = "PUT,/products/1\n" + "PATCH,/products/1,1\n" * 11
    Path("prices.csv").write_text("method,path,body.price\n" + rows + bad)
    call = ("submit", "prices.csv", "--account", "shop", "--dry-run")
    result = command(*call)
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout.splitlines()[0] == "nothing would be sent: prices.csv has 12 errors"
    told = [line for line in result.stderr.splitlines() if line.startswith("refused: ")]
    assert len(told) == 11
    assert told[0].startswith("refused: prices.csv: line 14: the row has 2 cells")
    assert told[1].startswith("refused: prices.csv: line 15")
    assert "method must be one of" in told[1]
    assert told[-1] == "refused: 2 more, not shown"
    plan = json.loads(command(*call, "--json").stdout)
    assert (plan["items"], plan["refused"]) == (12, 12)
    assert [found["line"] for found in plan["refusals"]] == list(range(14, 26))


def test_a_source_that_breaks_off_is_told(command: Command) -> None:
    """Behind bytes that can't be read nothing is counted, and that is said."""
    Path("items.csv").write_bytes(b"n\n1\n\xff\n3\n")
    result = command("run", "items.csv", "--account", "work", "--dry-run")
    assert result.exit_code == ExitCode.USAGE
    assert "refused: items.csv: line 3: the byte 0xff is no UTF-8" in result.stderr
    assert "items.csv can't be read beyond that" in result.stderr
    assert "the others are 1 item in 1 ticket" in result.stdout


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("n\n", (), "items.csv: there are no items; nothing was sent"),
        ("n\n1\n", ("--operation", "nope"), "no operation named 'nope'; known: work"),
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

"""The commands in this process: how they are called, where they look, how they refuse."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from typer.testing import CliRunner, Result

from batchhub.cli import app as app_module
from batchhub.cli import main
from batchhub.cli.app import app
from batchhub.cli.screen.console import warnings_as_lines
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.filters import parse_states
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.job_options import OutputOptions
from batchhub.cli.shell.open import find_store
from batchhub.cli.shell.options import Common, parse_options
from batchhub.errors import SettingsError, UsageError

COMMANDS = [
    *("demo", "init", "check", "run", "submit", "status", "list", "watch"),
    *("results", "retry", "cancel", "adopt", "resume", "worker", "failures", "exchanges"),
    *("health", "alerts", "cluster", "web", "prune", "adapters", "doctor", "sandbox", "store"),
]
GROUPS = {"store": ["copy", "reopen"]}
CALLS = [
    [name, *part]
    for name in COMMANDS
    for part in ([[each] for each in GROUPS[name]] if name in GROUPS else [[]])
]
COMMON_OPTIONS = ("--config", "--store", "--json", "--quiet", "-v", "--log-format")

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in an empty folder with an empty home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BATCHHUB_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def settings(*lines: str) -> None:
    """Write a settings file with an account of the scripted vendor, and these lines."""
    account = ["[accounts.shop]", 'adapter = "scripted"']
    Path("batchhub.toml").write_text("\n".join([*lines, *account]))


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_command_takes_the_common_options(command: Command, call: list[str]) -> None:
    """The common options are accepted after every command's name."""
    result = command(*call, "--help")
    assert result.exit_code == 0
    for option in COMMON_OPTIONS:
        assert option in result.stdout


@pytest.mark.parametrize("name", ["run", "submit"])
def test_what_hands_items_over_takes_the_same_options(command: Command, name: str) -> None:
    """Both commands that hand items over read them, and check them, in the same ways."""
    words = command(name, "--help").stdout.split()
    options = (
        *("ITEMS", "--account", "--operation", "--key", "--label", "--option", "--dry-run"),
        *("--format", "--map", "--set", "--id", "--delimiter", "--encoding"),
        *(
            "--sheet",
            "--decimal",
            "--number",
            "--text",
            "--empty",
            "--stop-on-first-failure",
            "--keep-going",
        ),
    )
    assert set(options) <= set(words)


def test_the_commands_are_fixed(command: Command) -> None:
    """Help names every command, each with what it does."""
    lines = command("--help").stdout.partition("Commands:")[2].splitlines()[1:]
    assert [line.split()[0] for line in lines] == COMMANDS
    assert not [line for line in lines if line.endswith("...")]


def test_version(command: Command) -> None:
    """--version says which batchhub this is."""
    assert command("--version").stdout == f"batchhub {version('batchhub')}\n"


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"sqlalchemy", "aiohttp", "rich", "alembic", "asyncio"}),
        (
            ["list", "--store", "none.db"],
            {"aiohttp", "alembic", "cattrs", "structlog", "batchhub.tables"},
        ),
        (["status", "j", "--store", "none.db"], {"aiohttp", "alembic", "cattrs", "structlog"}),
    ],
    ids=["help", "list", "status"],
)
def test_a_command_loads_what_it_needs(
    tmp_path: Path, arguments: list[str], heavy: set[str]
) -> None:
    """Help imports neither database nor HTTP, readers nothing that sends or writes results."""
    code = (
        f"import sys; from batchhub.cli import main; sys.argv = ['batchhub', *{arguments}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_command_runs_as_a_module() -> None:
    """`python -m batchhub` is the command, under its own name."""
    done = subprocess.run(
        [sys.executable, "-m", "batchhub", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Usage: batchhub ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("status",),
        ("run", "items.jsonl"),
        ("run", "items.jsonl", "--account", "a", "--timeout", "-1"),
        ("run", "items.jsonl", "--account", "a", "--json", "--out", "-"),
        ("results", "j", "--json"),
        ("results", "j", "--json", "--out", "-"),
        ("sandbox", "ecwid", "--port", "70000"),
    ],
)
def test_bad_calls_are_refused(command: Command, arguments: tuple[str, ...]) -> None:
    """A call that makes no sense is 2, with nothing on standard output."""
    result = command(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert not result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "x.jsonl", "--account", "a"), "no such file"),
        (("run", "ok.jsonl", "--account", "a", "--key", ""), "--key is empty"),
        (("run", "ok.jsonl", "--account", "a", "--option", "x"), "is not name=value"),
        (("run", "ok.jsonl", "--account", "a", "--out", "n/x"), "there is no folder"),
        (("run", "ok.jsonl", "--account", "a"), "no account named 'a'; known: shop"),
        (("submit", "ok.jsonl", "--account", "shop", "--operation", "zip"), "known: more, work"),
        (("submit", "ok.jsonl", "--account", "shop", "--option", "a=1"), "takes no option 'a'"),
        (("submit", "bad.jsonl", "--account", "shop"), "bad.jsonl: line 3 (id '2'): it says"),
        (("submit", "broken.jsonl", "--account", "shop"), "broken.jsonl: line 2: not valid json"),
        (("submit", "empty.jsonl", "--account", "shop"), "empty.jsonl: there are no items"),
        (("submit", "ok.jsonl", "--account", "shop", "--config", "n"), "no settings file n"),
        (("status", "j"), "no job named 'j'"),
        (("results", "j"), "no job named 'j'"),
        (("results", "j", "--only", "bad"), "--only takes succeeded, failed, not_executed"),
        (("watch", "j"), "no job named 'j'"),
        (("cancel", "j"), "no job named 'j'"),
        (("retry", "j"), "no job named 'j'"),
        (("list", "--store", "x://y"), "not supported"),
        (("list", "--config", "nope.toml"), "no settings file nope.toml"),
        (("sandbox", "nope"), "known: "),
        (("sandbox", "scripted"), "has no sandbox"),
        (("sandbox", "ecwid", "--set", "nope=1"), "no switch named 'nope'"),
    ],
)
def test_refusals_are_one_line(command: Command, arguments: tuple[str, ...], message: str) -> None:
    """What is refused is told in one line that names it, and nothing is kept."""
    settings('store = "jobs.db"')
    Path("ok.jsonl").write_text('{"n": 1}\n')
    Path("bad.jsonl").write_text('{"n": 1}\n\n{"bad": 1}\n')
    Path("broken.jsonl").write_text('{"n": 1}\n{"n": \n')
    Path("empty.jsonl").write_text("\n")
    result = command(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert not result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line.lower() or message in line
    assert command("list", "--json").stdout in {"", "[]\n"}


def test_an_account_without_settings_says_what_to_write(command: Command) -> None:
    """Without a settings file the error names the table that is missing."""
    Path("ok.jsonl").write_text('{"n": 1}\n')
    result = command("run", "ok.jsonl", "--account", "shop")
    assert result.exit_code == ExitCode.USAGE
    assert "there is no batchhub.toml here" in result.stderr
    assert "[accounts.shop]" in result.stderr


def test_readers_make_no_store(command: Command, tmp_path: Path) -> None:
    """Looking at a store that is not there makes none."""
    assert command("list").exit_code == 0
    assert command("status", "j").exit_code == ExitCode.USAGE
    assert command("resume").exit_code == 0
    assert command("watch").exit_code == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["list", "resume", "watch"])
def test_a_broken_store_can_be_resumed(command: Command, name: str) -> None:
    """A store that can't be opened is 4, in one line that names it."""
    Path("text.db").write_text("this is no database, and long enough to be seen as none " * 20)
    result = command(name, "--store", "text.db")
    assert result.exit_code == ExitCode.UNFINISHED
    assert "text.db: it is no batchhub store" in result.stderr.splitlines()[0]


def test_the_store_is_looked_for_in_order(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By option, by environment, by settings, else in the user's data folder."""
    assert find_store(Common()) == str(tmp_path / "home" / "batchhub" / "jobs.db")
    settings('store = "set.db"')
    assert find_store(Common()) == "set.db"
    Path("other.toml").write_text('store = "other.db"')
    assert find_store(Common(config=Path("other.toml"))) == "other.db"
    monkeypatch.setenv("BATCHHUB_CONFIG", "other.toml")
    assert command("list").stderr == "store other.db does not exist yet\n"
    assert (
        command("list", "--config", "batchhub.toml").stderr == "store set.db does not exist yet\n"
    )
    monkeypatch.setenv("BATCHHUB_STORE", "env.db")
    assert find_store(Common()) == "env.db"
    assert command("list").stderr == "store env.db does not exist yet\n"
    assert find_store(Common(config=Path("other.toml"), store="given.db")) == "given.db"
    assert command("list", "--store", "given.db").stderr == "store given.db does not exist yet\n"


def test_adapters_names_what_does_not_load(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every installed adapter is listed; one that does not load says why and stops no other."""
    info = tmp_path / "plug" / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[batchhub.adapters.v1]\nbroken = nowhere:Adapter\n")
    monkeypatch.syspath_prepend(tmp_path / "plug")
    result = command("adapters")
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "batch" in rows["ecwid"].split()
    assert "yes" in rows["ecwid"]
    assert "No module named 'nowhere'" in rows["broken"]
    found = {row["name"]: row for row in json.loads(command("adapters", "--json").stdout)}
    assert found["ecwid"]["operations"] == ["batch"]
    assert found["ecwid"]["error"] is None
    assert found["broken"]["operations"] == []


def test_switches_are_listed(command: Command) -> None:
    """--switches tells what a sandbox can be told to do."""
    result = command("sandbox", "ecwid", "--switches")
    assert "item_time_s" in result.stdout
    switches = json.loads(command("sandbox", "ecwid", "--switches", "--json").stdout)
    assert {"name", "default", "help"} == set(switches[0])


def test_a_port_that_is_taken_is_named(command: Command) -> None:
    """A sandbox that can't listen says where, and why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = command("sandbox", "ecwid", "--port", str(port))
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr == f"error: can't listen on 127.0.0.1:{port}: Address already in use\n"


def test_options_are_read() -> None:
    """NAME=VALUE may hold more equals signs; a name may be there once."""
    assert parse_options(["a=1", "b=c=d", "e="]) == {"a": "1", "b": "c=d", "e": ""}
    with pytest.raises(UsageError, match="'a' is given twice"):
        parse_options(["a=1", "a=2"])


def test_states_are_read() -> None:
    """States may be repeated, joined by commas, and written with a hyphen."""
    assert parse_states(["failed,unknown", "not-executed"]) == ["failed", "unknown", "not_executed"]
    with pytest.raises(UsageError, match="not 'rejected', which rows have: --with-input"):
        parse_states(["failed,rejected"])


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_fault_of_ours_shows_its_traceback_only_when_asked(
    capsys: pytest.CaptureFixture[str], verbose: int
) -> None:
    """An unexpected error is one line; with -v its traceback, without the values of variables."""

    async def work() -> ExitCode:
        token = "hidden_value_" + "x"
        raise TypeError(len(token))

    with pytest.raises(SystemExit) as caught:
        Invocation(Common(verbose=verbose)).run(work())
    shown = capsys.readouterr().err
    assert caught.value.code == ExitCode.UNFINISHED
    assert "error: internal: TypeError: 14" in shown
    assert ("Traceback" in shown) is bool(verbose)
    assert "hidden_value_x" not in shown


def test_an_error_of_ours_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """A job that was accepted is named with the command that goes on with it."""
    invocation = Invocation(Common(store="my.db"))

    async def work() -> ExitCode:
        invocation.job_id = "j"
        raise OSError("odd")

    with pytest.raises(SystemExit):
        invocation.run(work())
    assert "continue with: batchhub resume --store my.db" in capsys.readouterr().err


def test_results_that_are_still_to_be_written_are_named_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`resume` writes none: whoever asked for a file is told how to get it then."""
    invocation = Invocation(Common(store="my.db"))

    async def work() -> ExitCode:
        invocation.job_id = "j"
        invocation.later = OutputOptions(
            out="r e.csv", with_input=True, excel_csv=True, force=True, form="csv"
        ).later
        raise OSError("odd")

    with pytest.raises(SystemExit):
        invocation.run(work())
    goes_on, writes = capsys.readouterr().err.splitlines()[-2:]
    assert goes_on == "continue with: batchhub resume --store my.db"
    assert writes == (
        "then write the results with: batchhub results j --with-input --excel-csv --force"
        " --format csv --out 'r e.csv' --store my.db"
    )


@pytest.mark.parametrize("out", [None, "-"])
def test_results_without_a_file_are_not_named(out: str | None) -> None:
    """There is nothing to be written again."""
    assert OutputOptions(out=out, fields=["id"]).later == []
    named = OutputOptions(out="r", fields=["id", "a.b"], as_="order", explode="items")
    assert " ".join(named.later) == "--fields id,a.b --as order --explode items --out r"


def test_a_broken_installation_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What goes wrong before a command runs shows no traceback either."""

    def broken(**_: object) -> None:
        raise ImportError("no rich")

    monkeypatch.setattr(app_module, "app", broken)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == ExitCode.UNFINISHED
    assert capsys.readouterr().err == "error: internal: ImportError: no rich\n"


def test_warnings_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """What Python warns of is one line on standard error."""
    with warnings.catch_warnings(), warnings_as_lines():
        warnings.simplefilter("always")
        warnings.warn("a literal\nsecret", stacklevel=1)
    assert capsys.readouterr().err == "warning: a literal secret\n"


def test_settings_that_do_not_parse_are_refused(command: Command) -> None:
    """Settings are read for every command that needs the store, and refused in one line."""
    Path("batchhub.toml").write_text("store = ")
    result = command("list")
    assert result.exit_code == ExitCode.USAGE
    assert "batchhub.toml is no valid TOML" in result.stderr
    assert command("list", "--store", "x.db").exit_code == 0
    with pytest.raises(SettingsError):
        find_store(Common())


@pytest.mark.parametrize("store", [":memory:", "sqlite:///:memory:"])
@pytest.mark.parametrize("call", [("list",), ("run", "items.jsonl", "--account", "shop")])
def test_a_store_that_ends_with_the_command_is_refused(
    command: Command, store: str, call: tuple[str, ...]
) -> None:
    """Nothing could go on with its jobs, so none is begun."""
    settings()
    Path("items.jsonl").write_text('{"n": 1}\n')
    result = command(*call, "--store", store)
    assert result.exit_code == 2
    assert "would be lost when this command ends" in result.stderr


def test_nothing_is_loaded_before_an_interruption_is_taken_care_of() -> None:
    """What the script imports first is this package and its own two words, nothing of Python's."""
    code = (
        "import sys, __future__; before = set(sys.modules); import batchhub.cli; "
        "print(sorted(set(sys.modules) - before))"
    )
    assert _python(code).stdout.strip() == "['batchhub', 'batchhub.cli']"


@pytest.mark.parametrize(
    "module",
    ["batchhub.cli.shell", "batchhub.cli.shell.start", "batchhub.cli.app", "typer", "asyncio"],
)
def test_an_interruption_while_a_module_is_loaded_leaves_no_traceback(module: str) -> None:
    """Ctrl-C is 130 with one line, whatever the command is loading at that moment."""
    code = f"""
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["batchhub", "list"]
from batchhub.cli import main
main()
"""
    done = _python(code)
    assert (done.returncode, done.stderr) == (130, "interrupted; nothing was sent\n")


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

"""`batchhub init`: a settings file to begin with, made of what the adapters say of themselves."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import field, frozen
from typer.testing import CliRunner, Result

from batchhub._settings.registry import Registry
from batchhub.adapter import Account, Budget, secret
from batchhub.cli.app import app
from batchhub.cli.commands.template import make_table
from batchhub.cli.shell.exits import ExitCode
from batchhub.settings import load_settings

Command = Callable[..., Result]


class Colour(Enum):
    """An enumeration."""

    RED = "red"


@frozen(kw_only=True)
class OddAccount(Account):
    """
    An account with keys of every kind.

    Attributes:
        number: How many there are. And more that is not
            said in the file.
        title (str): What it is called,
            over two lines.
        token: The ``key`` that opens it.
        spare: Another; by default `token`.
    """

    adapter: ClassVar[str] = "odd"
    base_url: str = "http://127.0.0.1:9"
    number: int
    share: float
    is_fast: bool
    title: str = 'a "quoted" \\ \x7f ü\n'
    colour: Colour = Colour.RED
    limits: dict[str, Any] = field(factory=lambda: {"a b": [1, 2.5], "c": True})
    most: float = float("inf")
    note: str | None = None
    handle: object = field(factory=object)
    token: str = secret()
    spare: str | None = secret(default=None)

    @property
    def identity(self) -> str:
        """Any."""
        return "one"

    @property
    def budget(self) -> Budget:
        """Any."""
        return Budget(requests=10, per_s=1.0)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `init` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BATCHHUB_CONFIG", raising=False)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["init", *arguments], prog_name="batchhub")

    return run


def uncommented(text: str) -> str:
    """Return a file with every setting in it live."""
    return "\n".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
        for line in text.splitlines()
    )


def test_a_table_has_every_key_with_what_is_said_of_it() -> None:
    """Required keys are live, optional ones are not; above each is what its class says of it."""
    text = make_table("my shop", OddAccount, is_live=True)

    assert tomllib.loads(text)["accounts"]["my shop"] == {
        "adapter": "odd",
        "number": 0,
        "share": 0.0,
        "is_fast": False,
        "token": {"env": "MY_SHOP_TOKEN"},
    }
    lines = text.splitlines()
    assert lines[lines.index("number = 0") - 1] == "# Required. How many there are."
    assert "# Required. The `key` that opens it." in lines
    assert "# What it is called, over two lines." in lines
    assert "# Where the vendor answers: scheme and host, without a trailing slash." in lines
    assert all(len(line) <= 100 for line in lines)


def test_what_is_commented_out_is_the_default() -> None:
    """Made live, an optional key says what holds without it; what no file can hold is left out."""
    values = tomllib.loads(uncommented(make_table("x", OddAccount, is_live=True)))["accounts"]["x"]

    assert values["title"] == 'a "quoted" \\ \x7f ü\n'
    assert values["colour"] == "red"
    assert values["limits"] == {"a b": [1, 2.5], "c": True}
    assert values["most"] == float("inf")
    assert values["note"] == ""
    assert values["spare"] == {"env": "X_SPARE"}
    assert "handle" not in values


def test_without_an_account_there_is_a_table_for_each_adapter(command: Command) -> None:
    """All tables are commented out, so the file has no account; made live it has all of them."""
    result = command()

    assert result.exit_code == 0
    assert "wrote batchhub.toml" in result.stderr
    assert "batchhub check" in result.stderr
    path = Path("batchhub.toml")
    assert load_settings(path, {}).accounts == {}
    path.write_text(uncommented(path.read_text()))
    assert set(load_settings(path, {}).accounts) == set(Registry().names)


@pytest.mark.parametrize("name", ["shop", 'my "ü" shop', "7", "a.b"])
def test_an_account_is_live_at_once(command: Command, name: str) -> None:
    """The file loads, whatever the account is called, and belongs to its owner alone."""
    path = Path("own.toml")

    assert command("--config=own.toml", f"--account={name}", "--adapter=scripted").exit_code == 0

    assert load_settings(path, {}).accounts[name].adapter == "scripted"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(Path().iterdir()) == [path]


def test_the_adapter_names_the_account_that_has_no_name(command: Command) -> None:
    """--adapter alone is enough; --json tells what was written."""
    result = command("--adapter=scripted", "--json")

    assert json.loads(result.stdout) == {"path": "batchhub.toml", "accounts": ["scripted"]}


@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_that_is_there_is_left_as_it_is(command: Command, is_link: bool) -> None:
    """One line, exit code 2; a link to nowhere counts as a file."""
    path = Path("batchhub.toml")
    path.symlink_to("nowhere") if is_link else path.write_text("mine")

    result = command()

    assert result.exit_code == ExitCode.USAGE
    assert result.stderr == "error: batchhub.toml is there already; it was left as it is\n"
    assert is_link or path.read_text() == "mine"
    assert list(Path().iterdir()) == [path]


def test_a_file_system_without_links_is_no_obstacle(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is there as a whole all the same, and never over another."""

    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)

    assert command().exit_code == 0
    assert command().exit_code == ExitCode.USAGE
    assert list(Path().iterdir()) == [Path("batchhub.toml")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--account=shop"], "say with --adapter at which vendor the account is; installed: "),
        (["--adapter=nobodys"], "no adapter named 'nobodys'; known: "),
        (["--adapter=scripted", "--account="], "an account's name can't be empty"),
        (["--config=no/such/b.toml"], "can't write no/such/b.toml: there is no folder no/such"),
    ],
)
def test_what_can_not_be_written_is_said(
    command: Command, arguments: list[str], words: str
) -> None:
    """One line, exit code 2, and no file."""
    result = command(*arguments)

    assert result.exit_code == ExitCode.USAGE
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(Path().iterdir())

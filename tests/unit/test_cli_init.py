"""`batchhub init`: a settings file to begin with, made of what each adapter provides."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import NOTHING, fields, frozen
from typer.testing import CliRunner, Result

from batchhub._settings.file import _TOP_LEVEL
from batchhub._settings.registry import Registry
from batchhub.adapter import Account, Budget, secret
from batchhub.cli.app import app
from batchhub.cli.commands.init import make_table
from batchhub.cli.shell.exits import ExitCode
from batchhub.settings import load_settings

Command = Callable[..., Result]


@frozen(kw_only=True)
class PlainAccount(Account):
    """An account whose class has no `settings_text`."""

    adapter: ClassVar[str] = "odd"
    number: int
    share: float
    is_fast: bool
    title: str
    token: str = secret()
    spare: str | None = secret(default=None)
    most: float = 2.5

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


def table_of(text: str) -> dict[str, Any]:
    """Return the settings of the only account in a file."""
    (table,) = tomllib.loads(text)["accounts"].values()
    del table["adapter"]
    return dict(table)


def test_a_class_without_a_text_has_its_required_fields() -> None:
    """Third parties need not write a text: what is required is a line, the rest is named."""
    text = make_table("my shop", PlainAccount, is_live=True)

    assert text.splitlines()[0] == '[accounts."my shop"]'
    assert table_of(text) == {
        "base_url": "",
        "number": 0,
        "share": 0.0,
        "is_fast": False,
        "title": "",
        "token": {"env": "ODD_TOKEN"},
    }
    assert "# Optional: spare, most." in text


VALUES = {"marketplace_ids": "A1PA6795UKMFR9", "base_url": "https://shop.example"}
"""What is taken for required settings that take no 1."""


@pytest.mark.parametrize(
    "account_type",
    [info.adapter.account_type for info in Registry().describe() if info.adapter is not None],
    ids=lambda account_type: account_type.adapter,
)
def test_a_text_has_the_fields_of_its_class(account_type: type[Account]) -> None:
    """Required fields are live, all others are commented out at their defaults."""
    known = {f.alias or f.name: f for f in fields(account_type) if f.init}
    required = {name for name, f in known.items() if f.default is NOTHING}
    live = table_of(make_table("x", account_type, is_live=True))
    assert set(live) == required
    if not account_type.settings_text:
        return

    everything = table_of(uncommented(make_table("x", account_type, is_live=False)))
    assert set(everything) == set(known)
    secrets = {name: "k" * 40 for name, f in known.items() if f.metadata.get("secret")}
    given = {name: VALUES.get(name, "1") for name in required} | secrets
    assert account_type(**{**everything, **given}) == account_type(**given)


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


def test_the_file_has_every_setting_of_the_file_itself(command: Command) -> None:
    """Each is commented out; those with a fixed default stand at it."""
    command("--account=shop", "--adapter=scripted")
    path = Path("batchhub.toml")
    before = load_settings(path, {})
    text = uncommented(path.read_text())
    assert set(tomllib.loads(text)) == set(_TOP_LEVEL)
    path.write_text(text)
    assert load_settings(path, {}).store_mode == before.store_mode


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
    assert result.stderr == "error: batchhub.toml already exists; it was not changed\n"
    assert is_link or path.read_text() == "mine"
    assert list(Path().iterdir()) == [path]


def test_a_file_that_is_cut_short_is_removed(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk nothing is left that would be in the way of the next try."""

    class Full(io.BytesIO):
        """A file on a full disk."""

        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_full(number: int, _: str) -> Full:
        os.close(number)
        return Full()

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", open_full)
        result = command()
        assert result.exit_code == ExitCode.USAGE
        assert result.stderr == "error: can't write batchhub.toml: No space left on device\n"

    assert list(Path().iterdir()) == []
    assert command().exit_code == 0


def test_a_kill_leaves_no_half_of_a_file(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A settings file is there when it is complete; the next try works."""

    class KilledError(BaseException):
        """The process is gone: nothing of it runs any more."""

    def kill(*_: object) -> None:
        raise KilledError

    for step in ("fsync", "link"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, kill)
            patch.setattr(Path, "unlink", kill)
            with pytest.raises(KilledError):
                command()
        assert not Path("batchhub.toml").exists()
    assert command().exit_code == 0
    whole = Path("batchhub.toml").read_text()
    assert list(Path().glob("*.toml")) == [Path("batchhub.toml")]
    assert command().exit_code == ExitCode.USAGE
    assert Path("batchhub.toml").read_text() == whole


def test_a_file_that_comes_meanwhile_is_left_as_it_is(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once: one of them is told so, also where the disk knows no links."""
    link = os.link

    def be_late(source: Path, target: Path) -> None:
        Path("batchhub.toml").write_text("mine")
        link(source, target)

    def know_no_links(*_: object) -> None:
        Path("batchhub.toml").write_text("mine")
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    for step in (be_late, know_no_links):
        with monkeypatch.context() as patch:
            patch.setattr(os, "link", step)
            result = command()
        assert result.exit_code == ExitCode.USAGE
        assert result.stderr == "error: batchhub.toml already exists; it was not changed\n"
        assert Path("batchhub.toml").read_text() == "mine"
        Path("batchhub.toml").unlink()
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--account=shop"], "name the adapter with --adapter; installed: "),
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

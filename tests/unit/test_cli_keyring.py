"""The keyring is asked for the account that is used, and for no other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from batchhub._settings import keyring as _keyring
from batchhub.cli.app import app

Run = Callable[..., tuple[Result, list[str]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with accounts, by name: the store and the keyring's entry of each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BATCHHUB_STORE", raising=False)
    monkeypatch.setattr(_keyring, "_found", {})
    asked: list[str] = []

    def get_password(service: str, name: str) -> str:
        asked.append(f"{service}/{name}")
        return f"secret_{service}_{name}_0123456789"

    class NoKeyringError(Exception):
        """Of a machine without one."""

    class KeyringLockedError(Exception):
        """Of a locked one."""

    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    keyring.get_password = get_password  # type: ignore[attr-defined]
    errors.NoKeyringError = NoKeyringError  # type: ignore[attr-defined]
    errors.KeyringLocked = KeyringLockedError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    Path("items.jsonl").write_text('{"method": "GET", "path": "/products/1"}\n')

    def run(accounts: dict[str, tuple[int, str]], *arguments: str) -> tuple[Result, list[str]]:
        asked.clear()
        tables = (
            f'[accounts.{name}]\nadapter = "ecwid"\nstore_id = {store}\n'
            f'token = {{ keyring = "{entry}" }}\nbase_url = "http://127.0.0.1:9"\n'
            for name, (store, entry) in accounts.items()
        )
        Path("batchhub.toml").write_text('store = "jobs.db"\n' + "".join(tables))
        return CliRunner().invoke(app, arguments), list(asked)

    return run


SUBMIT = ("submit", "items.jsonl", "--account", "one")


@pytest.mark.parametrize("entry", ["k/one", "k/two"])
def test_other_accounts_are_looked_at_without_their_secrets(run: Run, entry: str) -> None:
    """Accounts of other stores have other lanes, whatever their secrets are."""
    result, asked = run({"one": (1, "k/one"), "two": (2, entry)}, *SUBMIT)
    assert result.exit_code == 0, result.stderr
    assert set(asked) == {"k/one"}
    assert "secrets differ" not in result.stderr


def test_a_twin_with_the_same_entry_is_the_same(run: Run) -> None:
    """Nothing is said, and the entry is not asked for on its account."""
    result, asked = run({"one": (1, "k/one"), "two": (1, "k/one")}, *SUBMIT)
    assert result.exit_code == 0, result.stderr
    assert asked == ["k/one"]
    assert "'two'" not in result.stderr


def test_a_twin_with_another_entry_can_not_be_compared(run: Run) -> None:
    """One line says what is not known, and what to do; the command goes on."""
    result, asked = run({"one": (1, "k/one"), "two": (1, "k/two")}, *SUBMIT)
    assert result.exit_code == 0, result.stderr
    assert asked == ["k/one"]
    (line,) = [line for line in result.stderr.splitlines() if "'two'" in line]
    assert line.startswith("warning: accounts 'one' and 'two' are both ecwid:")
    assert line.endswith("give both the same entry, or remove one")


@pytest.mark.parametrize("command", ["watch", "cancel", "retry"])
def test_a_job_is_found_its_account_without_the_secrets_of_others(run: Run, command: str) -> None:
    """Also one whose account has another name by now."""
    submitted, _ = run({"one": (1, "k/one")}, *SUBMIT)
    job_id = submitted.stdout.strip()
    accounts = {"a": (3, "k/three"), "new": (1, "k/one"), "one": (2, "k/two"), "z": (4, "k/four")}
    waits = ("--contact-timeout", "0") if command == "watch" else ()
    _, asked = run(accounts, command, job_id, *waits)
    assert set(asked) <= {"k/one", "k/two"}, asked
    assert "k/one" in asked

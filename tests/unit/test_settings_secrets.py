"""Where a secret may come from: a variable, the keyring, or, with a warning, the file itself."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.safe_account import SafeAccount

from batchhub._settings import account_reader
from batchhub._settings.accounts import make_account, read_account
from batchhub.errors import SettingsError
from batchhub.settings import AccountTable

TOKEN = "secret_9vKq2LxT"


class KeyringError(Exception):
    """As the package's."""


class NoKeyringError(KeyringError):
    """As the package's."""


class KeyringLocked(KeyringError):  # noqa: N818  # the package's own name
    """As the package's."""


def install_keyring(monkeypatch: pytest.MonkeyPatch, answer: object) -> list[tuple[str, str]]:
    """Put a keyring in place that gives or raises an answer; returns what it is asked."""
    asked: list[tuple[str, str]] = []

    def get_password(service: str, name: str) -> Any:
        asked.append((service, name))
        if isinstance(answer, Exception):
            raise answer
        return answer

    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    keyring.get_password = get_password  # type: ignore[attr-defined]
    for kind in (NoKeyringError, KeyringLocked):
        setattr(errors, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return asked


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been warned of yet."""
    monkeypatch.setattr(account_reader, "_warned", set())


def table(token: object, path: str = "b.toml") -> AccountTable:
    """Make the table of the account ``shop``."""
    return AccountTable(name="shop", adapter="safe", values={"token": token}, path=path)


def refusal(token: object) -> str:
    """Return what is said of a secret that can't be found."""
    with pytest.raises(SettingsError) as caught:
        make_account(SafeAccount, table(token), {})
    assert caught.value.key == "accounts.shop.token"
    return str(caught.value)


def test_a_secret_may_be_in_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last part of the entry is the name, all before it the service."""
    asked = install_keyring(monkeypatch, TOKEN)

    made = make_account(SafeAccount, table({"keyring": "our/shop/token"}), {})

    assert made == SafeAccount(token=TOKEN)
    assert asked == [("our/shop", "token")]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "it has no entry 'our shop/me'; create it with: keyring set 'our shop' me"),
        ("", "it has no entry 'our shop/me'"),
        (KeyringLocked("no"), "it is locked; unlock it, then try again"),
        (NoKeyringError("no"), "there is none on this machine"),
        (RuntimeError("a\nb"), "it can't be read: RuntimeError: a b"),
    ],
)
def test_a_keyring_that_gives_nothing_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, answer: object, words: str
) -> None:
    """A missing entry, a locked or a broken keyring: each has its line, and says what to do."""
    install_keyring(monkeypatch, answer)

    told = refusal({"keyring": "our shop/me"})

    assert told.startswith("account 'shop' in b.toml: token comes from the keyring, but ")
    assert words in told
    assert "\n" not in told


def test_a_keyring_without_its_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is asked for only by those who refer to it."""
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert refusal({"keyring": "a/b"}).endswith(
        "a package for it is not installed: pip install 'batchhub[keyring]'"
    )


@pytest.mark.parametrize("entry", ["token", "/token", "service/"])
def test_an_entry_has_a_service_and_a_name(entry: str) -> None:
    """What is not of the form is refused before the keyring is asked."""
    assert refusal({"keyring": entry}).endswith(f"{entry!r} is not of the form service/name")


@pytest.mark.parametrize(
    "token",
    [
        {},
        {"env": ""},
        {"env": 5},
        {"environ": "X"},
        {"env": "X", "keyring": "a/b"},
        {"env": "X", "y": TOKEN},
        {"file": ""},
        {"file": 7},
        {"files": "x"},
        {"keyring": ["a", "b"]},
    ],
)
def test_another_table_is_refused_with_the_right_forms(token: object) -> None:
    """A secret's table is one of three; what is in a wrong one is not shown."""
    told = refusal(token)

    assert told == (
        "account 'shop' in b.toml: token must be "
        '{ env = "NAME" }, { file = "PATH" }, { keyring = "service/name" } or text'
    )


def test_a_literal_secret_is_warned_of_once(tmp_path: Path) -> None:
    """The warning names file and key, not the value; it says so if others can read the file."""
    path = tmp_path / "batchhub.toml"
    path.touch(0o600)

    with pytest.warns(UserWarning, match="the secret") as told:
        make_account(SafeAccount, table(TOKEN, str(path)), {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_account(SafeAccount, table(TOKEN, str(path)), {})
        make_account(SafeAccount, table({"env": "X"}, str(path)), {"X": TOKEN})
    path.chmod(0o644)
    with pytest.warns(UserWarning, match="which others on this machine can read"):
        make_account(
            SafeAccount,
            AccountTable(name="b", adapter="safe", values={"token": TOKEN}, path=str(path)),
            {},
        )

    (line,) = [str(w.message) for w in told]
    assert line.startswith(f"the secret accounts.shop.token is written in {path} itself; put ")
    assert TOKEN not in line


def test_an_account_of_a_program_is_not_warned_of() -> None:
    """A program may have its secrets from where it likes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SafeAccount(token=TOKEN)


@pytest.mark.filterwarnings("ignore:the secret accounts")
def test_it_is_told_where_a_secret_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The place, in words; never the secret."""
    install_keyring(monkeypatch, TOKEN)
    own = AccountTable(
        name="shop", adapter="safe", values={}, path=None, variables={"TOKEN": TOKEN}
    )

    def source(table: AccountTable) -> str:
        return read_account(SafeAccount, table, {"X": TOKEN}).sources["token"]

    assert source(table({"env": "X"})) == "from the environment variable X"
    assert source(table({"keyring": "a/b"})) == "from the keyring entry a/b"
    assert source(table(TOKEN)) == "in plain text in b.toml"
    assert source(own) == "from the environment variable BATCHHUB_ACCOUNTS__SHOP__TOKEN"


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Whoever asks for it gets every problem; making the account raises the first."""
    wrong = AccountTable(name="shop", adapter="safe", values={"tokn": 1, "url": 2}, path="b.toml")

    told = [str(problem) for problem in read_account(SafeAccount, wrong, {}).problems]

    assert len(told) == 3
    assert "accounts.shop.tokn; did you mean 'token'?" in told[0]
    assert told[2] == "account 'shop' in b.toml lacks token"

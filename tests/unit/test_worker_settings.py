"""A worker's settings, read at its start and again: all of them are taken, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from batchhub._worker.settings_source import SettingsSource
from batchhub.errors import NotKnownError, SettingsError
from batchhub.settings import Settings


def account(name: str, number: int, *, token: str = '{ env = "ECWID_TOKEN" }') -> str:
    """Write the table of an account."""
    return (
        f'[accounts.{name}]\nadapter = "ecwid"\nstore_id = {number}\ntoken = {token}\n'
        'base_url = "http://127.0.0.1:9"\n'
    )


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a settings file, as editors do: a new file takes the place of the old one."""
    monkeypatch.setenv("ECWID_TOKEN", "secret_6fGh2JkL")

    def write(*tables: str, top: str = 'store = "jobs.db"\n') -> Path:
        new, path = tmp_path / "batchhub.toml~", tmp_path / "batchhub.toml"
        new.write_text(top + "".join(tables))
        return new.replace(path)

    return write


def source_of(path: Path) -> SettingsSource:
    """Return what reads a settings file."""

    def find_store(settings: Settings) -> str:
        return str(settings.store)

    return SettingsSource(lambda: path if path.exists() else None, find_store)


def test_a_broken_account_stops_no_other_at_the_start(write: Write) -> None:
    """It is said; the worker drives those that it can."""
    path = write(account("a", 1), account("b", 2, token='{ env = "NO_SUCH" }'))

    reading = source_of(path).read()

    assert list(reading.accounts) == ["a"]
    assert "NO_SUCH, which is not set" in str(reading.broken["b"])
    assert reading.store == str(path.parent / "jobs.db")


def test_without_an_account_there_is_nothing_to_drive(write: Write, tmp_path: Path) -> None:
    """One line says what is missing."""
    with pytest.raises(SettingsError, match=r"there is no batchhub.toml here, and no account in"):
        source_of(tmp_path / "batchhub.toml").read()
    path = write()
    with pytest.raises(SettingsError, match=r"has no accounts; an account starts with a line \["):
        source_of(path).read()
    write(account("b", 2, token='{ env = "NO_SUCH" }'))
    with pytest.raises(SettingsError, match="NO_SUCH, which is not set"):
        source_of(path).read()


@pytest.mark.parametrize(
    ("tables", "kind", "words"),
    [
        (("[accounts",), SettingsError, "is no valid TOML"),
        (("strore = 1\n",), SettingsError, "unknown setting strore"),
        ((), SettingsError, "has no accounts"),
        ((account("a", 1), account("b", 2, token="{}")), SettingsError, "token must be"),
        ((account("a", 1), '[accounts.b]\nadapter = "none"\n'), NotKnownError, "'none'"),
        ((account("a", 1), account("b", 1, token='"other_secret_1"')), SettingsError, "are both"),
    ],
)
@pytest.mark.filterwarnings("ignore:the secret accounts")
def test_later_whatever_is_wrong_is_wrong_with_all(
    write: Write, tables: tuple[str, ...], kind: type[Exception], words: str
) -> None:
    """The worker goes on with what it knows, which is better than half of something new."""
    path = write(account("a", 1))
    source = source_of(path)
    source.read()
    write(*tables, top="")

    with pytest.raises(kind, match=words):
        source.read_again()

    write(account("c", 3))
    assert list(source.read_again().accounts) == ["c"]


def test_a_file_that_is_gone_is_no_file_without_accounts(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would remove every account; those of the environment are not all there were."""
    path = write(account("a", 1))
    source = source_of(path)
    source.read()
    path.unlink()
    for key, value in {"ADAPTER": "ecwid", "STORE_ID": "5", "TOKEN": "secret_4"}.items():
        monkeypatch.setenv(f"BATCHHUB_ACCOUNTS__B__{key}", value)

    with pytest.raises(SettingsError, match="no settings file"):
        source.read_again()

    write(account("a", 1))
    assert sorted(source.read_again().accounts) == ["a", "b"]


def test_a_secret_in_a_file_is_read_again(write: Write, tmp_path: Path) -> None:
    """That is how a token is replaced: an environment stays as it is."""
    (tmp_path / "token").write_text("secret_old_1234\n")
    (tmp_path / "token").chmod(0o600)
    source = source_of(write(account("a", 1, token='{ file = "token" }')))
    before = source.read().accounts["a"]
    (tmp_path / "token").write_text("secret_new_5678\n")

    after = source.read_again().accounts["a"]

    assert (before.secrets, after.secrets) == (("secret_old_1234",), ("secret_new_5678",))

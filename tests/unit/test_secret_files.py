"""Secrets in files of their own: what may be in them, and what is said of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.safe_account import SafeAccount

from batchhub._base.secrets import blank
from batchhub._settings import account_reader, secret_file
from batchhub._settings.accounts import make_account, make_accounts, read_account
from batchhub._settings.registry import Registry
from batchhub.errors import SettingsError
from batchhub.settings import AccountTable, load_settings

TOKEN = "secret_7pWm4RzQ"


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been warned of yet."""
    monkeypatch.setattr(account_reader, "_warned", set())


@pytest.fixture
def table(tmp_path: Path) -> Callable[[object], AccountTable]:
    """Make the table of the account ``shop`` in a settings file, by what its token is."""

    def make(token: object) -> AccountTable:
        path = str(tmp_path / "b.toml")
        return AccountTable(name="shop", adapter="safe", values={"token": token}, path=path)

    return make


def write(path: Path, data: bytes | str) -> Path:
    """Write a file that nobody else can read."""
    path.touch(0o600)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_may_be_in_a_file(table: Any, tmp_path: Path, end: str) -> None:
    """A line break at its end is none of it: `echo` and editors write one."""
    path = write(tmp_path / "token", TOKEN + end)

    reading = read_account(SafeAccount, table({"file": str(path)}), {})

    assert reading.account == SafeAccount(token=TOKEN)
    assert reading.sources == {"token": f"from the file {path}"}


def test_whatever_else_is_in_the_file_is_the_secret(table: Any, tmp_path: Path) -> None:
    """Only one line break goes, and a byte order mark; blanks are kept."""
    write(tmp_path / "token", "\ufeff a\nb \n\n".encode())

    made = make_account(SafeAccount, table({"file": "token"}), {})

    assert made == SafeAccount(token=" a\nb \n")


def test_a_relative_path_starts_at_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of the store does, wherever the command is run."""
    (tmp_path / "etc/keys").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "etc/keys/token", TOKEN)
    settings = tmp_path / "etc/batchhub.toml"
    settings.write_text(
        '[accounts.shop]\nadapter = "ecwid"\nstore_id = 1\ntoken = { file = "keys/token" }\n'
    )
    monkeypatch.chdir(tmp_path / "elsewhere")

    made = make_accounts(load_settings(settings, {}), Registry())

    assert made["shop"].secrets == (TOKEN,)


def test_what_is_in_the_file_now_is_what_counts(table: Any, tmp_path: Path) -> None:
    """Whoever reads the settings again has the new one; the old one is blanked still."""
    path = write(tmp_path / "token", TOKEN)
    reference = table({"file": str(path)})
    make_account(SafeAccount, reference, {})
    write(tmp_path / "next", "another_9KxVbQ2d").replace(path)

    made = make_account(SafeAccount, reference, {})

    assert made == SafeAccount(token="another_9KxVbQ2d")
    assert blank(f"{TOKEN} another_9KxVbQ2d") == "*** ***"


def test_systemd_names_the_folder_of_its_credentials(table: Any, tmp_path: Path) -> None:
    """A variable may begin the path: `LoadCredential=` puts files into a folder of its own."""
    write(tmp_path / "token", TOKEN)
    reference = table({"file": "${CREDENTIALS_DIRECTORY}/token"})

    made = make_account(SafeAccount, reference, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert made == SafeAccount(token=TOKEN)


def refusal(table: AccountTable) -> str:
    """Return the one line that is said of a secret that can't be found."""
    with pytest.raises(SettingsError) as caught:
        make_account(SafeAccount, table, {})
    assert caught.value.key == "accounts.shop.token"
    assert "\n" not in str(caught.value)
    return str(caught.value).partition(": ")[2]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b" \r\n", "is empty"),
        (b"secret_\xff_7pWm4RzQ", "is not UTF-8 text"),
        (b"x" * (64 * 1024 + 1), "is larger than 64 KiB"),
    ],
)
def test_what_is_no_secret_is_refused(table: Any, tmp_path: Path, data: bytes, why: str) -> None:
    """One line says which file it is and what is wrong; nothing in it is shown."""
    path = write(tmp_path / "token", data)

    assert refusal(table({"file": "token"})) == f"token comes from the file {path}, which {why}"


def test_64_kib_are_enough(table: Any, tmp_path: Path) -> None:
    """The bound is the last that is taken."""
    write(tmp_path / "token", b"x" * 64 * 1024)

    make_account(SafeAccount, table({"file": "token"}), {})


def test_what_is_no_file_is_refused(table: Any, tmp_path: Path) -> None:
    """A folder, nothing, and a pipe that nobody writes to: that would hold up whoever reads it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")

    for name, why in {
        ".": "which is a folder",
        "pipe": "which is no regular file",
        "none": "which does not exist",
        "loop": "which can't be read: Too many levels of symbolic links",
    }.items():
        said = refusal(table({"file": name}))
        assert said == f"token comes from the file {tmp_path / name}, {why}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\0b", r"'a\x00b', which is not the path of a file"),
        ("${NO_SUCH}/x", "${NO_SUCH}/x, but the environment variable NO_SUCH is not set"),
        ("$HERE/x", "$HERE/x; write ${HERE} for the variable"),
        ("~nobody_of_that_name/x", "~nobody_of_that_name/x: there is no such home folder"),
    ],
)
def test_what_is_no_path_is_refused(table: Any, name: str, words: str) -> None:
    """What a shell would have replaced is named."""
    assert refusal(table({"file": name})) == f"token comes from the file {words}"


def test_a_file_that_can_not_be_read_is_named(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of another user, say."""

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    assert refusal(table({"file": "token"})).endswith("which can't be read: Permission denied")


def test_a_secret_others_can_read_is_warned_of_once(table: Any, tmp_path: Path) -> None:
    """Its group may be meant to read it: that of the user a service runs as."""
    path = write(tmp_path / "token", TOKEN)
    path.chmod(0o640)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_account(SafeAccount, table({"file": "token"}), {})
    path.chmod(0o644)

    with pytest.warns(UserWarning, match="the secret") as told:
        make_account(SafeAccount, table({"file": "token"}), {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_account(SafeAccount, table({"file": str(path)}), {})

    (line,) = [str(each.message) for each in told]
    assert line == (
        f"the secret accounts.shop.token comes from {path}, which others on this machine can read; "
        f"change that with: chmod o= {path}"
    )


def test_a_secret_of_a_container_is_not_warned_of(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below /run, or on what is mounted read-only, it was put there for this process."""
    write(tmp_path / "token", TOKEN).chmod(0o444)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with monkeypatch.context() as patched:
            patched.setattr(secret_file, "_MADE_FOR_THE_PROCESS", (tmp_path,))
            make_account(SafeAccount, table({"file": "token"}), {})
        read_only = os.statvfs_result((0, 0, 0, 0, 0, 0, 0, 0, os.ST_RDONLY, 255))
        monkeypatch.setattr(os, "statvfs", lambda _: read_only)
        make_account(SafeAccount, table({"file": "token"}), {})


def test_it_is_secret_before_its_adapter_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails afterwards does not show it."""
    write(tmp_path / "token", "early_secret_5TgB8nMk")
    settings = tmp_path / "batchhub.toml"
    settings.write_text('[accounts.a]\nadapter = "ecwid"\ntoken = { file = "token" }\n')
    registry = Registry()
    seen: list[str] = []

    def get(name: str) -> Any:
        seen.append(blank(f"{name}: early_secret_5TgB8nMk"))
        return Registry().get(name)

    monkeypatch.setattr(registry, "get", get)

    with pytest.raises(SettingsError, match="lacks store_id"):
        make_accounts(load_settings(settings, {}), registry)
    assert seen == ["ecwid: ***"]


def test_any_key_may_be_in_a_file(table: Any, tmp_path: Path) -> None:
    """Read as TOML unless it is a text, as what is in a variable."""
    write(tmp_path / "url", "http://127.0.0.1:8\n")
    write(tmp_path / "token", TOKEN)
    values = {"token": {"file": "token"}, "base_url": {"file": "url"}}
    both = AccountTable(name="shop", adapter="safe", values=values, path=str(tmp_path / "b"))

    made = make_account(SafeAccount, both, {})

    assert made == SafeAccount(token=TOKEN, base_url="http://127.0.0.1:8")

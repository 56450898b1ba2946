"""The store of the settings: named there, or kept elsewhere for the sake of its password."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from batchhub._base.secrets import blank
from batchhub._settings import place, store_setting
from batchhub.errors import SettingsError
from batchhub.settings import load_settings

PASSWORD = "hunter-two-and-more"
OTHERS = [
    f"postgres://db/shop?{option}={PASSWORD}&user=batchhub"
    for option in ("password", "pasword", "oauth_client_secret")
]
URL = f"postgresql://batchhub:{PASSWORD}@db.example.com/shop?sslmode=require"


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been warned of yet."""
    monkeypatch.setattr(place, "_warned", set())


def write(folder: Path, text: str) -> Path:
    """Write a settings file."""
    path = folder / "b.toml"
    path.write_text(text)
    return path


def test_a_url_without_a_password_is_taken_as_it_is(tmp_path: Path) -> None:
    """PGPASSWORD or a file of libpq's has it; nothing is to be warned of."""
    path = write(tmp_path, 'store = "postgresql://batchhub@db/shop?schema=night"')

    assert load_settings(path, {}).store == "postgresql://batchhub@db/shop?schema=night"


@pytest.mark.parametrize("url", [URL, *OTHERS])
def test_a_password_in_the_file_is_warned_about(tmp_path: Path, url: str) -> None:
    """As of any other secret there; and it is shown nowhere from then on."""
    settings = load_settings(write(tmp_path, f'store = "{url}"'), {})

    with pytest.warns(UserWarning, match="the password in store is written in ") as told:
        assert settings.store == url

    assert PASSWORD not in str(told[0].message)
    assert PASSWORD not in repr(settings)
    assert PASSWORD not in blank(f"no pg_hba.conf entry for {PASSWORD}")


def test_a_url_may_be_in_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is warned of, and the name of the store is not taken for a part of a secret."""
    monkeypatch.setenv("SHOP_DATABASE", URL)
    settings = load_settings(write(tmp_path, 'store = { env = "SHOP_DATABASE" }'))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert settings.store == URL

    assert blank(f"db.example.com {PASSWORD}") == "db.example.com ***"


@pytest.mark.parametrize("text", [f"{URL}\n", "postgresql://batchhub@db.example.com/shop"])
def test_a_url_may_be_in_a_file(tmp_path: Path, text: str) -> None:
    """The file's line break is none of it; only the password in it is a secret."""
    secret = tmp_path / "url"
    secret.write_text(text)
    secret.chmod(0o600)
    settings = load_settings(write(tmp_path, 'store = { file = "url" }'), {})

    assert settings.store == text.strip()
    assert blank("postgresql://batchhub@db.example.com/shop") == (
        "postgresql://batchhub@db.example.com/shop"
    )


def test_a_path_in_a_file_starts_where_the_settings_are(tmp_path: Path) -> None:
    """As one that the settings have themselves."""
    secret = tmp_path / "where"
    secret.write_text("jobs.db")
    secret.chmod(0o600)

    found = load_settings(write(tmp_path, 'store = { file = "where" }'), {}).store

    assert found == str(tmp_path / "jobs.db")


def test_a_url_may_be_in_the_keyring(tmp_path: Path) -> None:
    """The entry is asked for by its name."""
    path = write(tmp_path, 'store = { keyring = "batchhub/store" }')
    asked: list[str] = []

    def look_up(entry: str) -> str:
        asked.append(entry)
        return URL

    setting = load_settings(path, {}).store_setting

    assert store_setting.find_store_setting(setting, str(path), {}, look_up) == URL
    assert asked == ["batchhub/store"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{ env = "NOT_THERE" }', "comes from the environment variable NOT_THERE, which is not"),
        ('{ file = "not-there" }', "not-there, which does not exist"),
        ('{ env = "A", file = "B" }', "store must be { env ="),
        ('{ path = "jobs.db" }', "store must be { env ="),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(tmp_path: Path, text: str, words: str) -> None:
    """In one line, for those who need the store; whoever names another one reads on."""
    settings = load_settings(write(tmp_path, f"store = {text}"), {})

    with pytest.raises(SettingsError) as caught:
        _ = settings.store

    assert words in str(caught.value)
    assert caught.value.key == "store"
    assert str(tmp_path / "b.toml") in str(caught.value)


def test_the_variable_wins_over_what_the_file_refers_to(tmp_path: Path) -> None:
    """What the file refers to is not even looked up; nor is its password said to be the file's."""
    path = write(tmp_path, 'store = { env = "NOT_THERE" }')

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_settings(path, {"BATCHHUB_STORE": URL}).store == URL

"""The environment as settings: every key has a variable, and the variable wins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import field, frozen

from batchhub._settings.accounts import make_account
from batchhub.adapter import Account, Budget, secret
from batchhub.errors import SettingsError
from batchhub.settings import AccountTable, Settings, load_settings

TOKEN = "secret_9vKq2LxT"


@frozen(kw_only=True)
class KioskAccount(Account):
    """An account with keys of several types."""

    adapter: ClassVar[str] = "kiosk"
    base_url: str = "http://127.0.0.1:9"
    number: int = 1
    label: str = ""
    note: str | None = None
    is_fast: bool = False
    words: Mapping[str, str] = field(factory=dict)
    names: tuple[str, ...] = ()
    token: str = secret(default="")

    @property
    def identity(self) -> str:
        """Any."""
        return "one"

    @property
    def budget(self) -> Budget:
        """Any."""
        return Budget(requests=10, per_s=1.0)


def load(folder: Path, text: str | None, **environ: str) -> Settings:
    """Read a file of this text, and an environment."""
    if text is None:
        return load_settings(None, environ)
    path = folder / "batchhub.toml"
    path.write_text(text)
    return load_settings(path, environ)


def make(settings: Settings, name: str = "shop") -> Any:
    """Make an account."""
    return make_account(KioskAccount, settings.accounts[name], {})


def refusal(folder: Path, text: str | None, **environ: str) -> str:
    """Return what is said of settings that can't be read, or of the account in them."""
    with pytest.raises(SettingsError) as caught:
        make(load(folder, text, **environ))
    return str(caught.value)


SHOP = '[accounts.shop]\nadapter = "kiosk"\n'


def test_the_store_of_the_environment_wins(tmp_path: Path) -> None:
    """BATCHHUB_STORE is taken as it is, before the file's; an empty one is none."""
    assert load(tmp_path, 'store = "a.db"', BATCHHUB_STORE="b.db").store == "b.db"
    assert load(tmp_path, 'store = "/a.db"', BATCHHUB_STORE="").store == "/a.db"
    assert load(tmp_path, None, BATCHHUB_STORE="b.db").store == "b.db"


def test_a_key_of_the_environment_wins(tmp_path: Path) -> None:
    """The file's own value of the key is not even looked up."""
    text = f'{SHOP}number = 3\ntoken = {{ env = "NOT_SET" }}'
    settings = load(
        tmp_path,
        text,
        BATCHHUB_ACCOUNTS__SHOP__NUMBER="7",
        BATCHHUB_ACCOUNTS__SHOP__TOKEN=TOKEN,
        BATCHHUB_ACCOUNTS__SHOP__LABEL="",
    )

    assert make(settings) == KioskAccount(number=7, token=TOKEN)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("number", "7", 7),
        ("number", "seven", "seven"),
        ("number", "1\nlabel = 2", "1\nlabel = 2"),
        ("label", "7", "7"),
        ("label", '"7"', '"7"'),
        ("note", "true", "true"),
        ("is_fast", "true", True),
        ("words", '{ a = "b" }', {"a": "b"}),
        ("names", '["x", "y"]', ["x", "y"]),
        ("token", "12345678", "12345678"),
        ("token", '{ env = "X" }', '{ env = "X" }'),
    ],
)
def test_a_text_becomes_what_the_key_holds(
    tmp_path: Path, key: str, text: str, value: object
) -> None:
    """For a key that is text it is taken as it is, else as TOML, and as text if it is none."""
    by_own = load(tmp_path, SHOP, **{f"BATCHHUB_ACCOUNTS__SHOP__{key.upper()}": text})
    referring = load(tmp_path, f'{SHOP}{key} = {{ env = "V" }}').accounts["shop"]

    assert getattr(make(by_own), key) == value
    assert getattr(make_account(KioskAccount, referring, {"V": text}), key) == value


def test_an_account_may_be_in_the_environment_alone(tmp_path: Path) -> None:
    """It has the variable of its adapter; its name is the variables', in lower case."""
    settings = load(
        tmp_path,
        None,
        BATCHHUB_ACCOUNTS__MY_SHOP__ADAPTER="kiosk",
        BATCHHUB_ACCOUNTS__MY_SHOP__NUMBER="7",
    )

    assert (settings.path, settings.store) == (None, None)
    assert list(settings.accounts) == ["my_shop"]
    assert make(settings, "my_shop") == KioskAccount(number=7)


def test_names_are_written_as_variables_can_be(tmp_path: Path) -> None:
    """What is no letter or digit is an underscore; the longest name that fits is meant."""
    text = '[accounts."a b"]\nadapter = "kiosk"\n[accounts.a-b--c]\nadapter = "kiosk"\n'
    settings = load(
        tmp_path,
        text,
        BATCHHUB_ACCOUNTS__A_B__NUMBER="1",
        BATCHHUB_ACCOUNTS__A_B__C__NUMBER="2",
    )

    assert make(settings, "a b").number == 1
    assert make(settings, "a-b--c").number == 2


def test_two_accounts_may_not_share_a_variable_that_is_set(tmp_path: Path) -> None:
    """Only when it is set is it asked whose it is."""
    text = f'{SHOP}[accounts."SHOP"]\nadapter = "kiosk"'

    assert set(load(tmp_path, text).accounts) == {"shop", "SHOP"}
    assert refusal(tmp_path, text, BATCHHUB_ACCOUNTS__SHOP__NUMBER="1") == (
        "BATCHHUB_ACCOUNTS__SHOP__NUMBER could be for 'SHOP' or 'shop'; "
        "give one of these accounts another name"
    )


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("SHOP__NUMBR", "there is no such setting; did you mean BATCHHUB_ACCOUNTS__SHOP__NUMBER?"),
        ("SHOP__XYZXYZ", "known for this account: BASE_URL, NUMBER, LABEL"),
        ("SHOP", "names no key, as BATCHHUB_ACCOUNTS__<ACCOUNT>__<KEY> does"),
        ("SHOP__", "names no key"),
    ],
)
def test_a_variable_nobody_knows_is_refused(tmp_path: Path, variable: str, words: str) -> None:
    """A wrong variable is named, with the nearest right one; its value is not shown."""
    name = f"BATCHHUB_ACCOUNTS__{variable}"

    told = refusal(tmp_path, SHOP, **{name: TOKEN})

    assert told.startswith(name)
    assert words in told
    assert TOKEN not in told


@pytest.mark.parametrize(
    ("variable", "account", "words"),
    [
        ("SHPO__NUMBER", "shpo", "did you mean BATCHHUB_ACCOUNTS__SHOP__NUMBER?"),
        ("ELSE__NUMBER", "else", "a new account also needs BATCHHUB_ACCOUNTS__ELSE__ADAPTER"),
        ("ELSE", "else", "names no key, as BATCHHUB_ACCOUNTS__<ACCOUNT>__<KEY> does"),
        ("__NUMBER", "__number", "names no key"),
    ],
)
def test_a_variable_of_no_account_stops_no_account(
    tmp_path: Path, variable: str, account: str, words: str
) -> None:
    """It is an account that can't be made: who looks at all is told, with the nearest right one."""
    settings = load(tmp_path, SHOP, **{f"BATCHHUB_ACCOUNTS__{variable}": TOKEN})

    assert make(settings) == KioskAccount()
    assert list(settings.accounts) == ["shop", account]
    told = str(refused(settings.accounts[account]))
    assert told.startswith(f"BATCHHUB_ACCOUNTS__{variable}")
    assert words in told
    assert TOKEN not in told


def refused(table: AccountTable) -> SettingsError:
    """Return why an account has no adapter."""
    with pytest.raises(SettingsError) as caught:
        _ = table.adapter
    return caught.value


def test_nothing_shows_a_secret_of_the_environment(tmp_path: Path) -> None:
    """Neither the settings nor an account shows what its variables say."""
    settings = load(tmp_path, SHOP, BATCHHUB_ACCOUNTS__SHOP__TOKEN=TOKEN)

    assert TOKEN not in f"{settings!r}{make(settings)!r}"

"""Settings: what a file may say, and what is said of one that says it wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import Attribute, Converter, field, frozen, validators

from batchhub import BatchHub
from batchhub._settings import account_reader
from batchhub._settings.accounts import make_account, read_account
from batchhub.adapter import Account, Budget, secret
from batchhub.errors import NotKnownError, SettingsError
from batchhub.settings import AccountTable, Settings, load_settings
from batchhub_ecwid import EcwidAccount

TOKEN = "secret_9vKq2LxT"

Write = Callable[[str], Path]

pytestmark = pytest.mark.filterwarnings("ignore:the secret accounts")


def _without_slash(url: Any) -> str:
    return str(url.rstrip("/"))


@frozen(kw_only=True)
class ShopAccount(Account):
    """An account as a third party might write it."""

    adapter: ClassVar[str] = "shop"
    base_url: str = field(default="http://127.0.0.1:9", converter=_without_slash)
    store_id: int = field(converter=int)
    token: str = secret(validator=[validators.instance_of(str), validators.max_len(20)])

    @property
    def identity(self) -> str:
        """The store."""
        return str(self.store_id)

    @property
    def budget(self) -> Budget:
        """Any."""
        return Budget(requests=10, per_s=1.0)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set in the environment, and nothing has been warned of."""
    for name in list(os.environ):
        if name.startswith("BATCHHUB_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(account_reader, "_warned", set())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a settings file."""

    def to_file(text: str) -> Path:
        path = tmp_path / "batchhub.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def table(**values: Any) -> AccountTable:
    """Make the table of the account ``shop``."""
    return AccountTable(name="shop", adapter="shop", values=values, path="b.toml")


def refusal(call: Callable[[], object]) -> SettingsError:
    """Return the error a call is refused with; nothing is chained to it."""
    with pytest.raises(SettingsError) as caught:
        call()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


# The file.


def test_a_file_says_where_the_store_is_and_which_accounts_there_are(write: Write) -> None:
    """A valid file comes out as it is; an account's own keys are its adapter's business."""
    path = write(
        """
        store = "jobs.db"
        [accounts.shop]
        adapter = "ecwid"
        store_id = 1003
        token = { env = "ECWID_TOKEN" }
        [accounts."second shop"]
        adapter = "other"
        """
    )

    assert load_settings(path) == Settings(
        store=str(path.parent / "jobs.db"),
        accounts={
            "shop": AccountTable(
                name="shop",
                adapter="ecwid",
                values={"store_id": 1003, "token": {"env": "ECWID_TOKEN"}},
                path=str(path),
            ),
            "second shop": AccountTable(
                name="second shop", adapter="other", values={}, path=str(path)
            ),
        },
        path=str(path),
    )


def test_a_file_may_say_nothing(write: Write) -> None:
    """Both a store and accounts may be missing."""
    path = write("")

    assert load_settings(path) == Settings(store=None, accounts={}, path=str(path))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("jobs.db", "{folder}/jobs.db"),
        ("data/jobs.db", "{folder}/data/jobs.db"),
        ("sqlite:///jobs.db", "{folder}/jobs.db"),
        ("/var/lib/jobs.db", "/var/lib/jobs.db"),
        ("sqlite:////var/lib/jobs.db", "/var/lib/jobs.db"),
        ("~/jobs.db", "/home/ann/jobs.db"),
        (":memory:", ":memory:"),
        ("postgresql://host/db", "postgresql://host/db"),
    ],
)
def test_a_relative_store_is_beside_the_file(
    write: Write, monkeypatch: pytest.MonkeyPatch, written: str, meant: str
) -> None:
    """A relative path is taken from the file's folder, wherever the process runs."""
    monkeypatch.setenv("HOME", "/home/ann")
    path = write(f'store = "{written}"')
    (path.parent / "elsewhere").mkdir()
    monkeypatch.chdir(path.parent / "elsewhere")

    assert load_settings(path).store == meant.format(folder=path.parent)


@pytest.mark.parametrize("value", ["5", "true", '""', "[]", '"~nobody-of-that-name/x"'])
def test_a_store_is_a_path_or_a_url(write: Write, value: str) -> None:
    """Anything else is refused, and the setting is named."""
    path = write(f"store = {value}")

    error = refusal(lambda: load_settings(path))

    assert (error.key, error.path) == ("store", str(path))
    assert str(path) in str(error)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No file at the path: the error says which."""
    path = tmp_path / "nope.toml"

    error = refusal(lambda: load_settings(path))

    assert str(error) == f"no settings file {path}"
    assert error.path == str(path)


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    """A folder at the path: the error says so."""
    error = refusal(lambda: load_settings(tmp_path))

    assert str(error) == f"{tmp_path} is a folder, not a settings file"


def test_a_path_through_a_file_is_named(write: Write) -> None:
    """Whatever else keeps a file from being read is said in one line."""
    path = write("") / "batchhub.toml"

    error = refusal(lambda: load_settings(path))

    assert str(error) == f"can't read {path}: Not a directory"


@pytest.mark.parametrize("text", ["store =", "[accounts", "a = 1\na = 2", "store = 'x' y"])
def test_what_is_no_toml_is_refused_with_its_place(write: Write, text: str) -> None:
    """Broken TOML is refused with the file and the line."""
    path = write(text)

    error = refusal(lambda: load_settings(path))

    assert str(error).startswith(f"{path} is no valid TOML: ")
    assert "line" in str(error) or "end of document" in str(error)


def test_what_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    """A file in another encoding is refused, not guessed at."""
    path = tmp_path / "batchhub.toml"
    path.write_bytes('store = "l\xe4den.db"'.encode("latin-1"))

    assert str(refusal(lambda: load_settings(path))) == f"{path} is not UTF-8 text (line 1)"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    """Some editors put one at the beginning of a file."""
    path = tmp_path / "batchhub.toml"
    path.write_text('store = "/jobs.db"', encoding="utf-8-sig")

    assert load_settings(path).store == "/jobs.db"


def test_a_key_that_stands_there_twice_is_called_so(write: Write) -> None:
    """TOML's own word for it would not be understood."""
    error = refusal(lambda: load_settings(write('store = "a"\nstore = "b"')))

    assert "A key appears twice" in str(error)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("acounts", "did you mean 'accounts'?"),
        ("Store", "did you mean 'store'?"),
        ("flavour", "known: store, store_mode, polling, accounts, alerts, cluster"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(write: Write, key: str, hint: str) -> None:
    """A key nobody knows is a mistake, never ignored."""
    path = write(f'{key} = "x"')

    error = refusal(lambda: load_settings(path))

    assert str(error) == f"{path}: unknown setting {key}; {hint}"
    assert (error.key, error.path) == (key, str(path))


def test_an_account_outside_of_accounts_is_shown_its_place(write: Write) -> None:
    """A table with an adapter is meant as an account."""
    error = refusal(lambda: load_settings(write('[shop]\nadapter = "x"')))

    assert "did you mean [accounts.shop]?" in str(error)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("accounts = 5", "accounts"),
        ("[[accounts]]\nadapter = 'x'", "accounts"),
        ("accounts.shop = 'ecwid'", "accounts.shop"),
    ],
)
def test_accounts_are_tables(write: Write, text: str, key: str) -> None:
    """What stands where a table must be is named."""
    path = write(text)

    error = refusal(lambda: load_settings(path))

    assert str(error).startswith(f"{path}: {key} must be a table")
    assert error.key == key


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", " lacks adapter"),
        ("adaptor = 'x'", " lacks adapter; did you mean it by 'adaptor'?"),
        ("adapter = 5", ": adapter must be the name of an adapter, or file: and a path, as text"),
        ('adapter = ""', ": adapter must be the name of an adapter, or file: and a path, as text"),
    ],
)
def test_an_account_names_its_adapter(write: Write, line: str, why: str) -> None:
    """An account without an adapter is refused when it is made, and stops no other."""
    path = write(f"[accounts.shop]\n{line}\n[accounts.other]\nadapter = 'x'")

    accounts = load_settings(path).accounts
    error = refusal(lambda: accounts["shop"].adapter)

    assert str(error) == f"account 'shop' in {path}{why}"
    assert error.key == "accounts.shop.adapter"
    assert accounts["other"].adapter == "x"


# An account.


def test_an_account_is_made_of_its_table() -> None:
    """Each key is a field; what has a default may be left out."""
    made = make_account(ShopAccount, table(store_id=7, token=TOKEN))

    assert made == ShopAccount(store_id=7, token=TOKEN)


def test_an_unknown_key_of_an_account_is_refused_with_the_nearest() -> None:
    """The keys of an account are the fields of its class, and no others."""
    error = refusal(lambda: make_account(ShopAccount, table(store_id=7, tokn=TOKEN)))

    assert str(error) == "b.toml: unknown setting accounts.shop.tokn; did you mean 'token'?"
    assert (error.key, error.path) == ("accounts.shop.tokn", "b.toml")


def test_missing_keys_name_the_account_and_the_file() -> None:
    """All keys that are missing are named at once, with the account and the file."""
    error = refusal(lambda: make_account(ShopAccount, table(base_url="http://x")))

    assert str(error) == "account 'shop' in b.toml lacks store_id, token"
    assert (error.key, error.path) == ("accounts.shop.store_id", "b.toml")


def test_a_value_may_come_from_the_environment() -> None:
    """``{ env = NAME }`` stands for the variable's value, for any key."""
    values = table(store_id={"env": "STORE"}, token={"env": "TOKEN"})

    made = make_account(ShopAccount, values, {"STORE": "7", "TOKEN": TOKEN})

    assert made == ShopAccount(store_id=7, token=TOKEN)


@pytest.mark.parametrize("environ", [{}, {"TOKEN": ""}, {"token": TOKEN}])
def test_a_variable_that_is_not_set_is_named(environ: dict[str, str]) -> None:
    """A variable that is missing or empty is named, with account, key and file."""
    error = refusal(
        lambda: make_account(ShopAccount, table(store_id=7, token={"env": "TOKEN"}), environ)
    )

    assert str(error) == (
        "account 'shop' in b.toml: token comes from the environment variable TOKEN, "
        "which is not set"
    )
    assert (error.key, error.path) == ("accounts.shop.token", "b.toml")


def test_the_variables_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mapping given, the process's own environment counts."""
    monkeypatch.setenv("BATCHHUB_TEST_TOKEN", TOKEN)

    made = make_account(ShopAccount, table(store_id=7, token={"env": "BATCHHUB_TEST_TOKEN"}))

    assert made == ShopAccount(store_id=7, token=TOKEN)


@pytest.mark.parametrize(
    "token", [TOKEN * 3, 'it\'s a \\ "long" \N{SNOWMAN} one', {"env": "X", "y": TOKEN}, [TOKEN]]
)
def test_no_error_shows_a_secret(token: object) -> None:
    """Whatever a plug-in's class says of a secret it refuses, the value is blanked."""
    error = refusal(lambda: make_account(ShopAccount, table(store_id=7, token=token)))

    told = f"{error} {error!r} {error.args}"
    assert TOKEN not in told
    assert "SNOWMAN" not in told
    assert "\N{SNOWMAN}" not in told
    assert str(error).startswith("account 'shop' in b.toml: ")
    assert "token" in str(error)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("store_id", "seven", "'seven'"), ("store_id", [], "int"), ("base_url", 5, "rstrip")],
)
def test_whatever_a_class_refuses_is_a_wrong_setting(key: str, value: object, words: str) -> None:
    """An error of any kind from a plug-in's class comes out with account and file."""
    values = {"store_id": 7, "token": TOKEN, key: value}

    error = refusal(lambda: make_account(ShopAccount, table(**values)))

    assert str(error).startswith("account 'shop' in b.toml: ")
    assert words in str(error)


def test_the_key_a_class_names_is_the_key_of_the_setting() -> None:
    """What a class says of a key is found under the setting's full name."""
    error = refusal(lambda: make_account(EcwidAccount, table(store_id=0, token=TOKEN)))

    assert error.key == "accounts.shop.store_id"


# A hub.


def test_a_hub_is_made_of_a_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts are made by the class of the adapter they name."""
    monkeypatch.setenv("TOKEN_ONE", TOKEN)
    path = write(
        """
        store = "jobs.db"
        [accounts.shop]
        adapter = "ecwid"
        store_id = 1003
        token = { env = "TOKEN_ONE" }
        """
    )

    hub = BatchHub.from_config(path)

    assert hub.accounts == {"shop": EcwidAccount(store_id=1003, token=TOKEN)}
    assert hub.store_name == str(path.parent / "jobs.db")


def test_an_account_that_is_not_needed_may_lack_its_secret(write: Write) -> None:
    """A missing secret stops only those who need the account."""
    path = write(
        f"""
        [accounts.one]
        adapter = "ecwid"
        store_id = 1
        token = "{TOKEN}"
        [accounts.two]
        adapter = "ecwid"
        store_id = 2
        token = {{ env = "BATCHHUB_TEST_NOT_SET" }}
        """
    )

    assert list(BatchHub.from_config(path, only=["one"]).accounts) == ["one"]
    assert "BATCHHUB_TEST_NOT_SET" in str(refusal(lambda: BatchHub.from_config(path)))


def test_an_adapter_that_is_not_installed_is_named(write: Write) -> None:
    """An account of an adapter nobody has is refused with those that are there."""
    path = write("[accounts.shop]\nadapter = 'nobodys'")

    with pytest.raises(NotKnownError, match=r"no adapter named 'nobodys'; known: .*ecwid"):
        BatchHub.from_config(path)


def _below(limited: TallyAccount, setting: Attribute[int], value: int) -> None:
    if value > limited.most:
        raise SettingsError(f"{setting.name} is above most", key=setting.name)


def _or_most(value: Any, limited: Any) -> int:
    return int(limited.most if value is None else value)


_OR_MOST: Any = Converter(_or_most, takes_self=True)


@frozen(kw_only=True)
class TallyAccount(ShopAccount):
    """An account some of whose values depend on others."""

    most: int = field(default=10, validator=validators.gt(0))
    few: int = field(default=1, validator=_below)
    some: int = field(default=None, converter=_OR_MOST)  # type: ignore[misc]
    names: tuple[str, ...] = field(factory=tuple, converter=tuple)


@pytest.mark.parametrize(
    ("values", "key", "words"),
    [
        ({"most": 0, "few": 20}, "most", "'most' must be > 0"),
        ({"most": 5, "few": 7}, "few", "few is above most"),
        ({"names": 5}, "names", "names: 'int' object is not iterable"),
        ({"store_id": "x", "few": 11}, "store_id", "store_id: invalid literal"),
        ({"token": 5}, "token", "'token' must be <class 'str'>"),
        ({"some": "x"}, None, "invalid literal"),
    ],
)
def test_the_first_wrong_value_is_named(
    values: dict[str, Any], key: str | None, words: str
) -> None:
    """The error of a class, its validators or converters comes out under the setting's name."""
    reading = read_account(TallyAccount, table(**{"store_id": 7, "token": TOKEN, **values}), {})

    (problem,) = reading.problems
    assert reading.account is None
    assert str(problem).startswith(f"account 'shop' in b.toml: {words}")
    assert problem.key == (None if key is None else f"accounts.shop.{key}")


def test_what_an_account_lacks_comes_before_what_is_wrong() -> None:
    """Every key that is unknown or missing and every bad reference is listed; then values count."""
    wrong = table(token={"env": "NOT_SET"}, most=0, colour="red")

    problems = [str(problem) for problem in read_account(TallyAccount, wrong, {}).problems]

    assert len(problems) == 3
    assert "environment variable NOT_SET" in problems[0]
    assert "unknown setting accounts.shop.colour" in problems[1]
    assert problems[2] == "account 'shop' in b.toml lacks store_id"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cluster = 5", "cluster must be a table"),
        ('cluster.nam = "prod"', "unknown setting cluster.nam; did you mean 'name'?"),
        ("cluster.name = 5", "cluster.name must be a word of letters, digits, -, _ and ., not 5"),
        ('cluster.name = "a b"', "cluster.name must be a word of letters"),
    ],
)
def test_mistakes_about_the_cluster(write: Write, text: str, said: str) -> None:
    """Each has a line."""
    assert said in str(refusal(lambda: load_settings(write(text))))


def test_the_name_of_the_cluster(write: Write) -> None:
    """It is there if it is given."""
    assert load_settings(write('[cluster]\nname = "prod"')).cluster == "prod"
    assert load_settings(write("")).cluster is None

"""What holds for the account of every adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from attrs import frozen

from batchhub.adapter import Account, Adapter, Budget, identity, secret
from batchhub.errors import AdapterError, SettingsError
from batchhub_ecwid import EcwidAccount
from batchhub_mircate import MircateAccount

SECRET = "secret_4f6RkQz"


@frozen(kw_only=True)
class ShopAccount(Account):
    """An account as a third party might write it."""

    adapter: ClassVar[str] = "shop"
    token: str = secret()

    @property
    def identity(self) -> str:
        """Always the same."""
        return "7"

    @property
    def budget(self) -> Budget:
        """As often as it likes."""
        return Budget(requests=100, per_s=1.0)


def make_shop(**settings: Any) -> Account:
    return ShopAccount(token=SECRET, **{"base_url": "https://shop.example", **settings})


def make_ecwid(**settings: Any) -> Account:
    return EcwidAccount(store_id=1003, token=SECRET, **settings)


def make_mircate(**settings: Any) -> Account:
    return MircateAccount(project_id="p", merchant_project_id="m", api_key=SECRET, **settings)


MakeAccount = Callable[..., Account]
every_account = pytest.mark.parametrize("make", [make_shop, make_ecwid, make_mircate])


@every_account
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("HTTPS://Api.Example.com", "https://api.example.com"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_is_scheme_and_host(make: MakeAccount, given: str, kept: str) -> None:
    """The trailing slash goes; everything else that matters stays."""
    assert make(base_url=given).base_url == kept


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        None,
        5,
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https:///x",
        "https://api.example.com/api",
        "https://api.example.com//",
        "https://api.example.com?x=1",
        "https://api.example.com?",
        "https://api.example.com#x",
        "https://api.example.com:port",
        "https://api.example.com:99999",
        "https://[::1",
        "https://api example.com",
        "https://api.example.com\n",
        "https://me:hunter2@api.example.com",
        "https://hunter2@api.example.com",
    ],
)
def test_a_wrong_address_is_refused_and_not_shown(base_url: object) -> None:
    """Only http(s) with a host; a password in it would show, so the value is never quoted."""
    with pytest.raises(SettingsError, match="base_url") as caught:
        make_shop(base_url=base_url)
    assert caught.value.key == "base_url"
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@every_account
def test_a_wrong_address_is_refused_by_every_account(make: MakeAccount) -> None:
    """An adapter that declares the field anew, with a default, keeps the check."""
    with pytest.raises(SettingsError, match="must end after the host"):
        make(base_url="https://api.example.com/v1")


@every_account
def test_no_text_of_an_account_shows_its_secret(make: MakeAccount) -> None:
    """A secret is in no `repr`, and batchhub knows to blank it."""
    account = make()
    assert SECRET not in repr(account)
    assert SECRET not in str(account)
    assert account.secrets[0] == SECRET


# Who it is.


@frozen(kw_only=True)
class NumberedAccount(Account):
    """An account whose number says who it is."""

    adapter: ClassVar[str] = "numbered"
    base_url: str = "https://shop.example"
    number: str = identity()
    budget = Budget(requests=100, per_s=1.0)


@pytest.mark.parametrize("given", ["17", 17])
def test_a_field_may_say_who_it_is(given: Any) -> None:
    """Whether it is text or a number in the settings."""
    account = NumberedAccount(number=given)
    assert account.identity == account.number == "17"
    assert account.lane == "numbered:shop.example:17"


@pytest.mark.parametrize("given", ["", " ", "a\nb", True, None, 1.5])
def test_who_it_is_is_text_or_a_number(given: Any) -> None:
    """It names the account in the store and in messages."""
    with pytest.raises(SettingsError, match="number must be text"):
        NumberedAccount(number=given)


def test_an_account_that_does_not_say_who_it_is_is_a_fault_of_its_adapter() -> None:
    """The message says what to declare."""

    @frozen(kw_only=True)
    class NobodysAccount(Account):
        adapter: ClassVar[str] = "nobody"
        budget = Budget(requests=100, per_s=1.0)

    with pytest.raises(AdapterError, match=r"'nobody'.*batchhub\.adapter\.identity"):
        _ = NobodysAccount(base_url="https://shop.example").identity


def test_an_adapter_has_the_name_of_its_accounts() -> None:
    """Unless it says another one."""

    class Numbered(Adapter[NumberedAccount]):
        account_type = NumberedAccount

    class Other(Numbered):
        name = "other"

    assert (Numbered.name, Other.name) == ("numbered", "other")

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


@frozen(kw_only=True)
class FolderAccount(ShopAccount):
    """An account of a vendor that may be in a folder of its site, and takes no plain HTTP."""

    has_path = True
    needs_https = True


@pytest.mark.parametrize(
    ("given", "kept", "path"),
    [
        ("https://shop.example", "https://shop.example", ""),
        ("https://shop.example/", "https://shop.example", ""),
        ("HTTPS://Shop.Example:8443/De/Shop/", "https://shop.example:8443/De/Shop", "/De/Shop"),
        ("http://127.0.0.1:8080/de", "http://127.0.0.1:8080/de", "/de"),
        ("http://[::1]:8080/de", "http://[::1]:8080/de", "/de"),
        ("http://shop.localhost", "http://shop.localhost", ""),
    ],
)
def test_an_address_may_have_a_path_where_the_class_says_so(
    given: str, kept: str, path: str
) -> None:
    """The case of a path matters; its trailing slash does not."""
    account = FolderAccount(token=SECRET, base_url=given)
    assert (account.base_url, account.base_path) == (kept, path)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("https://shop.example/de?x=1", "must end without a query"),
        ("https://shop.example/de#x", "must end without a query"),
        ("https://shop.example//", "no empty part"),
        ("https://shop.example/a//b", "no empty part"),
        ("https://shop.example/a/../b", "none that is '.' or '..'"),
        ("http://shop.example/de", "must begin with https://"),
        ("http://192.168.0.7", "must begin with https://"),
        ("http://me:hunter2@127.0.0.1", "must not contain a user name"),
    ],
)
def test_what_is_wrong_with_a_path_or_a_scheme_is_said(given: str, why: str) -> None:
    """In one line, which does not quote the address."""
    with pytest.raises(SettingsError, match=why) as caught:
        FolderAccount(token=SECRET, base_url=given)
    assert caught.value.key == "base_url"
    assert "hunter2" not in str(caught.value)


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

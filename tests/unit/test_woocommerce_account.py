"""The settings of a WooCommerce account."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from attrs import fields

from batchhub._settings.accounts import make_account
from batchhub.adapter import Budget
from batchhub.errors import SettingsError
from batchhub.settings import AccountTable
from batchhub_woocommerce import WooCommerceAccount

KEY = "ck_4f6RkQz8f00d"
SECRET = "cs_77aaB1cc9e"


def make(**settings: Any) -> WooCommerceAccount:
    enough = {
        "base_url": "https://shop.example",
        "consumer_key": KEY,
        "consumer_secret": SECRET,
    }
    return WooCommerceAccount(**(enough | settings))


def refused(key: str, value: object) -> str:
    with pytest.raises(SettingsError) as caught:
        make(**{key: value})
    assert caught.value.key == key
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_address_and_a_key_are_enough() -> None:
    """Everything else has a default."""
    account = make()
    assert account.identity == "shop.example"
    assert account.lane == "woocommerce:shop.example:shop.example"
    assert account.api_path == "/wp-json/wc/v3"
    assert account.budget == Budget(requests=60, per_s=60.0, burst=5)
    assert (account.max_items, account.max_request_bytes) == (100, 1024 * 1024)
    assert account.answer_s == 300
    assert account.repeat_unanswered is True
    assert account == make()


def test_no_text_of_an_account_shows_its_key() -> None:
    """Both halves are secrets: no `repr` has them, and batchhub knows to blank them."""
    account = make()
    assert KEY not in repr(account)
    assert SECRET not in repr(account)
    assert set(account.secrets) == {KEY, SECRET}


@pytest.mark.parametrize(
    ("base_url", "identity"),
    [
        ("https://shop.example/", "shop.example"),
        ("HTTPS://Shop.Example", "shop.example"),
        ("https://shop.example.", "shop.example"),
        ("https://shop.example:443", "shop.example"),
        ("https://shop.example/index.php", "shop.example"),
        ("https://shop.example/index.php/", "shop.example"),
        ("https://www.shop.example", "www.shop.example"),
        ("https://shop.example:8443", "shop.example:8443"),
        ("https://shop.example/de/", "shop.example/de"),
        ("https://shop.example/de/index.php", "shop.example/de"),
        ("https://shop.example/De", "shop.example/De"),
        ("https://shop.example/myindex.php", "shop.example/myindex.php"),
        ("http://127.0.0.1:8080/de", "127.0.0.1:8080/de"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_a_shop_is_its_host_and_its_folder(base_url: str, identity: str) -> None:
    """However it is written: two names of one shop would be two lanes, and one for two worse."""
    assert make(base_url=base_url).identity == identity


@pytest.mark.parametrize(
    ("base_url", "why"),
    [
        ("http://shop.example", "must begin with https://"),
        ("https://shop.example/wp-json/wc/v3", "without /wp-json"),
        ("https://shop.example/?rest_route=/wc/v3", "must end without a query"),
        ("shop.example", "must begin with http:// or https://"),
    ],
)
def test_an_address_of_something_else_is_refused(base_url: str, why: str) -> None:
    """Nothing is sent over plain HTTP, where WooCommerce wants signed requests."""
    assert why in refused("base_url", base_url)


def test_keys_the_wrong_way_round_are_named_and_not_shown() -> None:
    """They are two fields of one dialogue, and look alike."""
    assert "begins with cs_" in refused("consumer_key", SECRET)
    said = refused("consumer_secret", KEY)
    assert "exchange the two" in said
    assert KEY not in said


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("consumer_key", "", "must be text that is not empty"),
        ("consumer_key", "ck_a:b", "must not contain ':'"),
        ("consumer_secret", "cs_a b", "contains a space"),
        ("api_path", "wp-json/wc/v3", "must begin with '/'"),
        ("api_path", "/wp-json/wc/v3/", "not end with one"),
        ("api_path", "/", "must begin with '/'"),
        ("api_path", "/a#b", "no space or '#'"),
        ("api_path", "/wp-json/wc/v3#", "no space or '#'"),
        ("api_path", "/wp-json/wc/v3 ", "no space or '#'"),
        ("api_path", "/wp-json/wc/v3\n", "no space or '#'"),
        ("api_path", 5, "must begin with '/'"),
        ("max_items", 0, "above zero"),
        ("answer_s", "soon", "above zero"),
        ("answer_s", 841, "at most 840"),
        ("repeat_unanswered", "perhaps", "true or false"),
    ],
)
def test_a_wrong_setting_is_named(key: str, value: object, why: str) -> None:
    """In one line, by its key."""
    assert why in refused(key, value)


@pytest.mark.parametrize(
    "path", ["/wp-json/wc/v2", "/index.php/wp-json/wc/v3", "/?rest_route=/wc/v3"]
)
def test_the_api_may_be_elsewhere(path: str) -> None:
    """As it is with other permalinks, or an older version."""
    assert make(api_path=path).api_path == path


def test_what_init_writes_can_be_filled_in() -> None:
    """Each setting is there, the required ones as lines, the others at their defaults."""
    text = WooCommerceAccount.settings_text
    table = tomllib.loads(text)
    assert table.keys() == {"base_url", "consumer_key", "consumer_secret"}
    optional = tomllib.loads(
        "\n".join(line[1:] for line in text.splitlines() if line.startswith("#") and line[1] != " ")
    )
    account = make()
    assert optional == {name: getattr(account, name) for name in optional}
    named = table.keys() | optional.keys() | {"proxy", "polling", "decimal", "exchanges"}
    assert named == {each.name for each in fields(WooCommerceAccount)}


def test_settings_out_of_a_file_or_the_environment_are_read() -> None:
    """Numbers and flags may be text there."""
    values = tomllib.loads(WooCommerceAccount.settings_text) | {
        "base_url": "http://localhost:8080/de/",
        "max_items": "20",
        "answer_s": "60",
        "repeat_unanswered": "false",
    }
    account = make_account(
        WooCommerceAccount,
        AccountTable(name="shop", adapter="woocommerce", values=values, path="batchhub.toml"),
        {"WOOCOMMERCE_CONSUMER_KEY": KEY, "WOOCOMMERCE_CONSUMER_SECRET": SECRET},
    )
    assert isinstance(account, WooCommerceAccount)
    assert (account.consumer_key, account.consumer_secret) == (KEY, SECRET)
    assert account.identity == "localhost:8080/de"
    assert (account.max_items, account.answer_s) == (20, 60)
    assert account.repeat_unanswered is False

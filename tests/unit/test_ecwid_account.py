"""The settings of an Ecwid account."""

from __future__ import annotations

from typing import Any

import pytest

from batchhub.adapter import Budget
from batchhub.errors import SettingsError
from batchhub_ecwid import EcwidAccount

TOKEN = "secret_4f6RkQz"


def make(**settings: Any) -> EcwidAccount:
    enough: dict[str, Any] = {"store_id": 1003, "token": TOKEN}
    return EcwidAccount(**(enough | settings))


def test_a_store_and_a_token_are_enough() -> None:
    """Everything else has a default."""
    account = make()
    assert account.base_url == "https://app.ecwid.com"
    assert account.identity == "1003"
    assert account.lane == "ecwid:app.ecwid.com:1003"
    assert account.budget == Budget(requests=600, per_s=60.0, burst=5)
    assert account.max_request_bytes == 5 * 1024 * 1024


def test_no_text_of_an_account_shows_its_token() -> None:
    """The token is a secret: no `repr` has it, and batchhub knows to blank it."""
    account = make()
    assert TOKEN not in repr(account)
    assert TOKEN not in str(account)
    assert account.secrets == (TOKEN,)


def test_digits_as_text_are_numbers() -> None:
    """Numbers may come as text, as environment variables give them."""
    account = make(store_id="1003", requests_per_minute="60", max_request_bytes="1000")
    assert (account.store_id, account.budget.requests, account.max_request_bytes) == (
        1003,
        60,
        1000,
    )


@pytest.mark.parametrize("key", ["store_id", "requests_per_minute", "max_request_bytes"])
@pytest.mark.parametrize(
    "value", [0, -1, True, 1.5, None, "", "x", " 1", "-1", "1.5", "\u0663", "9" * 5000]
)
def test_a_number_is_whole_and_above_zero(key: str, value: object) -> None:
    """What is no whole number above zero is refused, and the setting is named."""
    with pytest.raises(SettingsError, match=key) as caught:
        make(**{key: value})
    assert caught.value.key == key


@pytest.mark.parametrize(
    "token",
    ["", None, 5, b"bytes", {"env": "X"}, "Bearer x", "x\n", "x\t", "x\x00", "s\u00e9cret", " x"],
)
def test_a_token_that_cannot_be_one_is_refused_unseen(token: object) -> None:
    """A token that no header could carry is refused; its value shows nowhere."""
    with pytest.raises(SettingsError, match="token") as caught:
        make(token=token)
    assert caught.value.key == "token"
    if isinstance(token, str) and len(token) > 2:
        assert token not in str(caught.value)
    assert caught.value.__cause__ is None

"""The settings of a Mircate account."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from attrs import fields

from batchhub._settings.accounts import make_account
from batchhub.adapter import Budget
from batchhub.errors import SettingsError
from batchhub.models import BatchState
from batchhub.settings import AccountTable
from batchhub_mircate import MircateAccount

KEY = "key_4f6RkQz8"
SUBMIT_KEY = "key_submit_77"


def make(**settings: Any) -> MircateAccount:
    enough: dict[str, Any] = {
        "project_id": "5p1hp1d2t",
        "merchant_project_id": "m-1",
        "api_key": KEY,
    }
    return MircateAccount(**(enough | settings))


def refused(key: str, value: object) -> str:
    with pytest.raises(SettingsError, match=key) as caught:
        make(**{key: value})
    assert caught.value.key == key
    return str(caught.value)


def test_two_ids_and_a_key_are_enough() -> None:
    """Everything else has a default."""
    account = make()
    assert account.identity == "5p1hp1d2t/m-1"
    assert account.lane == "mircate:api.b2b.retter.io:5p1hp1d2t/m-1"
    assert account.base_url == "https://api.b2b.retter.io"
    assert account.budget == Budget(requests=120, per_s=60.0, burst=5)
    assert account.submit_api_key == KEY
    assert account.items_field == "products"
    assert account.batch_id_keys == ("batchId", "batchIds", "id")
    assert account.item_keys == ("sku", "barcode", "code")
    assert account.number_fields == ("price", "listPrice", "salePrice", "stock", "quantity")
    assert account.states == {}
    assert (account.count_grace_s, account.visibility_grace_s) == (60.0, 60.0)
    assert account.resend_unconfirmed is False
    assert account.max_request_bytes == 5 * 1024 * 1024
    assert account == make()
    assert hash(account) == hash(make())


def test_no_text_of_an_account_shows_a_key() -> None:
    """Both keys are secrets: no `repr` has them, and batchhub knows to blank them."""
    account = make(submit_api_key=SUBMIT_KEY)
    assert KEY not in repr(account)
    assert SUBMIT_KEY not in repr(account)
    assert account.secrets == (KEY, SUBMIT_KEY)
    assert make(submit_api_key=None).submit_api_key == KEY


def test_every_setting_can_be_written_in_toml() -> None:
    """A table of a settings file, with lists, tables, numbers and booleans, makes an account."""
    table = tomllib.loads(
        """
        project_id = 77
        merchant_project_id = "m-1"
        api_key = { env = "KEY" }
        submit_api_key = { env = "SUBMIT_KEY" }
        base_url = "http://127.0.0.1:8080/"
        proxy = "http://127.0.0.1:3128"
        paths = { "receive-stock" = "/{project_id}/CALL/Stock/take/{merchant_project_id}" }
        status_paths = { "product-upsert" = "POST /{project_id}/CALL/PIMAPI/how/{project_id}" }
        items_field = "items"
        batch_id_keys = ["ticket"]
        states = { "Bitti" = "completed" }
        item_keys = ["gtin"]
        number_fields = []
        count_grace_s = 5
        visibility_grace_s = 2.5
        resend_unconfirmed = true
        requests_per_minute = 30
        max_request_bytes = 1000
        polling = "fixed 5"
        decimal = "comma"
        exchanges = "bodies"
        """
    )
    known = {f.name for f in fields(MircateAccount)}
    assert set(table) == known
    account = make_account(
        MircateAccount,
        AccountTable(name="supplier", adapter="mircate", values=table, path="batchhub.toml"),
        {"KEY": KEY, "SUBMIT_KEY": SUBMIT_KEY},
    )
    assert isinstance(account, MircateAccount)
    assert account.project_id == "77"
    assert account.submit_api_key == SUBMIT_KEY
    assert account.base_url == "http://127.0.0.1:8080"
    assert account.paths["receive-stock"] == "/{project_id}/CALL/Stock/take/{merchant_project_id}"
    assert account.paths["receive-price"].endswith("/receivePrice/{merchant_project_id}")
    assert account.status_paths["product-upsert"].startswith("POST ")
    assert account.states == {"bitti": BatchState.COMPLETED}
    assert account.item_keys == ("gtin",)
    assert account.number_fields == ()
    assert (account.count_grace_s, account.visibility_grace_s) == (5.0, 2.5)
    assert account.resend_unconfirmed is True
    assert account.budget.requests == 30


def test_text_from_the_environment_is_understood() -> None:
    """Numbers and booleans may come as text, as environment variables give them."""
    account = make(
        requests_per_minute="60", count_grace_s="5", resend_unconfirmed="True", project_id=5
    )
    assert (account.requests_per_minute, account.count_grace_s) == (60, 5.0)
    assert account.resend_unconfirmed is True
    assert account.project_id == "5"


@pytest.mark.parametrize("key", ["project_id", "merchant_project_id"])
@pytest.mark.parametrize(
    "value", ["", " ", "a b", "a\n", "a!", "a#", "a%", "a/b", ".", "..", "x" * 65, None, True, 1.5]
)
def test_an_id_is_what_the_platform_takes(key: str, value: object) -> None:
    """An id that could not be one, or would change the path, is refused by name."""
    refused(key, value)


@pytest.mark.parametrize("key", ["api_key", "submit_api_key"])
@pytest.mark.parametrize(
    "value", ["", 5, b"bytes", True, "x y", "x\n", "x\x00", "s\u00e9cret_key", " xyz"]
)
def test_a_key_that_cannot_be_one_is_refused_unseen(key: str, value: object) -> None:
    """A key that no header could carry is refused; its value shows nowhere."""
    message = refused(key, value)
    if isinstance(value, str) and len(value) > 2:
        assert value not in message


@pytest.mark.parametrize("key", ["paths", "status_paths"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("/x/{batch_id}", "table"),
        ({"cancel": "/x"}, "no operation 'cancel'"),
        ({"receive-price": 5}, "must be text"),
        ({"receive-price": ""}, "must be text"),
        ({"receive-price": "x/{project_id}"}, "begin with one /"),
        ({"receive-price": "//x/{project_id}"}, "begin with one /"),
        ({"receive-price": "/x#y"}, "begin with one /"),
        ({"receive-price": "/\u00e9"}, "begin with one /"),
        ({"receive-price": "/{project}"}, "unknown placeholder {project}"),
        ({"receive-price": "/{project_id"}, "a brace"),
        ({"receive-price": "/{}"}, "a brace"),
        ({"receive-price": "DELETE /{project_id}"}, "verb|GET or POST"),
    ],
)
def test_a_path_that_is_none_is_refused(key: str, value: object, says: str) -> None:
    """A template names only what is known, and is a path; its operation is one there is."""
    with pytest.raises(SettingsError, match=says) as caught:
        make(**{key: value})
    assert caught.value.key == key


def test_a_batch_id_stands_where_there_is_one() -> None:
    """A status path by GET holds the batch's id; a submit's path can't, and has no verb."""
    assert "no id before" in refused("paths", {"receive-price": "/{batch_id}"})
    assert "verb" in refused("paths", {"receive-price": "POST /{project_id}"})
    assert "batch_id" in refused("status_paths", {"receive-price": "/{project_id}"})
    assert make(status_paths={"receive-price": "POST /{project_id}"})


@pytest.mark.parametrize(
    "value", ["", " ", " products", "a\n", None, 5, ["products"], "frequency", "bulkOperationId"]
)
def test_the_array_has_a_name_of_its_own(value: object) -> None:
    """The items' field is named, and not like another field."""
    refused("items_field", value)


@pytest.mark.parametrize("key", ["batch_id_keys", "item_keys", "number_fields"])
@pytest.mark.parametrize("value", ["sku", None, 5, {"sku": 1}, [""], [5], ["sku", "sku"], [" sku"]])
def test_a_list_of_names_is_a_list_of_names(key: str, value: object) -> None:
    """A text alone is no list, and a list holds names, each once."""
    refused(key, value)


@pytest.mark.parametrize("key", ["batch_id_keys", "item_keys"])
def test_some_lists_are_never_empty(key: str) -> None:
    """Without a name for products or for ids nothing could be told."""
    assert "empty" in refused(key, [])


@pytest.mark.parametrize(
    "value",
    [
        "done",
        ["done"],
        {"": "completed"},
        {5: "completed"},
        {"done": "finished"},
        {"done": "lost"},
        {"done": "pending"},
        {"done": "unconfirmed"},
        {"done": ""},
        {"done": None},
        {"done": 5},
        {"Done": "completed", "DONE": "failed"},
    ],
)
def test_a_wrong_table_of_words_is_refused(value: object) -> None:
    """A word means a state that a vendor can tell of, once."""
    refused("states", value)


def test_words_are_taken_in_any_case() -> None:
    """Words are kept case-folded; a state may be in any case, too."""
    states = {" Bitti ": "COMPLETED", "iptal": BatchState.CANCELLED}
    assert make(states=states).states == {
        "bitti": BatchState.COMPLETED,
        "iptal": BatchState.CANCELLED,
    }


@pytest.mark.parametrize("key", ["count_grace_s", "visibility_grace_s"])
@pytest.mark.parametrize(
    "value", [-1, -0.5, True, None, "", "x", float("nan"), float("inf"), 10**30, [1]]
)
def test_a_grace_is_a_number_of_seconds(key: str, value: object) -> None:
    """What is no number of seconds from 0 on is refused."""
    refused(key, value)


@pytest.mark.parametrize("value", [0, 1, "yes", "", None])
def test_a_risk_is_taken_in_so_many_words(value: object) -> None:
    """Whether unanswered batches are sent again is true or false, nothing like it."""
    refused("resend_unconfirmed", value)


@pytest.mark.parametrize("key", ["requests_per_minute", "max_request_bytes"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, None, "", "x", "-1", "9" * 5000])
def test_a_number_is_whole_and_above_zero(key: str, value: object) -> None:
    """What is no whole number above zero is refused."""
    refused(key, value)

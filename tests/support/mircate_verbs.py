"""What the tests of Mircate's adapter call its verbs with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from yarl import URL

from batchhub.adapter import Submission, WireItem
from batchhub_mircate import MircateAccount, MircateAdapter
from support.verbs import make_submission as _make_submission
from support.verbs import make_ticket as _make_ticket

KEY = "key_4f6RkQz8"
SUBMIT_KEY = "key_submit_77"
BASE = "https://api.b2b.retter.io/5p1hp1d2t/CALL"
PRICE = f"{BASE}/MerchantStockPriceImporter/receivePrice/m-1"
STOCK = f"{BASE}/MerchantStockPriceImporter/receiveStock/m-1"
UPSERT = f"{BASE}/PIMAPI/bulkUpsertProduct/5p1hp1d2t"
OPERATIONS = ["receive-price", "receive-stock", "product-upsert"]
REF = "b/1 +&?=é"
ENCODED_REF = "b%2F1%20%2B%26%3F%3D%C3%A9"
ITEMS = [WireItem(id="1", wire=b'{"sku":"A-1"}'), WireItem(id="2", wire=b'{"sku":"A-2"}')]
MakeAdapter = Callable[..., MircateAdapter]


def status_url(ref: str) -> URL:
    return URL(f"{BASE}/MerchantImportJob/checkBatchStatus/{ref}", encoded=True)


def make_account(**settings: Any) -> MircateAccount:
    enough = {
        "project_id": "5p1hp1d2t",
        "merchant_project_id": "m-1",
        "api_key": KEY,
        "submit_api_key": SUBMIT_KEY,
    }
    return MircateAccount(**(enough | settings))


make_ticket = partial(_make_ticket, operation="receive-price", total=2)


def make_submission(**changes: Any) -> Submission:
    usual = {"operation": "receive-price", "items": ITEMS, "options": {"frequency": 0}}
    return _make_submission(**(usual | changes))

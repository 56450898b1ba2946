"""A probe of Mircate shows the answer and what was made of it."""

from __future__ import annotations

import json

import pytest
from aioresponses import aioresponses
from support.mircate_verbs import (
    KEY,
    status_url,
)
from support.verbs import only_call

from batchhub.errors import (
    CredentialsError,
    RateLimitedError,
)
from batchhub_mircate import MircateAdapter


async def test_a_probe_reads_a_real_answer(vendor: aioresponses, adapter: MircateAdapter) -> None:
    """A probe shows the answer as it came, and what was made of it."""
    answer = {
        "batchStatus": "Bitti",
        "failCount": "1",
        "successCount": -1,
        "failedProducts": [{"product": {"sku": "A-1"}, "why": "x"}, "odd"],
        "ratio": "50%",
        "new": 1,
    }
    vendor.get(status_url("b-1"), payload=answer)
    probe = await adapter.probe("b-1")
    assert probe.request == "GET /5p1hp1d2t/CALL/MerchantImportJob/checkBatchStatus/b-1"
    assert (probe.status, json.loads(probe.raw)) == (200, answer)
    assert probe.reading == {
        "word": "Bitti",
        "means": None,
        "succeeded": None,
        "failed": 1,
        "ratio": "50%",
        "progress": 0.5,
        "failed_products": 2,
        "failed_product_keys": ["product", "why", "sku"],
        "item_keys_found": ["sku"],
        "undocumented_fields": ["new"],
        "findings": [
            "odd_form: answers in an odd form; each can mean only one thing, and is read so",
            "odd_count: counts that are not whole numbers; their meaning is not known",
        ],
        "age_s": None,
    }
    assert only_call(vendor)[2]["headers"]["x-api-key"] == KEY


async def test_a_probe_says_what_a_word_means(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """A word of the table is shown with its state."""
    vendor.get(status_url("b-1"), payload={"batchStatus": "Done"})
    assert (await adapter.probe("b-1")).reading["means"] == "completed"


@pytest.mark.parametrize(
    ("ref", "status", "says"),
    [
        (None, 404, "vendor and key work"),
        ("b-1", 404, "does not know this batch"),
        (None, 400, "did not refuse the key"),
        ("b-1", 400, "did not refuse the key"),
    ],
)
async def test_a_refused_question_is_an_answer(
    vendor: aioresponses, adapter: MircateAdapter, ref: str | None, status: int, says: str
) -> None:
    """A made-up batch is asked about if none is given; that it is unknown shows that all works."""
    vendor.get(status_url(ref or "batchhub-probe"), status=status, payload={"code": "C"})
    probe = await adapter.probe(ref)
    assert (probe.status, json.loads(probe.raw)) == (status, {"code": "C"})
    assert says in probe.reading["meaning"]
    assert (probe.reading["credentials"], probe.reading["code"]) == ("not refused", "C")


@pytest.mark.parametrize(("status", "error"), [(403, CredentialsError), (429, RateLimitedError)])
async def test_a_probe_hides_no_trouble(
    vendor: aioresponses, adapter: MircateAdapter, status: int, error: type[Exception]
) -> None:
    """Refused credentials, and what is no answer to the question, pass."""
    vendor.get(status_url("batchhub-probe"), status=status)
    with pytest.raises(error):
        await adapter.probe()

"""How the stand-in behaves and misbehaves; what is assumed about the vendor is a switch."""

from __future__ import annotations

from attrs import define

from batchhub.sandbox import Switches, rate, switch, times

IDS_FORMS = ("batchId", "batchIds", "id", "list_of_objects", "objects", "none")
RATIO_FORMATS = ("percent", "fraction", "slash", "number", "json_number", "absent", "garbage")


@define(kw_only=True)
class MircateSwitches(Switches):
    """
    The switches of the Mircate sandbox.

    A fault of the kind `times` strikes that often and is over, or by its
    ``_rate``. One that distorts a status document stays on until it is set back.
    """

    block_s: float = switch(10.0, "seconds of the block after one request too many", at_least=1.0)
    retry_after: bool = switch(False, "an answer 429 has Retry-After")
    unauthorized_status: int = switch(403, "the status for a wrong key", choices=(403, 401))

    importer_class: str = switch("MerchantStockPriceImporter", "the class of both receive calls")
    price_method: str = switch("receivePrice", "the method of Receive Price")
    stock_method: str = switch("receiveStock", "the method of Receive Stock")
    upsert_method: str = switch(
        "", "the PIM's method of Bulk Product Upsert; empty: bulkUpsertProduct or bulkProductUpsert"
    )
    pim_status_method: str = switch("checkBatchStatus", "the PIM's method of Check Batch Status")
    items_key: str = switch("products", "the key of the items in a submit")
    price_key: str = switch("price", "the key of an item's price")
    stock_key: str = switch("stock", "the key of an item's stock")
    ids_form: str = switch("batchId", "where a submit's answer holds its ids", choices=IDS_FORMS)
    ids_per_request: int = switch(1, "batches a request is split into", at_least=1)
    odd_ids: bool = switch(False, "batch ids hold characters that a path must encode")

    busy_570: int = times("a call is answered 570 (the instance is busy), and nothing executed")
    busy_570_rate: float = rate("busy_570")
    visible_after_s: float = switch(0.0, "seconds a fresh batch is answered 404", at_least=0.0)
    stale_age_s: float = switch(
        0.0, "seconds by which status answers are old, as their Age header says", at_least=0.0
    )

    batch_fails: int = times("a batch fails as a whole after half of its items")
    batch_fails_rate: float = rate("batch_fails")

    word_queued: str = switch("QUEUED", "the word for a batch without finished items")
    word_running: str = switch("RUNNING", "the word for a batch with some finished items")
    word_done: str = switch("DONE", "the word for a batch that has ended")
    word_failed: str = switch("FAILED", "the word for a batch that failed as a whole")
    stuck_word: bool = switch(False, "a batch that has ended keeps the word of a running one")
    ratio_format: str = switch("percent", "how progress is written", choices=RATIO_FORMATS)
    late_counts_s: float = switch(0.0, "seconds by which both counts lag behind", at_least=0.0)
    wrong_counts: int = switch(0, "what is added to successCount; may be negative")
    excess_counts: int = switch(0, "failures counted that never were", at_least=0)
    no_counts: bool = switch(False, "both counts are left out")
    late_failures_s: float = switch(0.0, "seconds failedProducts lags behind", at_least=0.0)
    silent_failures: int = switch(0, "failures that are counted, not named; -1: all", at_least=-1)
    unmatched_failures: int = switch(0, "products named that were not sent", at_least=0)
    doubled_failures: int = switch(0, "failures that are named twice; -1: all", at_least=-1)
    failed_key: str = switch("sku", "the key that names the product in failedProducts")
    failed_message_key: str = switch("message", "the key of the reason in failedProducts")
    failed_nested: bool = switch(
        False, "failedProducts holds the key inside an object named product"
    )
    missing_fields: str = switch("", "fields left out of a status, separated by commas")

"""How the stand-in behaves and misbehaves; what is assumed about the vendor is a switch."""

from __future__ import annotations

from typing import Final

from attrs import define

from batchhub.sandbox import Switches, switch

KEPT_S: Final = 4 * 3600.0
"""Source: page "Toplu İşlem Kontrolü". Assumed: counted from the batch's end."""

_BATCH_WORDS: Final = ("none", "right", "early", "late")


@define(kw_only=True)
class TrendyolSwitches(Switches):
    """
    The switches of the Trendyol sandbox.

    A fault of the kind `times` strikes that often and is over, or by its
    ``_rate``. One that distorts a report stays on until it is set back.
    """

    results_kept_s: float = switch(
        KEPT_S, "seconds a batch is known after its end; 0: for ever", at_least=0.0
    )
    # The sum of both groups of services, at the lowest of the vendor's tiers.
    requests_per_minute: int = switch(
        1350, "requests an account may make in 60 seconds", at_least=0
    )
    requests_per_10_s: int = switch(50, "requests a path takes in 10 seconds", at_least=1)
    block_s: float = switch(10.0, "seconds of the block after one request too many", at_least=1.0)
    retry_after: bool = switch(False, "an answer 429 has Retry-After")
    strict_user_agent: bool = switch(
        True, "a User-Agent of another form than '<seller id> - <name>' is refused like none"
    )
    refuses_repeats: bool = switch(True, "the same body is refused within 15 minutes")
    price_updates_per_minute: int = switch(
        30, "price updates of a barcode that a minute takes; what is more fails", at_least=1
    )
    early_checks: bool = switch(
        False, "a stock or a price out of bounds refuses the whole request instead of its item"
    )

    batch_word: str = switch(
        "none",
        "the word for the whole batch: none, right, early (COMPLETED from the start) or late "
        "(IN_PROGRESS for ever)",
        choices=_BATCH_WORDS,
    )
    word_running: str = switch("IN_PROGRESS", "the word for an item that has not ended")
    word_success: str = switch("SUCCESS", "the word for an item that succeeded")
    word_failed: str = switch("FAILED", "the word for an item that failed")
    lists_running: bool = switch(True, "items that have not ended are in the report")
    visible_after_s: float = switch(0.0, "seconds a fresh batch is answered 404", at_least=0.0)
    late_report_s: float = switch(0.0, "seconds by which the report lags behind", at_least=0.0)
    missing_items: int = switch(0, "items left out of each report; -1: all", at_least=-1)
    doubled_items: int = switch(0, "items that come twice in each report; -1: all", at_least=-1)
    foreign_items: int = switch(0, "barcodes that were not sent in each report", at_least=0)
    nameless_items: int = switch(0, "items without a barcode in each report; -1: all", at_least=-1)
    shuffle_items: bool = switch(False, "reports come in another order than the items")
    null_reasons: bool = switch(False, "failureReasons is null where it should hold texts")
    padding_bytes: int = switch(0, "bytes that each item of a report has besides", at_least=0)

"""How the stand-in behaves and misbehaves: the shop, its server, and what is before that."""

from __future__ import annotations

from typing import Final

from attrs import define

from batchhub.sandbox import Switches, rate, switch, times

BATCH_LIMIT: Final = 100
"""Source: code, `check_batch_limit`; a filter of the shop may change it."""

PERMISSIONS: Final = ("read_write", "read", "write")
"""Source: documents, authentication, generating API keys."""


@define(kw_only=True)
class WooCommerceSwitches(Switches):
    """
    The switches of the WooCommerce sandbox.

    A fault of the kind `times` strikes that often and is over, or by its
    ``_rate``. One that distorts an answer stays on until it is set back.
    """

    item_time_s: float = switch(
        0.02, "seconds an item takes; a batch is answered after all of its own", at_least=0.0
    )
    # A shop has no limit of its own; its host may.
    requests_per_minute: int = switch(
        100_000, "requests an account may make in 60 seconds", at_least=0
    )
    batch_limit: int = switch(BATCH_LIMIT, "objects a batch may have", at_least=1)
    permissions: str = switch(
        "read_write", "what the key may do: read_write, read or write", choices=PERMISSIONS
    )
    user_may: bool = switch(True, "the key's user may change products; 403 otherwise")
    drops_authorization: bool = switch(
        False, "the shop's server keeps the header Authorization to itself"
    )
    no_rest: bool = switch(False, "there is no REST API at this address: every path is a page, 404")
    strict_prices: bool = switch(True, "a price that is a number fails its item; a text is wanted")

    dies: int = times("a batch dies of its memory or time limit, and is answered 500")
    dies_rate: float = rate("dies")
    dies_after: int = switch(1, "items that such a batch runs before", at_least=0)
    gateway_timeout: int = times("a batch is executed, and answered 504 by the server before it")
    gateway_timeout_rate: float = rate("gateway_timeout")
    php_warning: int = times("a warning of PHP comes before the JSON of a batch's answer")
    php_warning_rate: float = rate("php_warning")

    no_lists: int = times("a batch is executed, and the answer is empty")
    no_lists_rate: float = rate("no_lists")
    missing_results: int = switch(
        0, "results left out of each list of an answer; -1: all", at_least=-1
    )
    doubled_results: int = switch(
        0, "results that come twice in each list of an answer; -1: all", at_least=-1
    )
    foreign_results: int = switch(
        0, "results of what was not sent in each list of an answer", at_least=0
    )
    shuffle_results: bool = switch(False, "results come in another order than the items")
    text_ids: bool = switch(False, "the ids of results are texts")
    null_data: bool = switch(False, "the data of an item's error is null")
    padding_bytes: int = switch(0, "bytes that each product of an answer has besides", at_least=0)

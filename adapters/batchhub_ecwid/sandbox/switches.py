"""How the stand-in behaves, and every way in which it can misbehave."""

from __future__ import annotations

from typing import Final

from attrs import define

from batchhub.sandbox import Switches, rate, switch, times

OLDER: Final = 2019
NEWER: Final = 2025


@define(kw_only=True)
class EcwidSwitches(Switches):
    """
    The switches of the Ecwid sandbox.

    A fault of the kind `times` strikes that often and is over, or by its
    ``_rate``. One that distorts a status document stays on until it is set back.
    """

    generation: int = switch(
        NEWER,
        "which of the vendor's documents status answers follow: 2019 always has responses, "
        "2025 only with escapedJson=true",
        choices=(OLDER, NEWER),
    )
    products: int = switch(2000, "products of the store; their ids are 1 and up", at_least=0)
    orders: int = switch(3, "orders of the store", at_least=0)
    customers: int = switch(20, "customers of the store; their ids are 1 and up", at_least=0)
    categories: int = switch(10, "categories of the store; their ids are 1 and up", at_least=0)
    strict: bool = switch(
        True,
        "parameters and fields that it doesn't know are refused with 400; off: parameters are "
        "ignored, fields kept",
    )
    one_at_a_time: bool = switch(True, "batches run one after another instead of side by side")
    unauthorized_status: int = switch(403, "the status for a wrong token", choices=(403, 401))
    ticket_id_param: bool = switch(
        False, "a ticket must be named by the parameter ticketId; 400 otherwise"
    )

    item_5xx: int = times("an item of a batch fails with 500, without an effect")
    item_5xx_rate: float = rate("item_5xx")
    item_5xx_executes: bool = switch(False, "an item that fails with 500 has its effect")

    no_effect: int = times("a PUT or DELETE is answered 200 with a count of 0, without an effect")
    no_effect_rate: float = rate("no_effect")
    error_in_200: int = times("an item is answered 200 with an errorMessage, without an effect")
    error_in_200_rate: float = rate("error_in_200")

    unknown_word: str = switch("", "a word to say instead of IN_PROGRESS; empty: none")
    no_responses: int = times("a COMPLETED status that should hold responses has none")
    missing_responses: int = switch(0, "items left out of each responses; -1: all", at_least=-1)
    drop_ids: int = switch(0, "items without their id in each responses; -1: all", at_least=-1)
    double_ids: int = switch(0, "items that come twice in each responses; -1: all", at_least=-1)
    foreign_ids: int = switch(0, "items that were not sent in each responses", at_least=0)
    shuffle_responses: bool = switch(False, "responses come in another order than the items")
    completed_not_run: bool = switch(
        False, "items that did not run read COMPLETED, with the code 0"
    )
    non_json_bodies: bool = switch(False, "bodies of failed items are HTML instead of JSON")
    http_code_key: bool = switch(False, "an item's code is named httpCode, not httpStatusCode")

    @property
    def is_older(self) -> bool:
        """Whether the older generation of documents is followed."""
        return self.generation == OLDER

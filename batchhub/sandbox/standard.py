"""The switches every sandbox has: its batches, its limits, its troubles, and the network's."""

from __future__ import annotations

from typing import Final

from attrs import define

from .switches import SwitchBoard, rate, switch, times

VERBS: Final = ("submit", "poll", "results", "cancel")
"""What a call to any vendor may be for; the routes of a sandbox add their own words."""


@define(kw_only=True)
class Switches(SwitchBoard):
    """
    The switches of a sandbox. Derive, declare the vendor's own, and give others its defaults.

    A fault of the kind `times` strikes that often and is over, or by its ``_rate``. A status
    call is one for which the verb is poll or results.
    """

    item_time_s: float = switch(0.02, "seconds an item takes", at_least=0.0)
    queue_time_s: float = switch(0.0, "seconds before a batch's first item begins", at_least=0.0)
    one_at_a_time: bool = switch(False, "batches run one after another instead of side by side")
    never_ends: bool = switch(False, "no batch gets past its last item")
    item_fails: int = times("an item fails without an effect")
    item_fails_rate: float = rate("item_fails")
    item_fails_status: int = switch(
        400, "the status of an item that fails so, where items have one", at_least=400, at_most=599
    )
    item_fails_message: str = switch("internal error", "what the vendor says of such an item")
    results_kept_s: float = switch(
        0.0, "seconds a batch is known after its end; 0: for ever", at_least=0.0
    )
    gone_status: int = switch(404, "the status for a batch that is kept no longer", at_least=400)

    strict: bool = switch(
        False, "query parameters that a call does not have are refused with 400; off: ignored"
    )
    requests_per_minute: int = switch(600, "requests an account may make in 60 seconds", at_least=0)
    block_s: float = switch(60.0, "seconds of the block after one request too many", at_least=1.0)
    revoke_after: int = switch(
        -1, "calls after which the credentials are refused; -1: never", at_least=-1
    )
    retry_after: bool = switch(True, "an answer 429 has Retry-After")
    unauthorized_status: int = switch(401, "the status for wrong credentials", choices=(401, 403))
    answer_429: int = times("a call is answered 429, and a block begins")
    answer_429_rate: float = rate("answer_429")

    lost_submit_answers: int = times("a submit is executed, and the connection cut")
    lost_submit_answers_rate: float = rate("lost_submit_answers")
    cut_before_submit: int = times("the connection of a submit is cut, and nothing executed")
    cut_before_submit_rate: float = rate("cut_before_submit")
    submit_5xx: int = times("a submit is answered 500")
    submit_5xx_rate: float = rate("submit_5xx")
    submit_5xx_executes: bool = switch(False, "a submit answered 500 is executed all the same")
    forget_tickets: int = times("a status call is answered 404, as for an unknown ticket")
    forget_tickets_rate: float = rate("forget_tickets")
    cut_polls: int = times("the connection of a status call is cut")
    cut_polls_rate: float = rate("cut_polls")
    answer_5xx: int = times("a status call is answered 500, 502 and 503 in turn")
    answer_5xx_rate: float = rate("answer_5xx")
    cut_json: int = times("the JSON of the answer to a submit or a status call breaks off")
    cut_json_rate: float = rate("cut_json")

    answer_delay_s: float = switch(0.0, "seconds an answer is held back", at_least=0.0)
    lost_answers: int = times("a call is executed, and the connection cut")
    lost_answers_rate: float = rate("lost_answers")
    cut_calls: int = times("the connection of a call is cut, and nothing executed")
    cut_calls_rate: float = rate("cut_calls")
    html_error: int = times("a call is answered with a proxy's HTML page, and nothing executed")
    html_error_rate: float = rate("html_error")
    html_error_status: int = switch(
        502, "the HTTP status of that HTML page", at_least=200, at_most=599
    )
    trickled_answers: int = times("the body of an answer comes in dribbles")
    trickled_answers_rate: float = rate("trickled_answers")
    trickle_bytes_per_s: float = switch(
        100.0,
        "bytes a second of such a body; 0: none comes, and the connection stays open",
        at_least=0.0,
    )
    trickle_endless: bool = switch(False, "such a body never ends: spaces follow for ever")
    reset_answers: int = times("the connection is reset (RST) in the middle of an answer")
    reset_answers_rate: float = rate("reset_answers")
    reset_after_bytes: int = switch(
        10,
        "bytes of the body that come before the reset, but never all; 0: only headers",
        at_least=0,
    )
    network_verbs: str = switch(
        "",
        "the calls that are held back, lost, cut, trickled, reset or answered by a proxy, "
        "separated by commas: submit, poll, results, cancel, and what else a sandbox calls its "
        "own; empty: all",
    )
    network_every: int = switch(1, "of these calls only every n-th is struck", at_least=1)

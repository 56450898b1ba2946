"""How the stand-in behaves and misbehaves; what is assumed about the vendor is a switch."""

from __future__ import annotations

from typing import Final

from attrs import define

from batchhub.sandbox import Switches, rate, switch, times

DAY_S: Final = 86_400.0
SHARES: Final = ("none", "half", "all")
PACKINGS: Final = ("gzip", "plain", "mislabelled")
BREAKAGES: Final = ("cut", "cut_gzip", "html", "another_form", "no_summary", "empty")


@define(kw_only=True)
class AmazonSwitches(Switches):
    """
    The switches of the Amazon sandbox.

    A fault of the kind `times` strikes that often and is over, or by its ``_rate``. One that
    distorts a report stays on until it is set back.
    """

    item_time_s: float = switch(0.002, "seconds a message takes", at_least=0.0)
    # Source: page "Feeds API FAQ", processing time: feeds are processed one after another.
    one_at_a_time: bool = switch(True, "feeds run one after another instead of side by side")
    # Source: the model, getFeeds, createdSince.
    results_kept_s: float = switch(
        90 * DAY_S, "seconds a feed is known after its end; 0: for ever", at_least=0.0
    )
    unauthorized_status: int = switch(403, "the status for a wrong token", choices=(403, 401))
    retry_after: bool = switch(False, "an answer 429 of the whole account has Retry-After")
    requests_per_minute: int = switch(
        1_000_000, "requests of all kinds in 60 seconds; Amazon has no such limit", at_least=0
    )

    rate_scale: float = switch(
        1.0, "by how much each operation's rate is faster than Amazon's", at_least=0.001
    )
    feeds_per_5_min: int = switch(
        5, "feeds of listings in five minutes, besides createFeed's rate; 0: any", at_least=0
    )
    token_valid_s: float = switch(3600.0, "seconds a token is valid, and says so", at_least=1.0)
    tokens_revoked: int = times("every token is revoked just before a call")
    tokens_revoked_rate: float = rate("tokens_revoked")
    tokens_expired: int = times("every token expires ahead of its time, just before a call")
    tokens_expired_rate: float = rate("tokens_expired")

    url_valid_s: float = switch(300.0, "seconds a presigned URL is valid", at_least=0.0)
    expired_upload_urls: int = times("a URL for an upload has expired when it is handed out")
    expired_upload_urls_rate: float = rate("expired_upload_urls")
    expired_download_urls: int = times("a URL for a download has expired when it is handed out")
    expired_download_urls_rate: float = rate("expired_download_urls")
    document_kept_s: float = switch(
        2 * DAY_S, "seconds in which a feed can be made of a document", at_least=1.0
    )
    documents_once: bool = switch(False, "a document can make one feed only; 400 otherwise")
    empty_document_fatal: bool = switch(
        False, "a feed whose document was not uploaded ends FATAL, instead of being refused"
    )
    wrong_marketplace_status: int = switch(
        400, "the status for a marketplace the seller is not in", choices=(400, 403)
    )

    visible_after_s: float = switch(0.0, "seconds getFeed answers 404 for a new feed", at_least=0.0)
    listed_after_s: float = switch(0.0, "seconds a new feed is not in getFeeds", at_least=0.0)
    clock_ahead_s: float = switch(0.0, "seconds by which Amazon's clock is ahead; may be negative")
    unknown_word: str = switch("", "a word to say instead of IN_PROGRESS; empty: none")
    feed_cancelled: int = times("a feed is cancelled by somebody else before it begins")
    feed_cancelled_rate: float = rate("feed_cancelled")
    feed_fatal: int = times("a feed ends FATAL")
    feed_fatal_rate: float = rate("feed_fatal")
    fatal_executes: str = switch("half", "which messages of such a feed run", choices=SHARES)
    fatal_has_report: bool = switch(False, "a feed that ended FATAL has a report")
    invalid_feed_fatal: bool = switch(
        False, "a feed that can't be read as a whole ends FATAL, instead of DONE with one issue"
    )

    report_after_s: float = switch(
        0.0, "seconds from a feed's end until it names its report", at_least=0.0
    )
    no_report: bool = switch(False, "a feed that is DONE never names a report")
    report_packing: str = switch(
        "gzip",
        "how a report is sent: gzip and called so, plain, or plain and called gzip",
        choices=PACKINGS,
    )
    report_indented: bool = switch(False, "a report has many lines, instead of one")
    broken_reports: int = times("a report is broken, as broken_as says")
    broken_reports_rate: float = rate("broken_reports")
    broken_as: str = switch("cut", "what comes in the place of a whole report", choices=BREAKAGES)
    report_bytes: int = switch(
        0, "bytes a report is filled up to, unpacked, with warnings of accepted messages"
    )
    issues_each: int = switch(1, "issues of each message that failed", at_least=1)
    warned: int = switch(0, "accepted messages that have a warning; -1: all", at_least=-1)
    doubled_issues: int = switch(0, "issues that come twice; -1: all", at_least=-1)
    silent_failures: int = switch(0, "failed messages that no issue names; -1: all", at_least=-1)
    foreign_issues: int = switch(0, "issues of messages that were not sent", at_least=0)
    feed_issues: int = switch(0, "issues that name no message", at_least=0)
    wrong_counts: int = switch(0, "what is added to messagesAccepted; may be negative")

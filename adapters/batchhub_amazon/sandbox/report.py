"""The processing report of a feed, as documented, and distorted ones; made while it is sent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from typing import Any, Final

from batchhub.sandbox import Batch, ItemOutcome, count_of, distort

from .feeds import Feed
from .listings import Json
from .switches import AmazonSwitches

_PIECE: Final = 2**16
_FOREIGN_FROM: Final = 9_000_001
_PAGE: Final = "<html><head><title>Error</title></head><body>Please sign in</body></html>"


def make_pieces(
    batch: Batch, switches: AmazonSwitches, seller_id: str, *, broken: str = ""
) -> Iterator[bytes]:
    """
    Make what is downloaded as a feed's report, in pieces.

    Source: the schema of a listings feed's processing report (v2): header, issues, summary.

    Args:
        batch: The feed.
        switches: How its report is written, and distorted.
        seller_id: Whom it names.
        broken: In which way it is broken; empty for none.
    """
    pieces = _write(batch, switches, seller_id, has_summary=broken != "no_summary")
    match broken:
        case "html":
            yield _PAGE.encode()
        case "another_form":
            yield b'{"processingReport": [{"statusCode": "Complete"}]}'
        case "empty":
            return
        case "cut":
            whole = b"".join(pieces)
            yield whole[: len(whole) // 2]
        case "cut_gzip":
            whole = gzip.compress(b"".join(pieces), mtime=0)
            yield whole[: len(whole) // 2]
        case _:
            yield from pieces


def make_summary(batch: Batch, issues: Iterable[Json], switches: AmazonSwitches) -> Json:
    """
    Count what came of a feed.

    Source: the schema (v2), summary. Assumed: a message that didn't run isn't processed.
    """
    severities = [issue["severity"] for issue in issues]
    failed = sum(outcome.failed for outcome in batch.outcomes.values())
    accepted = len(batch.outcomes) - failed + switches.wrong_counts
    return {
        "errors": severities.count("ERROR"),
        "warnings": severities.count("WARNING"),
        "messagesProcessed": len(batch.outcomes),
        "messagesAccepted": max(0, accepted),
        "messagesInvalid": failed,
    }


def make_issues(batch: Batch, switches: AmazonSwitches) -> list[Json]:
    """
    Make the issues of a feed; those of each message follow one another.

    Source: the schema (v2), issues: only an issue that is not of a message has no messageId.
    Assumed: a message that was accepted has no issue, or warnings.
    """
    feed: Feed = batch.about
    failed = [outcome for outcome in batch.outcomes.values() if outcome.failed]
    named = failed[count_of(switches.silent_failures, failed) :]
    accepted = [outcome for outcome in batch.outcomes.values() if not outcome.failed]
    warned = accepted[: count_of(switches.warned, accepted)]
    of_messages = [issue for outcome in named for issue in _make_errors(outcome, switches)]
    of_messages += [_make_warning(outcome) for outcome in warned]
    of_feed = [_make_fatal()] if feed.is_fatal else []
    of_feed += [feed.problem] if feed.problem else []
    foreign = [_make_foreign(_FOREIGN_FROM + n) for n in range(switches.foreign_issues)]
    nameless = [_make_nameless(n) for n in range(1, switches.feed_issues + 1)]
    return [
        *of_feed,
        *distort(of_messages, doubled=switches.doubled_issues, foreign=[*foreign, *nameless]),
    ]


def _write(
    batch: Batch, switches: AmazonSwitches, seller_id: str, *, has_summary: bool
) -> Iterator[bytes]:
    """Write the report in pieces of a bounded size, however long it is."""
    between = "\n" if switches.report_indented else ""
    issues = make_issues(batch, switches)
    header = {"sellerId": seller_id, "version": "2.0", "feedId": batch.id}
    yield f'{{{between}"header":{json.dumps(header)},{between}"issues":[{between}'.encode()
    written = 0
    first = True
    for texts in _batched(_all_issues(batch, issues, switches)):
        piece = f",{between}".join(texts)
        piece = piece if first else f",{between}{piece}"
        first, written = False, written + len(piece)
        yield piece.encode()
    ending = f"{between}]"
    if has_summary:
        summary = make_summary(batch, issues, switches)
        ending += f',{between}"summary":{json.dumps(summary)}'
    yield f"{ending}{between}}}".encode()


def _all_issues(batch: Batch, issues: list[Json], switches: AmazonSwitches) -> Iterator[str]:
    """Yield the issues as JSON, then warnings until the report is as long as it has to be."""
    size = 0
    for issue in issues:
        text = json.dumps(issue)
        size += len(text)
        yield text
    accepted = [outcome for outcome in batch.outcomes.values() if not outcome.failed]
    if accepted and size < switches.report_bytes:
        texts = [json.dumps(_make_warning(outcome)) for outcome in accepted]
        for text in cycle(texts):
            if size >= switches.report_bytes:
                return
            size += len(text)
            yield text


def _batched(texts: Iterator[str]) -> Iterator[list[str]]:
    while found := [*islice(texts, _PIECE // 256)]:
        yield found


def _make_errors(outcome: ItemOutcome, switches: AmazonSwitches) -> list[Json]:
    issue = _get_number(outcome) | _read_failure(outcome.body)
    also = issue | {"code": "90000", "message": "The message was not accepted for another reason."}
    return [issue, *[also] * (switches.issues_each - 1)]


def _read_failure(body: Any) -> Json:
    """Return what an issue says of a failure; one made by a switch is in the form of an error."""
    if "errors" in body:
        error = body["errors"][0]
        return {"code": error["code"], "severity": "ERROR", "message": error["message"]}
    return {**body}


def _make_warning(outcome: ItemOutcome) -> Json:
    return _get_number(outcome) | {
        "code": "99300",
        "severity": "WARNING",
        "message": "The value of 'item_name' is longer than recommended.",
        "attributeNames": ["item_name"],
    }


def _get_number(outcome: ItemOutcome) -> Json:
    return {"messageId": outcome.item.body["messageId"]}


def _make_foreign(number: int) -> Json:
    return {"messageId": number, "code": "90220", "severity": "ERROR", "message": "Not yours."}


def _make_nameless(number: int) -> Json:
    return {"code": "4000000", "severity": "ERROR", "message": f"Something failed ({number})."}


def _make_fatal() -> Json:
    return {"code": "5000", "severity": "ERROR", "message": "The feed was aborted."}

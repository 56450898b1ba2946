"""The report of a feed: which messages failed, and what became of the others."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from batchhub.adapter import ItemReport, JSONMapping, Report, TicketRef, encode_json, one_line
from batchhub.errors import ReplyError, ResultsMissingError
from batchhub.models import BatchState, Finding, ItemState
from batchhub.transport import Download

_HARMLESS: Final = {"WARNING", "INFO"}
_MOST: Final = 3
"""Issues of one message that are kept; some messages have hundreds."""

_STRAYS: Final = 10
"""Messages that nobody sent, of which issues are kept."""


class Issue(Struct, rename="camel", omit_defaults=True):
    """
    What is wrong with a message; without its number, with the whole feed.

    Source: listings-feed-processing-report-schema-v2.json at 34dc93f.
    """

    message_id: int | None = None
    code: str | None = None
    severity: str = ""
    message: str = ""
    attribute_name: str | None = None

    def __str__(self) -> str:
        text = (
            one_line(f"{self.code or ''}: {self.message}".removeprefix(": ")) or "no reason given"
        )
        return f"{text} ({self.attribute_name})" if self.attribute_name else text


class Summary(Struct, rename="camel", frozen=True):
    """How many messages were processed, and taken or not. Source: as for `Issue`."""

    messages_processed: int
    messages_accepted: int
    messages_invalid: int


async def read_report(download: Download, ticket: TicketRef) -> Report:
    """
    Read a report of any size; in memory is what it says of the messages that failed.

    Raises:
        ReplyError: It is no report.
    """
    found: dict[int | None, list[Issue]] = {None: []}
    summary, is_clear = None, True
    async for part in download.parts({"issues.item": Issue, "summary": Summary}):
        if isinstance(part, Summary):
            is_clear = is_clear and summary in {None, part}
            summary = part
        elif part.severity.upper() not in _HARMLESS and len(found) <= ticket.total + _STRAYS:
            issues = found.setdefault(part.message_id, [])
            issues += [part][: _MOST - len(issues)]
    if summary is None:
        raise ReplyError("the report has no summary, so it is none of a feed", vendor="amazon")
    of_feed = found.pop(None)
    rest, findings = _judge_rest(ticket, summary, len(found))
    if not is_clear:
        words = "the report has several summaries, which count differently"
        rest, findings = ItemState.UNKNOWN, [Finding(code="counts_differ", message=words)]
    if of_feed:
        words = "the report has errors that are of no single message"
        findings.append(
            Finding(code="feed_issues", message=words, examples=tuple(map(str, of_feed)))
        )
    items = [_read_item(number, issues) for number, issues in found.items()]
    why = str(of_feed[0]) if of_feed and rest is not ItemState.SUCCEEDED else None
    return Report(items=items, rest=rest, rest_message=why, findings=tuple(findings))


def judge_without_report(ticket: TicketRef, vendor: JSONMapping) -> Report:
    """
    Return what is known of a feed without a report.

    Source: feeds_2021-06-30.json at 34dc93f, processingStatus (of a fatal error: some, none or
    all may have completed; a cancelled feed was so before it was processed).

    Raises:
        ResultsMissingError: It is done, so there must be one.
    """
    if ticket.state is BatchState.COMPLETED:
        raise ResultsMissingError("the feed is DONE, but has no report", vendor="amazon")
    if ticket.state is BatchState.CANCELLED and vendor.get("processingStartTime") is None:
        return Report(rest=ItemState.NOT_EXECUTED, rest_message="the feed was cancelled")
    word = vendor.get("processingStatus")
    return Report(rest_message=f"the feed is {word} and has no report: it may have run in part")


def _judge_rest(ticket: TicketRef, counts: Summary, named: int) -> tuple[ItemState, list[Finding]]:
    """
    Return what became of the messages that a report does not name.

    They were accepted if as many messages were. If none was processed at all, as where the feed
    itself is wrong, none was executed. Of a feed that was aborted nobody knows.
    """
    taken, refused = counts.messages_accepted, counts.messages_invalid
    if ticket.state is not BatchState.COMPLETED:
        return ItemState.UNKNOWN, []
    if (counts.messages_processed, taken, refused, named) == (0, 0, 0, 0):
        return ItemState.NOT_EXECUTED, []
    rest = ItemState.SUCCEEDED if taken == ticket.total - named else ItemState.UNKNOWN
    if (taken + named, refused, counts.messages_processed) == (ticket.total, named, ticket.total):
        return rest, []
    message = (
        f"the report counts {counts.messages_processed} messages, {taken} accepted and {refused} "
        f"invalid; {ticket.total} were sent, and {named} are named as failed"
    )
    return rest, [Finding(code="counts_differ", message=message)]


def _read_item(number: int | None, issues: list[Issue]) -> ItemReport:
    """Return what became of a message; of an undocumented severity, nobody knows."""
    is_error = any(issue.severity.upper() == "ERROR" for issue in issues)
    state = ItemState.FAILED if is_error else ItemState.UNKNOWN
    message = "; ".join(map(str, issues))
    return ItemReport(at=(number or 0) - 1, state=state, message=message, raw=encode_json(issues))

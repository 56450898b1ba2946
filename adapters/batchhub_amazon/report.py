"""The report of a feed: which messages failed, and what became of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, ValidationError, convert

from batchhub.adapter import ItemReport, Report, TicketRef, encode_json, one_line
from batchhub.errors import ReplyError
from batchhub.models import BatchState, Finding, ItemState
from batchhub.transport import Download

_ISSUES: Final = "issues.item"
_SUMMARY: Final = "summary"
_HARMLESS: Final = frozenset({"WARNING", "INFO"})
_SHOWN: Final = 3
"""Issues of one message that are kept; some messages have hundreds."""

_STRAYS: Final = 10
"""Messages that nobody sent, of which issues are kept."""

_LONGEST: Final = 300


class Summary(Struct, rename="camel"):
    """How many messages were processed, and taken or not."""

    messages_processed: int
    messages_accepted: int
    messages_invalid: int


class Issues:
    """
    What a report says of messages, read issue by issue.

    Attributes:
        by_message: The issues by the number of their message, a few of each.
        of_feed: The words of issues that are of no message.

    Source: listings-feed-processing-report-schema-v2.json at 34dc93f.
    """

    def __init__(self, total: int) -> None:
        self.by_message: dict[int, list[Mapping[str, Any]]] = {}
        self.of_feed: list[str] = []
        self._most = total + _STRAYS

    def add(self, issue: Any) -> None:
        """Take note of an issue, unless it is a warning."""
        if not isinstance(issue, Mapping) or issue.get("severity") in _HARMLESS:
            return
        number = issue.get("messageId")
        if isinstance(number, bool) or not isinstance(number, int):
            self.of_feed.append(describe(issue))
            del self.of_feed[_SHOWN:]
        elif number in self.by_message or len(self.by_message) < self._most:
            found = self.by_message.setdefault(number, [])
            if len(found) < _SHOWN:
                found.append({name: _cut(value) for name, value in issue.items()})

    def items(self) -> Iterator[ItemReport]:
        """Yield what became of the messages that are named."""
        for number, issues in self.by_message.items():
            # A severity that nobody documented does not say that the message failed.
            is_error = any(issue.get("severity") == "ERROR" for issue in issues)
            yield ItemReport(
                at=number - 1,
                state=ItemState.FAILED if is_error else ItemState.UNKNOWN,
                message="; ".join(map(describe, issues)),
                raw=encode_json(issues),
            )


async def read_report(download: Download, ticket: TicketRef) -> Report:
    """
    Read a report of any size; in memory is what it says of the messages that failed.

    Raises:
        ReplyError: It is no report.
    """
    issues, summary = Issues(ticket.total), None
    async for place, part in download.parts(_ISSUES, _SUMMARY):
        if place == _ISSUES:
            issues.add(part)
        else:
            summary = part
    try:
        counts = convert(summary, Summary)
    except ValidationError as error:
        raise ReplyError(f"the report has no summary of a feed: {error}", vendor="amazon") from None
    rest = ItemState.UNKNOWN
    findings: list[Finding] = []
    if ticket.state is BatchState.COMPLETED:
        rest, findings = judge_rest(counts, len(issues.by_message), ticket.total)
    if issues.of_feed:
        findings = [*findings, _of_feed(issues.of_feed)]
    return Report(
        items=issues.items(),
        rest=rest,
        rest_message=next(iter(issues.of_feed), None) if rest is not ItemState.SUCCEEDED else None,
        findings=tuple(findings),
    )


def judge_rest(counts: Summary, named: int, total: int) -> tuple[ItemState, list[Finding]]:
    """
    Return what became of the messages that a report does not name.

    They were accepted if as many messages were. If none was processed at all, as where the feed
    itself is wrong, none was executed.
    """
    taken, refused = counts.messages_accepted, counts.messages_invalid
    if (taken, refused, named) == (0, 0, 0):
        return ItemState.NOT_EXECUTED, []
    rest = ItemState.SUCCEEDED if taken == total - named else ItemState.UNKNOWN
    if rest is ItemState.SUCCEEDED and refused == named and counts.messages_processed == total:
        return rest, []
    message = (
        f"the report counts {counts.messages_processed} messages, {taken} accepted and {refused} "
        f"invalid; {total} were sent, and {named} are named as failed"
    )
    return rest, [Finding(code="counts_differ", message=message)]


def describe(issue: Mapping[str, Any]) -> str:
    """Return an issue in one line: its code, its words and the attribute."""
    code, words = one_line(issue.get("code")), one_line(issue.get("message"))
    attribute = one_line(issue.get("attributeName"))
    text = ": ".join(part for part in (code, words) if part) or "no reason is given"
    return f"{text} ({attribute})" if attribute and attribute not in text else text


def _of_feed(words: Sequence[str]) -> Finding:
    message = "the report has errors that are of no single message"
    return Finding(code="feed_issues", message=message, examples=tuple(words))


def _cut(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value

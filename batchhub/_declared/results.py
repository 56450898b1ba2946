"""What the entries of an answer say about the items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from batchhub._adapter.exchange import ItemReport, Report
from batchhub._base.json import dumps
from batchhub.models import BatchState, Finding, ItemState

from .description import Results
from .figures import read_message, read_status, read_text, read_word
from .places import Place

_MAX_WORD: Final = 100
_UNKNOWN_WORD: Final = "words for an item that the description does not know; they end nothing"


class NoResultsError(Exception):
    """An answer has no list of results."""


@frozen
class Counted:
    """How many items succeeded and failed, as the vendor counts; `None` where it does not."""

    succeeded: int | None = None
    failed: int | None = None


_NOT_COUNTED: Final = Counted()

_WITHOUT_RESULTS: Final = {BatchState.FAILED, BatchState.CANCELLED, BatchState.LOST}
"""The states of batches that may well have no results."""


@frozen
class Fold:
    """
    What the words of the items say of their batch.

    Attributes:
        named: How many different items are named.
        ended: How many of those have a word that ends them.
        findings: Words that nobody described.
    """

    named: int
    ended: int
    findings: tuple[Finding, ...]


def find_entries(
    results: Results, answer: Any, state: BatchState | None = BatchState.COMPLETED
) -> Sequence[Any]:
    """
    Return the list of results in an answer.

    Args:
        results: Where it is.
        answer: The answer.
        state: What its word says: a batch that failed, or was cancelled, may have none.

    Raises:
        NoResultsError: There is none. An empty list is one.
        PlaceError: The place can't be looked for.
    """
    found = results.list.find(answer)
    if found is None and state in _WITHOUT_RESULTS:
        return ()
    if not isinstance(found, list):
        what = "nothing" if found is None else "no list"
        raise NoResultsError(f"{what} at {results.list.text}")
    return found


def fold(results: Results, entries: Sequence[Any]) -> Fold:
    """Count which items have ended, by their words."""
    has_ended: dict[Any, bool] = {}
    unknown: list[str] = []
    for at, entry in enumerate(entries):
        word = _find_word(results, entry)
        is_known = word is not None and word.casefold() in results.words
        if word is not None and not is_known:
            unknown.append(word)
        ended = is_known and results.words[(word or "").casefold()] is not None
        name = _find_name(results, entry, at)
        # One that comes twice has ended once both have.
        has_ended[name] = ended and has_ended.get(name, True)
    return Fold(len(has_ended), sum(has_ended.values()), _find_unknown(unknown))


def make_report(
    results: Results,
    entries: Sequence[Any],
    *,
    total: int,
    state: BatchState | None,
    counted: Counted = _NOT_COUNTED,
    needed: Sequence[tuple[str, str | None]] = (),
    findings: tuple[Finding, ...] = (),
) -> Report:
    """
    Make the report of a finished batch.

    Items that it does not name are what the description says, but only of a batch whose word says
    completed, and only if that agrees with what the vendor counts: else nobody can tell.

    Args:
        results: How to read them.
        entries: Of the answer.
        total: How many items were sent.
        state: What its word says: where counts alone have ended it, that is not the end, or
            nothing (`None`).
        counted: What the vendor counts.
        needed: Id and key of the items, in their order, of which each must be there.
        findings: To be reported besides.
    """
    unknown: list[str] = []
    # An entry too few shifts all that follow: then none says which item it is about.
    counts_places = results.is_in_order and len(entries) == total
    reports = [
        _make_item(results, entry, at if counts_places else None, unknown)
        for at, entry in enumerate(entries)
    ]
    is_pending = any(_is_pending(results, entry) for entry in entries)
    rest = results.rest if state is BatchState.COMPLETED else ItemState.UNKNOWN
    doubt = () if rest is ItemState.UNKNOWN else _find_doubt(reports, rest, total, counted)
    is_early = results.rest is not rest and state not in _WITHOUT_RESULTS
    # As many entries as items may be about others, while one that was sent still runs.
    is_early = is_early or not _are_there(needed, reports)
    return Report(
        items=reports,
        rest=ItemState.UNKNOWN if doubt else rest,
        # Word, counts and failures may come one after another: it is asked again for a while.
        is_settled=not (is_pending or doubt or is_early),
        findings=(*findings, *_find_unknown(unknown), *doubt),
    )


def _are_there(needed: Sequence[tuple[str, str | None]], reports: Sequence[ItemReport]) -> bool:
    """Whether each item is in a report: by its id, its key or its place."""
    ids = {report.id for report in reports}
    keys = {report.key_value for report in reports} - {None}
    places = {report.at for report in reports}
    return all(
        item_id in ids or key in keys or at in places for at, (item_id, key) in enumerate(needed)
    )


def _find_doubt(
    reports: Sequence[ItemReport], rest: ItemState, total: int, counted: Counted
) -> tuple[Finding, ...]:
    """Return what is to be said if the items, named or not, are not as many as are counted."""
    unnamed = max(total - len(reports), 0)
    for state, count in (
        (ItemState.SUCCEEDED, counted.succeeded),
        (ItemState.FAILED, counted.failed),
    ):
        named = sum(report.state is state for report in reports)
        found = named + (unnamed if rest is state else 0)
        if count is not None and count != found:
            message = "the vendor counts other items than it names; those it does not are unknown"
            example = f"{count} {state.value} counted, {found} found"
            return (Finding(code="rest_differs", message=message, examples=(example,)),)
    return ()


def _make_item(results: Results, entry: Any, at: int | None, unknown: list[str]) -> ItemReport:
    state, why = _find_state(results, entry, unknown)
    message = read_message(_find(results.message, entry))
    return ItemReport(
        id=read_text(_find(results.id, entry)),
        key_value=read_text(_find(results.key, entry)),
        at=_find_position(results, entry) if at is None else at,
        state=state,
        code=read_status(_find(results.code, entry)),
        message=why if message is None else message,
        raw=dumps(entry),
        vendor_ref=read_text(_find(results.ref, entry)),
    )


def _find_state(results: Results, entry: Any, unknown: list[str]) -> tuple[ItemState, str | None]:
    if results.named is not None:
        return results.named, None
    word = _find_word(results, entry)
    if word is None:
        return ItemState.UNKNOWN, "the vendor has no word for this item"
    folded = word.casefold()
    if folded not in results.words:
        unknown.append(word)
        return ItemState.UNKNOWN, f"the vendor says {word[:_MAX_WORD]!r}, which is not described"
    state = results.words[folded]
    if state is None:
        return ItemState.UNKNOWN, f"the vendor still says {word[:_MAX_WORD]!r}"
    return state, None


def _is_pending(results: Results, entry: Any) -> bool:
    if results.named is not None:
        return False
    word = _find_word(results, entry)
    return word is not None and results.words.get(word.casefold(), ItemState.UNKNOWN) is None


def _find_word(results: Results, entry: Any) -> str | None:
    return read_word(_find(results.word, entry))


def _find_name(results: Results, entry: Any, at: int) -> Any:
    """Return what an entry calls its item; its own place in the list if nothing."""
    for place in (results.id, results.key, results.position):
        if (name := read_text(_find(place, entry))) is not None:
            return name
    return at


def _find_position(results: Results, entry: Any) -> int | None:
    text = read_text(_find(results.position, entry))
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004  # exact
        return None
    return int(text) - results.first_position


def _find(place: Place | None, entry: Any) -> Any:
    return None if place is None else place.find(entry)


def _find_unknown(words: Sequence[str]) -> tuple[Finding, ...]:
    if not words:
        return ()
    examples = tuple(dict.fromkeys(word[:_MAX_WORD] for word in words))
    return (
        Finding(code="unknown_word", message=_UNKNOWN_WORD, count=len(words), examples=examples),
    )

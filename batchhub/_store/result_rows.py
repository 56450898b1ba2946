"""The results of items, as they are asked for and written inside a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Select,
    String,
    and_,
    bindparam,
    insert,
    select,
)

from batchhub._adapter.exchange import WireItem
from batchhub.models import Counts, ItemResult, ItemState

from .codec import pack, read_item, read_result, to_code, to_words
from .records import TicketRecord
from .statements import ManyRows, Statement
from .tables import items, results

PAGE: Final = 500
"""How many rows of items or results are in memory at once."""

_IS_SAME: Final = and_(items.c.job_no == results.c.job_no, items.c.position == results.c.position)
_ADD: Final = ManyRows.insert(
    results, "job_no", "position", "state", "code", "message", "vendor_ref", "raw", "packed"
)
_ITEMS: Final = (
    items.c.job_no == bindparam("this_job"),
    items.c.position.between(bindparam("first"), bindparam("last")),
)
_ADD_REST: Final = Statement(
    insert(results).from_select(
        ["job_no", "position", "state", "message", "vendor_ref"],
        select(
            items.c.job_no,
            items.c.position,
            *(bindparam(name, type_=String) for name in ("rest_state", "rest_message", "rest_ref")),
        ).where(*_ITEMS),
    )
)
_GET_ITEMS: Final = Statement(select(items).where(*_ITEMS).order_by(items.c.position))
_STATES: Final = results.c.state.in_(bindparam("states", expanding=True))


@cache
def _page(*, by_state: bool, by_code: bool) -> Select[Any]:
    query = (
        select(results, items.c.item_id)
        .join_from(results, items, _IS_SAME)
        .where(results.c.job_no == bindparam("this_job"), results.c.position > bindparam("after"))
        .order_by(results.c.position)
        .limit(bindparam("most"))
    )
    if by_state:
        query = query.where(_STATES)
    if by_code:
        query = query.where(results.c.code.in_(bindparam("codes", expanding=True)))
    return query


def add_results(
    connection: Connection,
    ticket: TicketRecord,
    found: Sequence[ItemResult],
    rest: ItemState,
    rest_message: str | None,
) -> Counts:
    """
    Write a result for each item of a ticket: those found, and the same for all after them.

    Returns:
        How many items came out as what.
    """
    job_no, first = ticket.job_no, ticket.first_item
    _ADD.run(
        connection,
        [_row(job_no, position, result) for position, result in enumerate(found, first)],
    )
    counted = Counter(result.state.value for result in found)
    left = ticket.total - len(found)
    if left > 0:
        ref = ticket.vendor_refs[0] if len(ticket.vendor_refs) == 1 else None
        facts = {
            "this_job": job_no,
            "first": first + len(found),
            "last": first + ticket.total - 1,
            "rest_state": rest.value,
            "rest_message": to_words(rest_message),
            "rest_ref": to_words(ref),
        }
        counted[rest.value] += _ADD_REST.run(connection, facts)
    return Counts(**counted)


def get_items(connection: Connection, ticket: TicketRecord) -> list[WireItem]:
    """Return the items of a ticket, in order."""
    first = ticket.first_item
    facts = {"this_job": ticket.job_no, "first": first, "last": first + ticket.total - 1}
    return [read_item(row) for row in _GET_ITEMS.rows(connection, facts)]


def results_page(
    connection: Connection,
    job_no: int,
    after: int,
    only: Collection[ItemState] | None,
    codes: Collection[int] | None,
) -> list[tuple[int, ItemResult]]:
    """Return a page of results after a position."""
    query = _page(by_state=only is not None, by_code=codes is not None)
    facts: dict[str, Any] = {"this_job": job_no, "after": after, "most": PAGE}
    if only is not None:
        facts["states"] = [state.value for state in only]
    if codes is not None:
        facts["codes"] = list(codes)
    return [read_result(row) for row in connection.execute(query, facts).mappings()]


def _row(job_no: int, position: int, result: ItemResult) -> tuple[Any, ...]:
    raw, packed = pack(result.raw)
    return (
        job_no,
        position,
        result.state.value,
        to_code(result.code),
        to_words(result.message),
        to_words(result.vendor_ref),
        raw,
        packed,
    )

"""Law 1 at its root: whatever the vendor reports, each item sent has exactly one result."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from batchhub._engine.join import ReadReport, join_report
from batchhub.adapter import ItemReport
from batchhub.models import ItemState

ids = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=8)
entries = st.lists(
    st.builds(
        ItemReport,
        id=st.none() | st.sampled_from("abcdefghxyz"),
        state=st.sampled_from(list(ItemState)),
        code=st.none() | st.sampled_from([200, 404]),
    ),
    max_size=12,
)


@given(ids, entries, st.sampled_from(list(ItemState)))
def test_one_result_per_item(sent: list[str], got: list[ItemReport], rest: ItemState) -> None:
    """Results are one per item, in the order sent; oddities are findings, never success."""
    results, findings = join_report(sent, ReadReport(entries=got, rest=rest), "ref")
    assert [r.id for r in results] == sent
    found = {f.code: f for f in findings}
    times = Counter(e.id for e in got if e.id is not None)
    by_position = bool(got) and not times and len(got) == len(sent)
    stray = [e for e in got if e.id not in sent and not by_position]
    is_contradicted = any(e.state is not rest for e in stray)
    for result, item_id in zip(results, sent, strict=True):
        if times[item_id] > 1:
            assert result.state is ItemState.UNKNOWN
            assert "duplicate_id" in found
        elif times[item_id] == 0 and not by_position:
            assert result.state is (ItemState.UNKNOWN if is_contradicted else rest)
    foreign = set(times) - set(sent)
    assert ("foreign_id" in found) == bool(foreign)
    if foreign:
        assert found["foreign_id"].count == len(foreign)
    unreported = [item_id for item_id in sent if not times[item_id] and not by_position]
    in_doubt = is_contradicted and rest is not ItemState.UNKNOWN and bool(unreported)
    assert ("rest_in_doubt" in found) == in_doubt
    if any(e.id is None for e in got) and not by_position:
        assert "anonymous_results" in found


@given(ids, st.data())
def test_join_by_position_when_no_id_comes_back(sent: list[str], data: st.DataObject) -> None:
    """Without any id, entries are matched by position if their number agrees."""
    state = st.sampled_from(list(ItemState))
    states = data.draw(st.lists(state, min_size=len(sent), max_size=len(sent)))
    got = [ItemReport(id=None, state=state) for state in states]
    results, findings = join_report(sent, ReadReport(entries=got), None)
    assert [r.state for r in results] == states
    assert [f.code for f in findings] == ["joined_by_position"]


@given(ids)
def test_no_match_by_position_where_the_vendor_has_names_for_items(sent: list[str]) -> None:
    """It names items by what they are, so it promises no order."""
    got = [ItemReport(id=None, state=ItemState.SUCCEEDED)] * len(sent)
    results, findings = join_report(sent, ReadReport(entries=got), None, keys=lambda: sent)
    assert {r.state for r in results} == {ItemState.UNKNOWN}
    assert {f.code for f in findings} == {"anonymous_results", "missing_id"}


@given(ids)
def test_no_match_by_position_when_numbers_differ(sent: list[str]) -> None:
    """One entry too few without ids matches nothing: every item is unknown."""
    got = [ItemReport(id=None, state=ItemState.SUCCEEDED)] * (len(sent) + 1)
    results, findings = join_report(sent, ReadReport(entries=got), None)
    assert {r.state for r in results} == {ItemState.UNKNOWN}
    assert {f.code for f in findings} == {"anonymous_results", "missing_id"}

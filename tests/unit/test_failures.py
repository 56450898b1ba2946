"""Failures by reason: what is one reason, how many items have it, and which of them come first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from support.hubs import numbered, scripted_world
from support.stores import add_job, end_all
from support.vendor import Vendor

from batchhub import BatchHub, ItemState
from batchhub._store import Store, failure_groups
from batchhub.adapter import ItemReport, Report, WireItem
from batchhub.errors import NotKnownError
from batchhub.models import FailureGroup
from batchhub.models.failures import MOST_IDS, FailureGrouping

FAILED, NOT_EXECUTED, UNKNOWN = ItemState.FAILED, ItemState.NOT_EXECUTED, ItemState.UNKNOWN
Fact = tuple[ItemState, int | None, str | None]


def group(facts: Iterator[Fact], most: int = 1000) -> list[tuple[FailureGroup, list[int]]]:
    """Group failures at the places 1, 2, …"""
    grouping = FailureGrouping(most)
    for at, (state, code, message) in enumerate(facts, 1):
        grouping.add(state, code, message, at, retried=at % 2 == 0)
    return list(grouping.groups())


def shown(found: list[tuple[FailureGroup, list[int]]]) -> list[tuple[object, ...]]:
    return [(g.state, g.code, g.message, g.count, at) for g, at in found]


def test_the_same_reason_is_one_group() -> None:
    """Numbers alone make no other reason, and a message that all have is shown as it is."""
    facts: list[Fact] = [
        *((FAILED, 404, f"Product {n} is not found") for n in range(3)),
        *((FAILED, 400, "below 10.00") for _ in range(9)),
        (FAILED, 404, "Product is not found"),
        (FAILED, 410, "Product 7 is not found"),
        (NOT_EXECUTED, 410, "Product 7 is not found"),
        (UNKNOWN, None, None),
        (UNKNOWN, None, ""),
    ]
    assert shown(group(iter(facts))) == [
        (FAILED, 400, "below 10.00", 9, [4, 5, 6, 7, 8]),
        (FAILED, 404, "Product … is not found", 3, [1, 2, 3]),
        (FAILED, 404, "Product is not found", 1, [13]),
        (FAILED, 410, "Product 7 is not found", 1, [14]),
        (NOT_EXECUTED, 410, "Product 7 is not found", 1, [15]),
        (UNKNOWN, None, None, 1, [16]),
        (UNKNOWN, None, "", 1, [17]),
    ]


def test_many_reasons_take_bounded_memory_and_lose_no_item() -> None:
    """What comes after the most of them is one group for each state and code."""

    def facts() -> Iterator[Fact]:
        for n in range(5000):
            letters = "".join(chr(97 + int(digit)) for digit in str(n))
            yield FAILED, 400 + n % 2, letters

    found = group(facts(), most=100)
    assert len(found) == 102
    assert sum(each.count for each, _ in found) == 5000
    assert [(g.code, g.message, g.count) for g, _ in found[:2]] == [
        (400, "…", 2450),
        (401, "…", 2450),
    ]
    assert all(len(at) <= MOST_IDS for _, at in found)


@pytest.mark.parametrize(
    ("codes", "fails_again"),
    [
        ((400, 405, 409, 410, 413, 415, 422), True),
        ((None, 200, 401, 403, 404, 408, 423, 429, 500, 503), False),
    ],
    ids=["yours", "theirs"],
)
def test_whose_turn_it_is_follows_from_the_code(
    codes: tuple[int | None, ...], fails_again: bool
) -> None:
    """What the vendor will refuse again is the user's to change; the rest may pass."""
    for code in codes:
        failed = FailureGroup(state=FAILED, code=code, message=None, count=3, retried=1)
        assert failed.fails_again is fails_again
        assert failed.retry == ("yours" if fails_again else "vendor's")
        assert failed.open == 2
        facts: dict[str, object] = {"state": "failed", "code": code, "message": None}
        assert failed.to_dict() == {**facts, "count": 3, "ids": [], "retried": 1}


async def test_a_job_says_why_its_items_failed(tmp_path: Path) -> None:
    """With the first ids in the order of the items, and how many a retry has."""
    vendor = Vendor()

    def answer(items: Sequence[WireItem]) -> Report:
        return Report(
            items=[
                ItemReport(id=i.id, state=FAILED, code=503, message=f"try {i.id[1:]} later")
                if int(i.id[1:]) % 2
                else ItemReport(id=i.id, state=ItemState.SUCCEEDED, code=200)
                for i in items
            ]
        )

    vendor.default_report = answer
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(20))
        assert await job.failures() == []
        await job.wait()
        expected = FailureGroup(
            state=FAILED,
            code=503,
            message="try … later",
            count=10,
            ids=("i1", "i3", "i5", "i7", "i9"),
        )
        assert await job.failures() == [expected]
        await job.retry()
        (group,) = await job.failures()
        assert (group.retried, group.open) == (10, 0)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Open a store in memory."""
    opened = await Store.open(None)
    yield opened
    await opened.aclose()


@pytest.mark.parametrize("page", [1, 2, 3, 5000])
async def test_pages_make_no_difference(
    store: Store, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many results are read at once, the groups are the same."""
    monkeypatch.setattr(failure_groups, "PAGE", page)
    states = (FAILED, ItemState.SUCCEEDED, FAILED, UNKNOWN, FAILED, NOT_EXECUTED)
    await add_job(store, len(states))
    await end_all(store, "job-1", *states)
    found = await store.results.failures("job-1")
    assert [(g.state, g.count, g.ids) for g in found] == [
        (FAILED, 3, ("i1", "i3", "i5")),
        (UNKNOWN, 1, ("i4",)),
        (NOT_EXECUTED, 1, ("i6",)),
    ]


async def test_a_job_that_is_gone_is_not_known(tmp_path: Path) -> None:
    """A handle outlives its job."""
    async with BatchHub(tmp_path / "jobs.db") as hub:
        with pytest.raises(NotKnownError):
            await hub._opened.store.results.failures("nope")  # type: ignore[union-attr]

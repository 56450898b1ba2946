"""Planning: what a submit would do is told without a store, a network or a vendor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor

from batchhub import BatchHub
from batchhub.adapter import Capabilities
from batchhub.errors import InputError, KeyConflictError, NotKnownError, UnsupportedError


def make_hub(vendor: Vendor | None = None, store: Path | None = None) -> BatchHub:
    """Make a hub with the account ``shop``, not opened."""
    return BatchHub(store, {"shop": ScriptedAccount(vendor=vendor or Vendor())})


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return [file.name for file in folder.iterdir()]


async def test_a_plan_tells_requests_and_bytes_of_the_submit(tmp_path: Path) -> None:
    """The same items are cut into the same tickets; no store is made and nothing is sent."""
    vendor = Vendor()
    items = numbered(7)

    plan = await make_hub(vendor, tmp_path / "jobs.db").plan("shop", items)

    assert (plan.account, plan.adapter, plan.operation) == ("shop", "scripted", "work")
    assert (plan.items, plan.tickets, plan.refused) == (7, 3, 0)
    assert vendor.submissions == []
    assert names_in(tmp_path) == []


async def test_the_bytes_are_those_of_the_bodies() -> None:
    """Items, brackets and commas are counted, whatever the number of tickets."""
    one = await make_hub().plan("shop", numbered(1))
    two = await make_hub().plan("shop", numbered(2))
    four = await make_hub().plan("shop", numbered(4))

    item = two.bytes - one.bytes - 1
    assert one.bytes == item + 2
    assert four.bytes == 4 * item + (3 + 1) + (1 + 1)


async def test_every_refused_item_is_told_at_its_turn() -> None:
    """A refused item ends nothing, and is told before the next one is taken."""
    taken: list[int] = []
    told: list[tuple[str | None, int]] = []

    def items() -> Any:
        for n, item in enumerate([{"id": "a"}, {"id": "a"}, {"id": 7}, {"id": "b"}], start=1):
            taken.append(n)
            yield item

    def refused(error: InputError) -> None:
        told.append((error.item_id, taken[-1]))
        assert error.position == taken[-1]

    plan = await make_hub().plan("shop", items(), on_refused=refused)

    assert told == [("a", 2), (None, 3)]
    assert (plan.items, plan.refused) == (2, 2)


async def test_the_least_time_is_that_of_the_budget() -> None:
    """Two requests a ticket, those beyond the burst at the budget's rate."""
    vendor = Vendor(capabilities=Capabilities(max_items=1))
    hub = make_hub(vendor)
    budget = ScriptedAccount(vendor=vendor).budget

    few = await hub.plan("shop", numbered(1))
    many = await hub.plan("shop", numbered(100))

    assert few.least_s == max(0, 2 - budget.burst) * budget.per_s / budget.requests
    waiting = 2 * 100 - budget.burst
    assert many.least_s == pytest.approx(waiting * budget.per_s / budget.requests)


async def test_what_a_submit_refuses_a_plan_refuses() -> None:
    """An unknown account or operation, an ability the vendor lacks, an option it does not know."""
    hub = make_hub()

    with pytest.raises(NotKnownError, match="no account"):
        await hub.plan("shpo", [])
    with pytest.raises(NotKnownError, match="no operation"):
        await hub.plan("shop", [], operation="wrok")
    with pytest.raises(UnsupportedError, match="first failure"):
        await hub.plan("shop", [], stop_on_first_failure=True)
    with pytest.raises(InputError, match="takes no option"):
        await hub.plan("shop", [], options={"x": "1"})


async def test_a_plan_has_the_first_item_that_would_be_sent() -> None:
    """As it would be sent, whatever is refused before it; not in the plan's own words."""
    items = [{"id": 7}, {"n": 1}, {"n": 2}]

    plan = await make_hub().plan("shop", items)

    assert plan.sample == b'{"n":1}'
    assert "sample" not in repr(plan)
    assert (await make_hub().plan("shop", [])).sample is None


async def test_a_plan_tells_the_job_its_key_has(tmp_path: Path) -> None:
    """The same again would be joined, other items are refused; the store is as it was."""
    path = tmp_path / "jobs.db"
    async with make_hub(store=path) as hub:
        job = await hub.submit("shop", numbered(3), key="monday")
        assert (await hub.plan("shop", numbered(3), key="monday")).joins == job.id

    hub = make_hub(store=path)
    try:
        assert (await hub.plan("shop", numbered(3), key="monday")).joins == job.id
        assert (await hub.plan("shop", numbered(3), key="tuesday")).joins is None
        assert (await hub.plan("shop", [{"id": 7}], key="monday")).joins is None
        with pytest.raises(KeyConflictError, match="belongs to job") as caught:
            await hub.plan("shop", numbered(2), key="monday")
        assert caught.value.job_id == job.id
        assert [found.id for found in await hub.jobs()] == [job.id]
    finally:
        await hub.aclose()


async def test_a_key_makes_no_store(tmp_path: Path) -> None:
    """Where there is none nobody has the key."""
    hub = make_hub(store=tmp_path / "jobs.db")

    assert (await hub.plan("shop", numbered(1), key="monday")).joins is None
    assert (await make_hub().plan("shop", numbered(1), key="monday")).joins is None
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("error", [None, RuntimeError("it was not open")])
async def test_a_plan_closes_its_adapter(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """Also if there is no plan; that the adapter can't be closed hides neither."""
    closed: list[ScriptedAdapter] = []

    async def close(adapter: ScriptedAdapter) -> None:
        closed.append(adapter)
        if error is not None:
            raise error

    monkeypatch.setattr(ScriptedAdapter, "aclose", close)
    assert (await make_hub().plan("shop", numbered(1))).items == 1
    with pytest.raises(NotKnownError):
        await make_hub().plan("shop", numbered(1), operation="nonsense")
    assert len(closed) == 2

"""Accounts that bring their adapter: no entry point names it, and no other takes its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen
from support.hubs import results_of
from support.patience import PATIENCE_S
from support.plugins import ADAPTER, write_plugin

from batchhub import BatchHub, sync
from batchhub._settings.registry import Registry
from batchhub.adapter import (
    Accepted,
    Account,
    Adapter,
    Budget,
    Capabilities,
    Report,
    Steps,
    Submission,
)
from batchhub.errors import AdapterError
from batchhub.models import ItemState
from batchhub.testing import FakeClock
from batchhub_ecwid import EcwidAccount

PLUGIN = ADAPTER + "\nPluginAccount.adapter_type = PluginAdapter\n"


def make_adapter(name: str) -> Any:
    """Make an adapter that takes all items at once and asks nobody, with accounts of its own."""

    @frozen(kw_only=True)
    class OwnAccount(Account):
        adapter = name
        base_url: str = "https://api.own.example"
        identity = "one"
        budget = Budget(requests=600, per_s=60.0)

    class OwnAdapter(Adapter[OwnAccount]):
        account_type = OwnAccount
        operations: ClassVar = {"work": Capabilities(max_items=10)}

        async def submit(self, submission: Submission, steps: Steps) -> Accepted:
            return Accepted(report=Report(items=(), rest=ItemState.SUCCEEDED))

    OwnAccount.adapter_type = OwnAdapter
    return OwnAdapter


async def test_a_hub_uses_the_adapter_that_an_account_brings() -> None:
    """It is not installed and not handed over; the account is all the hub gets."""
    adapter, clock = make_adapter("own"), FakeClock()

    hub = BatchHub(":memory:", {"a": adapter.account_type()}, clock=clock)
    async with clock.running(), hub:
        plan = await hub.plan("a", [{"n": 1}])
        job = await hub.submit("a", [{"n": 1}, {"n": 2}])
        await job.wait()

        assert (plan.adapter, job.status.adapter) == ("own", "own")
        assert [r.state for r in await results_of(job)] == [ItemState.SUCCEEDED] * 2
        (info,) = [each for each in hub.adapters() if each.name == "own"]
        assert (info.adapter, info.error) == (adapter, None)


def test_the_hub_for_threads_does_so_too() -> None:
    """`batchhub.sync` takes the same accounts."""
    account = make_adapter("own").account_type()

    with sync.BatchHub(":memory:", {"a": account}) as hub:
        job = hub.submit("a", [{"n": 1}])
        assert job.wait(timeout_s=PATIENCE_S).counts.succeeded == 1


async def test_it_can_not_take_the_name_of_an_installed_one() -> None:
    """The account is refused, with what to do; that of the installed adapter goes on."""
    accounts = {
        "bad": make_adapter("ecwid").account_type(),
        "good": EcwidAccount(store_id=1003, token="secret_abcdefgh"),
    }

    async with BatchHub(":memory:", accounts) as hub:
        with pytest.raises(AdapterError, match="an adapter of this name; it needs a name of its"):
            await hub.submit("bad", [{"n": 1}])
        good = await hub.plan("good", [{"method": "GET", "path": "/products/1"}])
        infos = [each for each in hub.adapters() if each.name == "ecwid"]

    assert good.adapter == "ecwid"
    assert [info.error is None for info in infos] == [True, False]


async def test_two_of_one_name_are_both_refused() -> None:
    """Their jobs could not be told apart."""
    accounts = {name: make_adapter("own").account_type() for name in "ab"}

    async with BatchHub(":memory:", accounts) as hub:
        for name in accounts:
            with pytest.raises(AdapterError, match="is another adapter of this name"):
                await hub.submit(name, [{"n": 1}])


async def test_an_adapter_that_is_handed_over_comes_before_it() -> None:
    """So a test can put one in the place of any other."""
    adapter = make_adapter("own")
    other = type("OtherAdapter", (adapter,), {"operations": {"other": Capabilities(max_items=1)}})

    async with BatchHub(":memory:", {"a": adapter.account_type()}, adapters=[other]) as hub:
        assert (await hub.plan("a", [{"n": 1}])).operation == "other"


async def test_one_that_is_installed_as_well_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry point may name the very class that an account brings."""
    monkeypatch.syspath_prepend(tmp_path)
    write_plugin(tmp_path, "own", PLUGIN)
    adapter = Registry().get("own")
    account: Any = adapter.account_type

    async with BatchHub(":memory:", {"a": account()}) as hub:
        assert (await hub.plan("a", [{"n": 1}])).adapter == "own"
        infos = [each for each in hub.adapters() if each.name == "own"]

    assert [(each.adapter, each.error) for each in infos] == [(adapter, None)]


async def test_what_breaks_a_rule_is_refused_where_it_is_used() -> None:
    """The rules are those of an adapter that is installed."""
    adapter = make_adapter("own")
    adapter.operations = {}

    async with BatchHub(":memory:", {"a": adapter.account_type()}) as hub:
        with pytest.raises(AdapterError, match="it has no operations"):
            await hub.submit("a", [{"n": 1}])

"""A secret that a plug-in gives away shows nowhere."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from support.broken import SECRET
from support.hubs import numbered, results_of, scripted_world
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor

from batchhub.adapter import ItemReport, Observation, Report
from batchhub.errors import BatchHubError, InputError
from batchhub.models import Finding, ItemState
from batchhub.testing import capture_events


@pytest.mark.parametrize(
    "place", ["exception", "refusal", "vendor", "finding", "message", "body", "name", "ref"]
)
async def test_a_secret_is_nowhere(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Whatever an adapter puts the account's token into."""
    monkeypatch.setattr(ScriptedAccount, "secrets", property(lambda self: (SECRET,)))
    quote = f"token {SECRET} is odd"
    answers: dict[str, Any] = {
        "exception": KeyError(quote),
        "refusal": BatchHubError(quote),
        "vendor": Observation(words=("Running",), vendor={"echo": quote}),
        "finding": Observation(findings=(Finding(code=SECRET, message=quote, examples=(quote,)),)),
        "message": Observation(words=("Broken",), message=quote),
    }
    entries: dict[str, Any] = {
        "body": ItemReport(id="i1", state=ItemState.FAILED, raw=f'"{quote}"'.encode()),
        "name": ItemReport(id=quote, state=ItemState.FAILED),
        "ref": ItemReport(id="i1", state=ItemState.FAILED, vendor_ref=quote),
    }
    vendor = Vendor(polls=deque([answers[place]] if place in answers else ()))
    if place in entries:
        report = Report(items=[entries[place]])
        vendor.default_report = lambda items: report
    with capture_events() as events:
        async with scripted_world(vendor) as world:
            job = await world.hub.submit("shop", numbered(2))
            status = await job.wait()
            results = await results_of(job)
            bodies = [result.body for result in results]
            shown = repr((status, status.tickets, status.findings, results, bodies))
    assert SECRET not in shown
    assert SECRET not in repr([event.facts for event in events])


@pytest.mark.parametrize("place", ["item", "id", "option"])
async def test_what_would_put_a_secret_into_the_store_is_refused(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Before anything is stored; the error does not show it either."""
    monkeypatch.setattr(ScriptedAccount, "secrets", property(lambda self: (SECRET,)))
    if place == "item":
        wire = f'"{SECRET}"'.encode()
        monkeypatch.setattr(ScriptedAdapter, "encode", lambda *_: wire)
    elif place == "id":
        monkeypatch.setattr(ScriptedAdapter, "item_id", lambda *_: SECRET)
    else:
        monkeypatch.setattr(ScriptedAdapter, "check_options", lambda *_: {"echo": [SECRET]})
    async with scripted_world() as world:
        with pytest.raises(InputError, match="holds a secret of the account, which would be") as e:
            await world.hub.submit("shop", [{"n": 1}])
        if place == "id":
            with pytest.raises(InputError, match=r"\(id '\*\*\*'\): it says that it is bad") as e:
                await world.hub.submit("shop", [{"bad": 1}])
        assert not await world.hub.jobs()
    assert SECRET not in repr(e.value.args) + repr(vars(e.value))

"""The hub for callers that are not async: the same as the async one."""

from __future__ import annotations

import inspect
import re
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered
from support.sync_hubs import make_hub
from support.vendor import ScriptedAccount, Vendor, capable, report_states

import batchhub
from batchhub import BatchState, ItemState, Outcome, sync
from batchhub._sync.bridge import CHUNK
from batchhub.adapter import Observation
from batchhub.errors import InputError, NotKnownError, UsageError, WaitTimeoutError

RUNNING = Observation(words=("Running",))


# Alike.


def alike(text: object) -> str:
    """Write an annotation of the async hub as the sync one has it."""
    text = re.sub(r"\bAsync(Iterator|Generator)\b", "Iterator", str(text))
    return text.replace("_hub.", "")


def signature(member: Any) -> list[tuple[str, str, object, str]]:
    """Return a method's or property's parameters and what it returns."""
    function: Any = member.fget if isinstance(member, property) else member
    found = inspect.signature(function)
    return [
        *((p.name, str(p.kind), p.default, alike(p.annotation)) for p in found.parameters.values()),
        ("return", "", None, alike(found.return_annotation)),
    ]


def members(kind: type) -> dict[str, Any]:
    """Return the public members of a class, and how it is made."""
    found = {
        name: member
        for name, member in inspect.getmembers(kind)
        if not name.startswith("_") or name in {"_repr_html_", "__rich__"}
    }
    if kind.__name__ == "BatchHub":
        found["__init__"] = inspect.getattr_static(kind, "__init__")
        found["close"] = found.pop("aclose", None) or found["close"]
    return found


@pytest.mark.parametrize("name", ["BatchHub", "BatchJob", "BatchEvent"])
def test_both_kinds_are_alike(name: str) -> None:
    """The sync classes have the methods, parameters and defaults of the async ones, no other."""
    wanted, there = members(getattr(batchhub, name)), members(getattr(sync, name))

    assert there.keys() == wanted.keys()
    for key, member in wanted.items():
        if inspect.ismemberdescriptor(member):  # a field
            continue
        assert isinstance(there[key], property) == isinstance(member, property), key
        assert signature(there[key]) == signature(member), key
        assert key == "__init__" or there[key].__doc__, key
        if inspect.isfunction(member) and key != "close" and not key.startswith("_"):
            assert inspect.cleandoc(member.__doc__ or "") in there[key].__doc__, key


def test_a_job_goes_its_whole_way(store: Path) -> None:
    """Submit, watch, wait, results and retry, from a plain thread."""
    vendor = Vendor(default_report=report_states(i4=ItemState.FAILED))
    with make_hub(store, vendor) as hub:
        job = hub.submit("shop", numbered(7), label="prices", key="k")
        states = [status.state for status in job.watch()]
        status = job.wait(timeout_s=600)
        results = list(job.results())
        failed = list(job.results(only="failed"))
        vendor.default_report = report_states()
        again = job.retry()
        assert again.wait().outcome is Outcome.SUCCEEDED
        assert [j.id for j in hub.jobs(state="completed")] == [job.id, again.id]
        assert hub.job(job.id).refresh() == status == job.status
        assert hub.resume() == []
        assert job.is_ours
        assert any(info.name == "scripted" for info in hub.adapters())
    assert states[-1] is BatchState.COMPLETED
    assert (status.outcome, status.label, status.counts.failed) == (Outcome.PARTIAL, "prices", 1)
    assert [r.id for r in results] == [f"i{n}" for n in range(1, 8)]
    assert [r.id for r in failed] == ["i4"]
    assert repr(job).startswith(f"<BatchJob {job.id}: completed, partial; 6 succeeded, 1 failed")


def test_what_a_name_finds_and_a_chain_of_retries_says(store: Path) -> None:
    """Names, reasons, both ends of a retry and the last words, from a plain thread."""
    vendor = Vendor(default_report=report_states(i4=ItemState.FAILED))
    with make_hub(store, vendor) as hub:
        job = hub.submit("shop", numbered(5), label="Prices", key="k")
        job.wait(timeout_s=600)
        assert hub.find_job("k").id == hub.find_job("latest").id == job.id
        assert [each.id for each in hub.jobs(label="price")] == [job.id]
        assert [(group.count, group.ids, group.open) for group in job.failures()] == [
            (1, ("i4",), 1)
        ]
        with pytest.raises(UsageError, match="with code 404"):
            job.retry(code=404)
        vendor.default_report = report_states()
        again = job.retry(but_code=400)
        again.wait(timeout_s=600)
        assert [each.id for each in job.find_retries()] == [again.id]
        original = again.find_original()
        assert original is not None
        assert original.id == job.id
        assert job.find_original() is None
        words = list(job.results(with_retries=True))
        assert [each.id for each in words] == [f"i{n}" for n in range(1, 6)]
        assert {each.state for each in words} == {ItemState.SUCCEEDED}


def test_results_are_had_in_many_turns(store: Path) -> None:
    """More results than are handed over at once come in order, each once."""
    vendor = capable(Vendor(), max_items=2 * CHUNK)
    with make_hub(store, vendor) as hub:
        job = hub.submit("shop", ({"n": n} for n in range(2 * CHUNK)))
        assert job.status.counts.total == 2 * CHUNK
        assert job.wait().outcome is Outcome.SUCCEEDED
        assert [r.id for r in job.results()] == [str(n + 1) for n in range(2 * CHUNK)]


async def test_it_works_where_a_loop_is_running(store: Path) -> None:
    """In a notebook the caller's thread has a loop of its own; that is no hindrance."""
    with make_hub(store) as hub:
        assert hub.submit("shop", numbered(2)).wait().outcome is Outcome.SUCCEEDED


def test_errors_are_those_of_the_async_hub(store: Path) -> None:
    """The same classes with the same attributes come out of the sync calls."""
    vendor = Vendor(polls=deque([RUNNING] * 1000))
    with make_hub(store, vendor) as hub:
        job = hub.submit("shop", numbered(1))
        with pytest.raises(WaitTimeoutError, match="it goes on") as caught:
            job.wait(timeout_s=5)
        assert caught.value.job_id == job.id
        with pytest.raises(NotKnownError, match="no account named 'shpo'"):
            hub.submit("shpo", numbered(1))
        with pytest.raises(NotKnownError, match="no job"):
            hub.job("nowhere")
        with pytest.raises(ValueError, match="nonsense"):
            job.results(only="nonsense")
        with pytest.raises(InputError, match="items are an iterable of mappings, not int"):
            hub.submit("shop", 7)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="not dict"):
            hub.submit("shop", {"n": 1})  # type: ignore[dict-item]
        assert len(hub.jobs()) == 1


def test_a_store_in_memory_warns() -> None:
    """Nothing survives the process: that is said once, as by the async hub."""
    hub = sync.BatchHub(accounts={"shop": ScriptedAccount()})
    with pytest.warns(UserWarning, match="memory"):
        hub.jobs()
    hub.close()


# Items.


def test_items_are_taken_in_the_callers_thread(store: Path) -> None:
    """A generator runs where the caller is, and no further ahead than one turn."""
    threads: set[threading.Thread] = set()
    taken = 0

    def items() -> Iterator[dict[str, object]]:
        nonlocal taken
        while True:
            threads.add(threading.current_thread())
            taken += 1
            yield {"bad": 1} if taken == CHUNK + 2 else {"n": taken}

    with make_hub(store) as hub:
        with pytest.raises(InputError, match=f"item {CHUNK + 2}"):
            hub.submit("shop", items())
        assert hub.jobs() == []
    assert threads == {threading.current_thread()}
    assert taken == 2 * CHUNK


@pytest.mark.parametrize("after", [0, 3, CHUNK])
@pytest.mark.parametrize("kind", [RuntimeError, TimeoutError, KeyboardInterrupt])
def test_what_the_items_raise_comes_out(store: Path, kind: type[BaseException], after: int) -> None:
    """The error of a generator is raised as itself; nothing is kept and the hub goes on."""
    error = kind("the cursor is gone")

    def items() -> Iterator[dict[str, object]]:
        yield from numbered(after)
        raise error

    with make_hub(store) as hub:
        with pytest.raises(kind) as caught:
            hub.submit("shop", items())
        assert caught.value is error
        assert hub.jobs() == []
        assert hub.submit("shop", numbered(1)).wait().outcome is Outcome.SUCCEEDED


def test_items_that_come_from_the_same_hub(store: Path) -> None:
    """A generator of items may use the hub it is for."""
    with make_hub(store) as hub:
        first = hub.submit("shop", numbered(4))
        first.wait()
        second = hub.submit("shop", ({"n": result.id} for result in first.results()))
        assert second.wait().counts.succeeded == 4


def test_an_async_iterable_is_read_in_the_hubs_thread(store: Path) -> None:
    """It is taken as it is; in it the sync hub is refused rather than waited for for ever."""
    said: list[str] = []

    async def items() -> AsyncIterator[dict[str, object]]:
        for call in (hub.jobs, hub.close):
            with pytest.raises(UsageError) as caught:
                call()
            said.append(str(caught.value))
        yield {"n": 1}

    with make_hub(store) as hub:
        assert hub.submit("shop", items()).wait().outcome is Outcome.SUCCEEDED
    assert all("hub's own thread" in text for text in said)
    assert len(said) == 2


def test_refused_items_are_told_in_the_callers_thread(store: Path) -> None:
    """A plan tells of them in order, and what the listener raises comes out."""
    told: list[tuple[int | None, threading.Thread]] = []

    def listen(error: InputError) -> None:
        told.append((error.position, threading.current_thread()))

    def fail(error: InputError) -> None:
        raise LookupError(error.position)

    items = [{"n": 1}, {"bad": 1}, {"n": 2}, {"bad": 2}]
    hub = make_hub(store)
    plan = hub.plan("shop", items, on_refused=listen)
    with pytest.raises(LookupError, match="2"):
        hub.plan("shop", items, on_refused=fail)
    hub.close()
    assert (plan.items, plan.refused) == (2, 2)
    assert told == [(2, threading.current_thread()), (4, threading.current_thread())]
    assert not store.exists()


# Events.


def test_an_event_is_acknowledged_by_the_next_one_or_by_itself(store: Path) -> None:
    """A loop that is left, or whose handler raises, gets its event again; each consumer its own."""
    with make_hub(store) as hub:
        first, second = (hub.submit("shop", numbered(1)) for _ in range(2))
        assert {first.wait().outcome, second.wait().outcome} == {Outcome.SUCCEEDED}

        event = take_and_break(hub)
        assert (event.job_id, event.consumer, event.is_repeated) == (first.id, "default", False)
        assert event.job_id in repr(event)
        with pytest.raises(ValueError, match="mine"):
            fail_to_handle(hub)
        again = next(hub.events(follow=False))
        assert (again.job_id, again.is_repeated) == (first.id, True)
        event.acknowledge()
        event.acknowledge()
        assert [event.job_id for event in hub.events(follow=False)] == [second.id]

        assert [event.job_id for event in hub.events(consumer="alerts", follow=False)] == [
            first.id,
            second.id,
        ]
        with pytest.raises(UsageError, match="consumer must be"):
            hub.events(consumer="a b")


def take_and_break(hub: sync.BatchHub) -> sync.BatchEvent:
    """Leave the loop at its first event."""
    for event in hub.events():
        return event
    raise AssertionError("a loop that follows has no end")


def fail_to_handle(hub: sync.BatchHub) -> None:
    """Handle events by what raises."""
    for _ in hub.events(follow=False):
        raise ValueError("mine")


def test_an_event_is_put_off_or_given_up(store: Path) -> None:
    """The loop goes on with the others."""
    with make_hub(store) as hub:
        first, second = (hub.submit("shop", numbered(1)) for _ in range(2))
        for job in (first, second):
            job.wait()
        for event in hub.events(follow=False):
            if event.job_id == first.id:
                event.postpone(0.0)
                break
        for event in hub.events(follow=False):
            assert event.is_repeated is (event.tries == 1) is (event.job_id == first.id)
            event.give_up()

        assert list(hub.events(follow=False)) == []


def test_the_events_of_a_hub_that_is_closed_come_again(store: Path) -> None:
    """To the next hub; the event that is left can't be acknowledged any more."""
    with make_hub(store) as hub:
        job = hub.submit("shop", numbered(1))
        job.wait()
        events = hub.events()
        event = next(events)
    with pytest.raises(UsageError, match="closed"):
        event.acknowledge()

    with make_hub(store) as hub:
        assert [(e.job_id, e.is_repeated) for e in hub.events(follow=False)] == [(job.id, True)]

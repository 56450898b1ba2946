"""Each condition of the alerts fires and recovers, and is told once."""

from __future__ import annotations

from collections import deque
from typing import Any

from support.alerting import Receiver, alerting, is_signed, receiving, settings_for
from support.hubs import World, numbered, scripted_world
from support.vendor import Vendor, capable

from batchhub.adapter import Observation
from batchhub.errors import NoAnswerError

RUNNING = Observation(words=("Running",))
TURN_S = 6.0
LOOK_S = 36.0


def running(**changes: Any) -> Vendor:
    """Make a vendor whose batches do not end."""
    vendor = capable(Vendor(), **changes)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    return vendor


async def told(receiver: Receiver, world: World, number: int) -> list[tuple[str, str, str]]:
    """Return what a receiver was told, once it was as much as this, or half an hour has passed."""
    for _ in range(180):
        if len(receiver.told) >= number:
            break
        await world.clock.sleep(10.0)
    return receiver.told


async def test_a_held_job_is_told_at_once_and_when_somebody_has_decided() -> None:
    """With what it is, where, since when, and what to do; signed, and once each."""
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with receiving() as receiver, scripted_world(vendor) as world:
        async with alerting(world.hub, settings_for(receiver.channel())):
            job = await world.hub.submit("shop", numbered(2))
            assert (await job.wait()).is_held
            assert await told(receiver, world, 1) == [("firing", "held", "shop")]
            await job.adopt("found")
            await job.wait()
            assert (await told(receiver, world, 2))[1:] == [("recovered", "held", "shop")]
            await world.clock.sleep(500.0)
        first, second = receiver.messages
    assert all(map(is_signed, receiver.headers, receiver.data))
    assert first["changes"][0]["jobs"] == [job.id]
    assert "nobody can tell whether the vendor has 1 ticket of it" in first["text"]
    assert f"what to do: batchhub status {job.id} --config /etc/batchhub.toml" in first["text"]
    assert first["title"] == "batchhub: 1 problem (shop: a job is held)"
    assert "RECOVERED: a job is held\n- shop: over; it had lasted" in second["text"]
    assert "All is well again" in second["text"]
    assert receiver.headers[0]["Batchhub-Message"] == first["id"]

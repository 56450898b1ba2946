"""Rules for polls that watch what they are asked, and vendors to ask them about."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from batchhub.adapter import Capabilities, Observation
from batchhub.polling import Poll
from support.hubs import World, numbered
from support.vendor import Vendor

RUNNING = Observation(words=("Running",))
DONE = Observation(words=("Done",))
FAR = 1e9


class Notes:
    """A rule that asks every so many seconds and writes down what it is asked and told."""

    def __init__(self, every_s: float = 10.0) -> None:
        self.every_s = every_s
        self.asked: list[tuple[int, float, float, float | None, float | None]] = []
        self.ends: list[tuple[float, float]] = []
        self.lefts = 0

    def next_delay_s(self, poll: Poll) -> float:
        """Take down what is to be seen of the ticket."""
        age_s, last_s = round(poll.age_s, 3), round(poll.last_age_s, 3)
        self.asked.append((poll.polls, last_s, age_s, poll.done, poll.total))
        return self.every_s

    def ended(self, poll: Poll) -> None:
        """Take down when."""
        self.ends.append((round(poll.last_age_s, 3), round(poll.age_s, 3)))

    def left(self, poll: Poll) -> None:
        """Count."""
        del poll
        self.lefts += 1


class Returns:
    """A rule that returns, or does, whatever it was made with."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def next_delay_s(self, poll: Poll) -> float:
        """Return it, or what it returns."""
        found: float = self.found(poll) if callable(self.found) else self.found
        return found


def quiet(**changes: Any) -> Vendor:
    """Make a vendor with a ticket for each item, that never stalls and is never overdue."""
    usual: dict[str, Any] = {
        "poll_s": 20.0,
        "min_poll_s": 1.0,
        "stall_s": FAR,
        "deadline_s": lambda *_: FAR,
    }
    return Vendor(capabilities=Capabilities(max_items=1, tickets_per_job=100, **usual | changes))


async def gaps_of(
    world: World, answers: Callable[[], Any], for_s: float, tickets: int = 1
) -> list[float]:
    """Submit a job and return the seconds between the requests that ask about it."""
    asked_s: list[float] = []

    def answer(_: object) -> list[Observation]:
        asked_s.append(world.clock.monotonic())
        found = answers()
        if isinstance(found, Exception):
            raise found
        return [found]

    world.vendor.answer_poll = answer
    await world.hub.submit("shop", numbered(tickets))
    await world.clock.sleep(for_s)
    return [later - earlier for earlier, later in pairwise(asked_s)]

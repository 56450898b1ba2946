"""When others ask, as their installed source has it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from attrs import field, frozen

from batchhub.polling import Fixed, Poll, PollRule


@frozen
class Uniform:
    """google-api-core: at random, within a bound that grows by half each time, up to 20 s."""

    _rng: random.Random = field(factory=lambda: random.Random(1))

    def next_delay_s(self, poll: Poll) -> float:
        """Return the delay."""
        return self._rng.uniform(0, 20.0 if poll.polls > 20 else min(1.5**poll.polls, 20.0))


@frozen
class Doubling:
    """tenacity's wait_random_exponential and the like: doubling without a bound, and up to 1 s."""

    _rng: random.Random = field(factory=lambda: random.Random(1))

    def next_delay_s(self, poll: Poll) -> float:
        """Return the delay."""
        return float(2 ** min(poll.polls, 30)) + self._rng.random()


PEERS: Final[dict[str, Callable[[], PollRule]]] = {
    "openai, 1 s": lambda: Fixed(1),
    "airbyte, 5 s": lambda: Fixed(5),
    "botocore, 15 s": lambda: Fixed(15),
    "azure, 30 s": lambda: Fixed(30),
    "google, up to 20 s": Uniform,
    "tenacity, doubling": Doubling,
}

"""A message that tries a channel: sent at once, by whoever asks, and kept nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from batchhub._base.clock import Clock, SystemClock

from .channel_settings import Channel
from .channels.courier import Courier
from .channels.posting import Problem
from .messages import Source, make_trial


async def try_channels(
    channels: Sequence[Channel], source: Source, clock: Clock | None = None
) -> list[Problem | None]:
    """
    Send a test message to channels, to all at once.

    Args:
        channels: The channels.
        source: Where the message comes from.
        clock: Where time comes from.

    Returns:
        What went wrong with each, in their order; `None` for one that took it.
    """
    clock = clock or SystemClock()
    courier = Courier(clock, source.address or source.store)
    try:
        return await asyncio.gather(
            *(
                courier.send(each, make_trial(each.name, source, clock.now()), is_repeated=False)
                for each in channels
            )
        )
    finally:
        await courier.aclose()

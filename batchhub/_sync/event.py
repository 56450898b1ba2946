"""The event of a job that has ended, for plain threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from batchhub import models
from batchhub.models import BatchStatus
from batchhub.models.plain import Plain

from .bridge import Bridge
from .iterators import iterate
from .like import like


class BatchEvent(Plain):
    """
    A job has ended, as `batchhub.BatchEvent`; made by the hub.

    Its consumer gets it again, marked as repeated, until it is acknowledged: by the loop that asks
    for the next event, or by `acknowledge`.
    """

    def __init__(self, bridge: Bridge, event: models.BatchEvent) -> None:
        self._bridge = bridge
        self._event = event

    def __repr__(self) -> str:
        """Return its facts in one line."""
        return repr(self._event)

    @property
    def status(self) -> BatchStatus:
        """Its final status."""
        return self._event.status

    @property
    def consumer(self) -> str:
        """Whom it is for."""
        return self._event.consumer

    @property
    def is_repeated(self) -> bool:
        """True if it was handed out before and not acknowledged; it may have been handled."""
        return self._event.is_repeated

    @property
    def tries(self) -> int:
        """How often it was postponed."""
        return self._event.tries

    @property
    def job_id(self) -> str:
        """The job's id. Each job has one event for each consumer."""
        return self._event.job_id

    @like(models.BatchEvent.to_dict)
    def to_dict(self) -> dict[str, Any]:
        """Return its facts as plain values, as `batchhub.BatchEvent.to_dict` does."""
        return self._event.to_dict()

    @classmethod
    def _plain_types(cls) -> Mapping[str, Any]:
        return models.BatchEvent._plain_types()  # noqa: SLF001  # the same facts

    @like(models.BatchEvent.acknowledge)
    def acknowledge(self) -> None:
        """Store that the event was handled, as `batchhub.BatchEvent.acknowledge` does."""
        self._bridge.call(self._event.acknowledge)

    @like(models.BatchEvent.postpone)
    def postpone(self, delay_s: float) -> None:
        """Give the event back for later, as `batchhub.BatchEvent.postpone` does."""
        self._bridge.call(self._event.postpone, delay_s)

    @like(models.BatchEvent.give_up)
    def give_up(self) -> None:
        """Store that the event can't be handled, as `batchhub.BatchEvent.give_up` does."""
        self._bridge.call(self._event.give_up)


def read_events(bridge: Bridge, source: AsyncIterator[models.BatchEvent]) -> Iterator[BatchEvent]:
    """Iterate over the events of a hub, without keeping it open."""
    for event in iterate(bridge, source, 1):
        yield BatchEvent(bridge, event)

"""What runs beside the driving: kept running, whatever becomes of it, and never in its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from batchhub._alerts.alerts import Alerts
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._metrics import MetricsServer
from batchhub.errors import BatchHubError
from batchhub.hub import BatchHub

from .settings_source import Reading

_SHORTEST_S: Final = 1.0
_LONGEST_S: Final = 60.0
_GOOD_S: Final = 60.0
"""Seconds after which a service that ran is taken to be well."""

_log = get_logger()


class Service(Protocol):
    """Something that runs beside the driving."""

    @property
    def name(self) -> str:
        """What to call it in the log."""
        ...

    async def start(self) -> None:
        """
        Begin, as far as whoever starts the worker is to hear what is wrong.

        Raises:
            BatchHubError: It can't begin; then the worker does not.
        """
        ...

    async def run(self) -> None:
        """Run until cancelled; an end by itself is a failure, as an exception is."""
        ...

    def reload(self, reading: Reading) -> None:
        """Take the settings that were read again; they have been checked."""
        ...


class AlertsService:
    """
    Tells people what is wrong, as the settings want it.

    Attributes:
        name: What to call it in the log.

    Args:
        hub: Whose store it looks at.
        reading: The settings.
    """

    name: Final = "alerts"

    def __init__(self, hub: BatchHub, reading: Reading) -> None:
        self._alerts = Alerts(hub, reading.alerts)

    async def start(self) -> None:
        """Nothing to do: what is wrong with its settings is said when they are read."""

    async def run(self) -> None:
        """Look and tell until cancelled."""
        await self._alerts.run()

    def reload(self, reading: Reading) -> None:
        """Go by other settings from now on."""
        self._alerts.reload(reading.alerts)


class MetricsService:
    """
    Listens for those who watch the worker.

    Attributes:
        name: What to call it in the log.

    Args:
        listen: Where it listens, as `MetricsServer` takes it.
        hub: Whose figures it shows.
        tell: Returns what is known of the worker.

    Raises:
        UsageError: `listen` is no address.
    """

    name: Final = "metrics"

    def __init__(self, listen: str, hub: BatchHub, tell: Callable[[], Mapping[str, Any]]) -> None:
        self._server = MetricsServer(listen, hub, tell=tell)

    @property
    def address(self) -> str:
        """Where it listens; with its real port once it does."""
        return self._server.address

    async def start(self) -> None:
        """
        Begin to listen.

        Raises:
            UsageError: The address is taken, or the package for it is not installed.
        """
        await self._server.start()

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._server.run()

    def reload(self, reading: Reading) -> None:
        """Nothing to do: what it shows is what the hub has."""


async def keep_running(service: Service, clock: Clock) -> None:
    """
    Run a service until cancelled; one that ends is started again after 1, 2, 4 … 60 seconds.

    Args:
        service: The service.
        clock: Where time comes from.
    """
    delay_s = _SHORTEST_S
    while True:
        began_s = clock.monotonic()
        why = "it has ended"
        try:
            await service.run()
        except Exception as error:  # its trouble is nobody else's
            why = str(error) if isinstance(error, BatchHubError) else _describe(error)
        if clock.monotonic() - began_s >= _GOOD_S:
            delay_s = _SHORTEST_S
        # Whoever stops the worker may have stopped the service a moment before: nothing to say.
        await clock.sleep(_SHORTEST_S)
        _log.error("service.failed", service=service.name, error=why, again_in_s=delay_s)
        await clock.sleep(delay_s)
        delay_s = min(2 * delay_s, _LONGEST_S)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

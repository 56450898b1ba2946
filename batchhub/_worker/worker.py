"""The worker: drives all accounts of a store until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from types import TracebackType
from typing import Any, Final, Self

from batchhub._base.clock import Clock, SystemClock
from batchhub._base.log import get_logger
from batchhub._base.show import clean, count
from batchhub._engine.shards import Engine
from batchhub.hub import BatchHub, opened

from .notify import Notifier
from .services import Service, keep_running
from .settings_source import Reading
from .settings_watch import SettingsWatch, Source
from .watchdog import keep_alive

GRACE_S: Final = 30.0
"""Seconds that requests with an effect have to end when a worker is stopped."""

_CLOSING_S: Final = 15.0
"""Seconds that all else takes at most when it stops."""

_DRIVE: Final = "batchhub-drive"
_SHORTEST_S: Final = 1.0
_LONGEST_S: Final = 60.0
_MOST_NAMES: Final = 5
_LONGEST: Final = 300

_log = get_logger()


class Worker:
    """
    Drives all accounts of a hub, reads their settings again, and keeps its services running.

    Use it as an async context manager: entering opens the hub, leaving closes it, which gives
    requests with an effect their grace.

    Args:
        hub: What drives.
        source: Reads the settings again.
        reading: What they were when the hub was made.
        grace_s: Seconds that requests with an effect have to end when it is stopped.
        notifier: Tells a service manager how it is.
        engine: Shares out what is driven with other processes; `None` where one drives alone.
        clock: Where time comes from.
    """

    def __init__(
        self,
        hub: BatchHub,
        source: Source,
        reading: Reading,
        *,
        grace_s: float = GRACE_S,
        notifier: Notifier | None = None,
        engine: Engine | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._hub = hub
        self._grace_s = grace_s
        self._notifier = notifier or Notifier()
        self._engine = engine
        self._services: list[Service] = []
        self._clock = clock or SystemClock()
        self._settings = SettingsWatch(
            source,
            reading,
            hub=hub,
            services=self._services,
            on_change=self._show,
            clock=self._clock,
        )
        self._driving_since: datetime | None = None
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def add_service(self, service: Service) -> None:
        """Keep one more service running, from `run` on."""
        self._services.append(service)

    def stop(self) -> None:
        """Have `run` come to its end: nothing new is sent."""
        self._stopping.set()

    def reload(self) -> None:
        """Have the settings read again soon; once, however often this is called meanwhile."""
        self._settings.read_again_soon()

    @property
    def most_s(self) -> float:
        """Seconds from `stop` until it is closed, at most."""
        return self._grace_s + _CLOSING_S

    def facts(self) -> dict[str, Any]:
        """
        What is known of it, for whoever looks after it.

        ``settings_error`` is why the settings that were read last were not taken, or not all of
        them; `None` if they were.
        """
        return {
            "version": version("batchhub"),
            "driving_since": self._driving_since,
            "is_stopping": self._stopping.is_set(),
            "accounts": sorted(self._hub.accounts),
            "settings": self._settings.where,
            "settings_read_at": self._settings.read_at,
            "settings_error": self._settings.error,
        }

    async def __aenter__(self) -> Self:
        """
        Open the store, and begin with what runs beside it.

        Raises:
            StoreError: The store can't be opened, or only be read.
            UsageError: A service can't begin, such as where a port is taken.
        """
        await self._hub.__aenter__()
        try:
            (await opened(self._hub)).store.loads.check_writable()
            for service in self._services:
                await service.start()
        except BaseException:
            await self._hub.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Send nothing new, give what is under way its grace, and close."""
        self._stopping.set()
        self._notifier.stopping(self.most_s)
        for task in self._tasks:
            if task.get_name() != _DRIVE:  # that is ended by the hub, which knows the grace
                task.cancel()
        alive = asyncio.create_task(self._keep_alive(), name="batchhub-watchdog")
        try:
            # While services end, too: from now on nothing new is to be sent.
            await self._hub.aclose(grace_s=self._grace_s)
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            alive.cancel()
            await asyncio.wait({alive})
        _log.info("worker.stopped")

    async def find_others(self) -> list[str]:
        """
        Return which other processes drive accounts of it now, a line for each.

        Raises:
            StoreError: The store can't be read.
        """
        driver = (await opened(self._hub)).driver
        theirs: dict[str, list[str]] = {}
        for name, account in sorted(self._hub.accounts.items()):
            if (owner := await driver.find_other(account.lane)) is not None:
                theirs.setdefault(owner, []).append(name)
        return [
            f"{owner} drives {show_names(names)} now; this one takes over when it lets go"
            for owner, names in theirs.items()
        ]

    async def run(self) -> None:
        """Drive until `stop` is called."""
        for name, work in self._list_work():
            self._tasks.append(asyncio.create_task(work, name=f"batchhub-{name}"))
        self._driving_since = self._clock.now()
        _log.info("worker.started", accounts=sorted(self._hub.accounts))
        self._show()
        await self._stopping.wait()

    def _list_work(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        yield "drive", self._drive()
        yield "settings", self._settings.run()
        yield "watchdog", self._keep_alive()
        for service in self._services:
            yield service.name, keep_running(service, self._clock)

    async def _drive(self) -> None:
        """Drive for ever: a fault of ours must not leave a worker that drives nothing."""
        delay_s = _SHORTEST_S
        while True:
            why = "driving has ended"
            try:
                await self._hub.drive(self._engine)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
            if self._stopping.is_set():
                return
            _log.error("worker.failed", error=why, again_in_s=delay_s)
            await self._clock.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_S)

    async def _keep_alive(self) -> None:
        async def ask_store() -> None:
            await (await opened(self._hub)).store.foreign_version()

        await keep_alive(self._notifier, self._clock, ask_store)

    def _show(self, *, is_reading: bool = False) -> None:
        """Tell the service manager how it is."""
        if is_reading:
            self._notifier.reloading()
            return
        names = show_names(sorted(self._hub.accounts))
        wrong = self._settings.error
        self._notifier.ready(f"drives {names}" + (f"; settings: {wrong}" if wrong else ""))


def show_names(names: Sequence[str]) -> str:
    """Name accounts; of very many only some."""
    shown = ", ".join(clean(name, _LONGEST) for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {count(more, 'other account')}" if more > 0 else shown

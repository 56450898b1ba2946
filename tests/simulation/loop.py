"""The loop of a simulated world: simloop's, whose hosts can also be killed and stopped."""

from __future__ import annotations

import asyncio
from typing import Any, Final

if not hasattr(asyncio.Handle, "get_context"):  # Python 3.11

    class _Handle(asyncio.Handle):
        __slots__ = ()

        def get_context(self) -> Any:
            return self._context  # type: ignore[attr-defined]

    asyncio.Handle.get_context = _Handle.get_context  # type: ignore[attr-defined]

from simloop import SimLoop
from simloop._loop import _host_of
from simloop._net import SimNetwork, _current_host, _Packet

from .wire import Wire

_MAX_CLOSES: Final = 50

_MAX_STEPS: Final = 500_000
"""More than any world needs: something goes round in circles."""


class WorldLoop(SimLoop):
    """
    A seeded loop with virtual time.

    simloop's own crash cancels a host's tasks, so that every `finally` runs. Here a dead host
    just never runs again. Each life of a program is a host of its own.

    Attributes:
        wire: What was sent between hosts, and what is done to it.
        steps: How many callbacks have run.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self._net = _Network(self)
        self.wire: Final = Wire(self, seed)
        self.steps = 0
        self._dead: set[str] = set()
        self._stopped: dict[str, list[Any]] = {}

    @property
    def here(self) -> str:
        """The host whose code runs now."""
        return _current_host.get()

    def is_dead(self, host: str) -> bool:
        """Whether a host was killed."""
        return host in self._dead

    def kill(self, host: str, *, resets: bool) -> None:
        """
        End a host at once: nothing of it runs any more, no `finally` either.

        Args:
            host: Its name.
            resets: Whether its system closes the connections, as after SIGKILL; else the others
                hear nothing of it, as after a power cut.
        """
        self._dead.add(host)
        self._stopped.pop(host, None)
        for key, stream in list(self._net._streams.items()):
            if key[1] == host:
                if resets:
                    stream._send("rst")
                del self._net._streams[key]
        for number, connect in list(self._net._pending.items()):
            if connect.local[0] == host:
                del self._net._pending[number]

    def stop_host(self, host: str) -> None:
        """Let nothing of a host run, as SIGSTOP does; its connections stay."""
        if host not in self._dead:
            self._stopped.setdefault(host, [])

    def continue_host(self, host: str) -> None:
        """Let a stopped host go on; what became due meanwhile is due now."""
        self._ready.extend(self._stopped.pop(host, []))

    def _step(self) -> None:
        # simloop's own, but for hosts that are dead or stopped.
        if not self._ready:
            self._advance_clock()
        index = self._policy.choose(self._ready_views)
        self._choice_log.append(index)
        entry = self._ready.pop(index)
        seq, label, handle, _ = entry
        host = _host_of(handle)
        if host in self._stopped:
            self._stopped[host].append(entry)
            return
        if handle.cancelled() or host in self._dead:
            self._recorder.record("cancel", self._now, seq, label, host)
            return
        self._recorder.record("run", self._now, seq, label, host)
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise RuntimeError(f"the world goes round in circles: {label} on {host}")
        handle._run()

    def bury(self) -> None:
        """Close what is left, without running any of it, and the loop."""
        self._stopped.clear()
        buried: set[asyncio.Task[Any]] = set()
        asyncio.events._set_running_loop(self)
        try:
            while left := [task for task in self._tasks() if task not in buried]:
                buried.update(left)
                for task in left:
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    _close(task.get_coro())
        finally:
            asyncio.events._set_running_loop(None)
        self._unhandled.clear()
        self._ready.clear()
        self._timers.clear()
        self._recorder._events.clear()
        self.close()

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return [task for tasks in self._net._tasks.values() for task in tasks if not task.done()]


def _close(coroutine: Any) -> None:
    """End a coroutine, however often its `finally` awaits something."""
    for _ in range(_MAX_CLOSES):
        try:
            # Not `close`: that minds an `await` on the way out, this just comes to the next one.
            coroutine.throw(asyncio.CancelledError())
        except BaseException:  # whatever it says, it is over
            return


class _Network(SimNetwork):
    """simloop's network, with a look at each packet before it goes and when it has come."""

    _loop: WorldLoop

    def _transmit(self, packet: _Packet) -> None:
        if self._loop.wire.passes(packet):
            super()._transmit(packet)

    def _dispatch_ready(self, packet: _Packet) -> None:
        stream = self._streams.get((packet.conn, packet.dst, packet.dst_port))
        if stream is not None and not stream.is_closing():  # somebody still listens
            self._loop.wire.note_arrival(packet)
        super()._dispatch_ready(packet)

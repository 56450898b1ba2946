"""The threads that a command lends to adapters: it does not wait for them for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor


class Threads(ThreadPoolExecutor):
    """
    The threads of `asyncio.to_thread`.

    An adapter may call a vendor's own client there, which knows of no cancellation; an event loop
    that is closed, and then the interpreter, would wait for its end.
    """

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="batchhub-lent", initializer=self._note)
        self._lent: list[threading.Thread] = []

    def end(self, timeout_s: float) -> bool:
        """End them; return False if one goes on for more than some seconds."""
        self.shutdown(wait=False, cancel_futures=True)
        until_s = time.monotonic() + timeout_s
        for thread in self._lent:
            thread.join(max(0.0, until_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._lent)

    def _note(self) -> None:
        self._lent.append(threading.current_thread())

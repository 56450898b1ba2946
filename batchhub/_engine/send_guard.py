"""
The last look before the first byte of a batch: is this process still the one that sends?

And, once the submit has failed: can any of it have run?
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from batchhub._base.clock import Clock
from batchhub._http.guard import NotSentError
from batchhub.errors import AdapterError, BatchHubError

FRESH_S: Final = 5.0
"""Seconds for which what the store said of a ticket is relied on before its request goes."""


class SendGuard:
    """
    Lets the first request with an effect of a submit go only soon after its intent was durable.

    A process may be stopped at any moment, for hours, and another one drives the lane meanwhile.
    So past `FRESH_S` the intent is written again, which fails if that has happened. The time is the
    boot clock's: one that stands still while the machine sleeps would not notice.

    Later requests of the same submit go as they come: the first one may have had its effect.

    Where a submit begins with requests that have no effect, such as an upload, it is written
    before them that nothing was sent yet, and taken back before the first one that has: so a
    process that ends between the two leaves no doubt.

    Made in the task that sends. A submit that is called off while nothing has left ends at once.

    Args:
        clock: Where time comes from.
        durable_at_s: When the intent was durable, in seconds of the boot clock.
        confirm: Writes it again, with so many more requests that are about to go; returns when it
            was durable, or `None` if that is no longer allowed.
    """

    def __init__(
        self,
        clock: Clock,
        durable_at_s: float,
        confirm: Callable[[int], Awaitable[float | None]],
    ) -> None:
        self._clock = clock
        self._durable_at_s = durable_at_s
        self._confirm = confirm
        self._turn = asyncio.Lock()  # an adapter may upload several files at once
        self._task = asyncio.current_task()
        self._has_asked = False
        self._is_called_off = False
        self._is_held_back = False
        self._sent = 0
        self._not_run: list[BatchHubError] = []

    def check(self) -> None:
        """
        Look at a request before it waits for its turn.

        Raises:
            NotSentError: The submit was called off, and nothing of it has left.
        """
        self._has_asked = True
        if self._is_called_off and not self._sent:
            raise NotSentError("nothing was sent: no new request goes any more")

    def call_off(self) -> None:
        """Let nothing of the submit go any more, unless something has gone: then it goes on."""
        self._is_called_off = True
        # While something is written, what is told by it decides; it looks again after that.
        if self.is_unsent and not self._turn.locked() and self._task is not None:
            self._task.cancel()

    @property
    def is_called_off(self) -> bool:
        """Whether nothing of it was to go any more."""
        return self._is_called_off

    @property
    def is_unsent(self) -> bool:
        """Whether certainly no request with an effect has left: the transport has been asked."""
        return self._has_asked and not self._sent

    async def before_send(self, *, effect: bool) -> None:
        """
        Let a request go.

        Args:
            effect: Whether it can have one.

        Raises:
            NotSentError: It must not, since it is no longer this process's to send.
        """
        async with self._turn:
            self.check()
            if effect:
                await self._let_effect_go()
            elif not self._sent and not self._is_held_back:
                # First: it may be written although this task is cancelled meanwhile.
                self._is_held_back = True
                await self._write(-1)

    async def _let_effect_go(self) -> None:
        if self._is_held_back:
            await self._write(1)
            self._is_held_back = False
        while not self._sent and self._clock.boot_s() - self._durable_at_s > FRESH_S:
            await self._write(0)
        self.check()
        self._sent += 1

    def take_back(self, error: BatchHubError, *, effect: bool) -> None:
        """
        Take note that a request that was let go did not run.

        Args:
            error: What says so, as it is raised now.
            effect: Whether it could have had one.
        """
        if effect:
            self._sent = max(0, self._sent - 1)
        self._not_run.append(error)

    @property
    def has_sent(self) -> bool:
        """Whether a request with an effect left that may have had it."""
        return self._sent > 0

    def is_certain(self, error: BatchHubError) -> bool:
        """
        Return whether nothing of the submit can have run, now that it has ended in an error.

        So it is before the first request with an effect. After that an adapter may still say so,
        by what it raises of an answer; but what the transport says of one request says nothing of
        those before it, and an adapter that got stuck in an answer says nothing at all. Of a submit
        that went past the transport only the error knows.
        """
        if self.has_sent:
            is_of_a_request = any(error is each for each in self._not_run)
            says_nothing = is_of_a_request or isinstance(error, AdapterError)
            return not says_nothing and not getattr(error, "may_have_run", True)
        return self._has_asked or not getattr(error, "may_have_run", False)

    async def _write(self, more_sends: int) -> None:
        durable_at_s = await self._confirm(more_sends)
        if durable_at_s is None:
            raise NotSentError("nothing was sent: the ticket is not ours to send any more")
        self._durable_at_s = durable_at_s

"""What has a last word right before a request goes out, and knows of it after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

from batchhub.errors import BatchHubError, ContactError


class NotSentError(ContactError):
    """A request was called off before its first byte."""


class Guard(Protocol):
    """Asked by the transport about the requests of one submit."""

    def check(self) -> None:
        """
        Look at a request before it waits for its turn.

        Raises:
            NotSentError: It need not wait: it must not go.
        """
        ...

    async def before_send(self, *, effect: bool) -> None:
        """
        Let a request go.

        Args:
            effect: Whether it can have one.

        Raises:
            NotSentError: It must not.
        """
        ...

    def take_back(self, error: BatchHubError, *, effect: bool) -> None:
        """
        Take note that a request that was let go did not run.

        Args:
            error: What says so, as it is raised now.
            effect: Whether it could have had one.
        """
        ...


class Right(Protocol):
    """The right to send through a lane, which another process may have taken meanwhile."""

    @property
    def is_doubtful(self) -> bool:
        """Whether it may be gone."""
        ...

    async def make_sure(self) -> None:
        """
        Return once it is certain that it is still there.

        Raises:
            NotSentError: It is gone.
        """
        ...


right: Final[ContextVar[Right | None]] = ContextVar("batchhub_right", default=None)
"""The right by which this task sends, if it needs one: set by whoever drives a lane."""

# Of the task, and of those it starts: an adapter may send what it submits in several.
_guard: ContextVar[Guard | None] = ContextVar("batchhub_guard", default=None)


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Have a guard asked about every request with an effect inside the block."""
    before = _guard.set(guard)
    try:
        yield
    finally:
        _guard.reset(before)


def find_guard() -> Guard | None:
    """Return who is to be asked about the requests of this task, if anybody is."""
    return _guard.get()

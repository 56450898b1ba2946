"""What a vendor keeps for a while, and refuses to take twice."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Generic, TypeVar

from .state import SandboxState

T = TypeVar("T")


class Kept(Generic[T]):
    """
    Values by key, each kept for so many seconds from when it was put.

    Args:
        sandbox: Whose time it is.
        kept_s: How long, in seconds.
    """

    def __init__(self, sandbox: SandboxState, kept_s: float = math.inf) -> None:
        self._clock = sandbox.clock
        self._kept_s = kept_s
        self._values: dict[str, tuple[float, T]] = {}
        self._had: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of what is still kept, the oldest first."""
        self._forget()
        return iter([*self._values])

    def put(self, key: str, value: T) -> None:
        """Keep a value from now on; one of the same key is replaced."""
        self._forget()
        # The oldest stay in front.
        self._values.pop(key, None)
        self._values[key] = (self._clock.monotonic(), value)
        self._had.add(key)

    def find(self, key: str) -> T | None:
        """Return the value of a key, if it is still kept."""
        self._forget()
        found = self._values.get(key)
        return None if found is None else found[1]

    def remove(self, key: str) -> None:
        """Forget a value before its time, if it is still kept."""
        self._values.pop(key, None)

    def had(self, key: str) -> bool:
        """Whether there ever was a value of that key, kept or not."""
        return key in self._had

    def values(self) -> list[T]:
        """Return what is still kept, the oldest first."""
        self._forget()
        return [value for _, value in self._values.values()]

    def _forget(self) -> None:
        now = self._clock.monotonic()
        while self._values:
            key, (put_at, _) = next(iter(self._values.items()))
            if now < put_at + self._kept_s:
                return
            del self._values[key]


class Repeats:
    """
    Refuses a body that came a while ago already, as some vendors do.

    Args:
        sandbox: Whose error and time it is.
        window_s: For how many seconds a body is refused.
        status: The HTTP status it is refused with.
        message: What the vendor says then.
    """

    def __init__(
        self, sandbox: SandboxState, *, window_s: float, status: int = 400, message: str = ""
    ) -> None:
        self._sandbox = sandbox
        self._status = status
        self._message = message or f"The same request came less than {window_s:g} seconds ago"
        self._bodies: Kept[bool] = Kept(sandbox, window_s)

    def check(self, body: bytes) -> None:
        """
        Remember a body. Call it last, when nothing else is wrong with the call.

        Raises:
            AnswerError: It came within the window.
        """
        digest = hashlib.sha256(body).hexdigest()
        if self._bodies.find(digest):
            raise self._sandbox.refuse(self._status, self._message)
        self._bodies.put(digest, True)

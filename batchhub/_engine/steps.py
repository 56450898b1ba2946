"""What a submit of several requests keeps between two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from batchhub.errors import AdapterError

LONGEST: Final = 1000
"""The most characters of a name or a text that is kept."""

MOST: Final = 50
"""How many texts may be kept of a batch."""


class StepsKeeper:
    """
    What an adapter's submit gets as `batchhub.adapter.Steps`.

    Args:
        kept: What earlier submits of the same batch have kept.
        write: Writes all that is kept; raises if that is not this process's to do any more.
        redact: Blanks the account's secrets in a JSON-like value.
    """

    def __init__(
        self,
        kept: Mapping[str, str],
        write: Callable[[Mapping[str, str]], Awaitable[None]],
        redact: Callable[[Any], Any],
    ) -> None:
        self._kept = dict(kept)
        self._write = write
        self._redact = redact
        self._turn = asyncio.Lock()

    @property
    def kept(self) -> Mapping[str, str]:
        """What was kept so far, by name."""
        return dict(self._kept)

    async def keep(self, **values: str | None) -> None:
        """Keep texts by name, before the next request goes; `None` forgets one."""
        async with self._turn:  # several may be kept at once, and none must lose another
            kept = dict(self._kept)
            for name, value in values.items():
                if value is None:
                    kept.pop(name, None)
                else:
                    kept[name] = self._check(name, value)
            if len(kept) > MOST:
                raise self._broken(f"keeps more than {MOST} texts of a batch")
            if kept != self._kept:
                await self._write(kept)
                self._kept = kept

    def _check(self, name: str, value: object) -> str:
        if not isinstance(value, str) or len(value) > LONGEST or len(name) > LONGEST:
            raise self._broken(f"keeps {name[:40]!r}, which is no text of {LONGEST} characters")
        if self._redact([name, value]) != [name, value]:
            raise self._broken(f"keeps {name[:40]!r}, which contains a secret")
        if _lets_in(value):
            raise self._broken(f"keeps {name[:40]!r}, a URL with a query, which lets anybody in")
        return value

    def _broken(self, what: str) -> AdapterError:
        return AdapterError(f"it {what}")


def _lets_in(value: str) -> bool:
    """Whether a text is a URL that may carry a signature."""
    try:
        url = urlsplit(value.strip())
    except ValueError:
        return "://" in value
    return bool(url.scheme and url.netloc and url.query)

"""What every test may rely on."""

from __future__ import annotations

import inspect
from typing import Any
from unittest.mock import Mock

import aioresponses.core
from aiohttp import ClientResponse
from hypothesis import HealthCheck, settings

_TAKES_STREAM_WRITER = "stream_writer" in inspect.signature(ClientResponse.__init__).parameters


class _MockedResponse(ClientResponse):
    """A response as aioresponses makes it: without the stream writer newer aiohttp asks for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _TAKES_STREAM_WRITER:
            kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


# No test measures real time: a busy machine is no failure.
settings.register_profile("batchhub", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("batchhub")

aioresponses.core.ClientResponse = _MockedResponse  # type: ignore[attr-defined]

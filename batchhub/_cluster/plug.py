"""The plug: what an engine is, which decides who drives what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

Own = Callable[[int], Awaitable[None]]
OpenLanes = Callable[[], Awaitable[Mapping[int, int]]]

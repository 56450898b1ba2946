"""Verbs of an adapter that break a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from batchhub import Contact, Outcome
from support.hubs import World, numbered, scripted_world
from support.vendor import ScriptedAdapter

Break = Callable[..., Any]
SECRET = "secret_kT9xQ27LmZp0RrWv"


class ForeignError(Exception):
    """Of a library that an adapter uses."""


class OddError(BaseException):
    """Nobody's `except Exception` takes it in."""


def raising(error: BaseException) -> Break:
    async def verb(*_: Any, **__: Any) -> Any:
        raise error

    return verb


def giving(value: Any) -> Break:
    async def verb(*_: Any, **__: Any) -> Any:
        return value

    return verb


async def run(monkeypatch: pytest.MonkeyPatch, verb: str, broken: Break, times: int = 3) -> World:
    """Let a verb be broken some times, and then well again; the job must end well."""
    original, left = getattr(ScriptedAdapter, verb), times

    async def sometimes(self: ScriptedAdapter, *args: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            return await broken(self, *args)
        return await original(self, *args)

    monkeypatch.setattr(ScriptedAdapter, verb, sometimes)
    async with scripted_world() as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait(timeout_s=3600)
        assert status.outcome is Outcome.SUCCEEDED
        assert status.contact is Contact.OK
    return world

"""The caller that speaks to a stand-in, whichever it is."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Final

import aiohttp

from batchhub.sandbox import Sandbox

from .calls import Caller
from .stand_ins import STAND_INS

CALLED: Final = [name for name in STAND_INS if find_spec(f"support.{name}_calls")]
"""The vendors that have a caller: those at which a batch is submitted, and asked about."""


def make_caller(session: aiohttp.ClientSession, sandbox: Sandbox, url: str) -> Caller:
    """Make the caller that speaks to a stand-in."""
    name = next(name for name in CALLED if isinstance(sandbox, STAND_INS[name].sandbox))
    caller: Caller = import_module(f"support.{name}_calls").Caller(session, sandbox, url)
    return caller

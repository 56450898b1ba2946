"""The caller that speaks to a stand-in, whichever it is."""

from __future__ import annotations

import aiohttp

from batchhub.sandbox import Sandbox
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox

from . import ecwid_calls, mircate_calls
from .calls import Caller


def make_caller(session: aiohttp.ClientSession, sandbox: Sandbox, url: str) -> Caller:
    """Make the caller that speaks to a stand-in."""
    if isinstance(sandbox, EcwidSandbox):
        return ecwid_calls.Caller(session, sandbox, url)
    assert isinstance(sandbox, MircateSandbox)
    return mircate_calls.Caller(session, sandbox, url)

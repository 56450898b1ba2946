"""`doctor`: one harmless request, the answer as it came, and what was made of it."""

from __future__ import annotations

from typing import Any

from batchhub._base import json as _json
from batchhub.adapter import Probe
from batchhub.cli.screen.console import write, write_json
from batchhub.cli.screen.words import clean
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import make_one, read_settings

from .probing import probe


async def examine(invocation: Invocation, account: str, vendor_ref: str | None) -> ExitCode:
    """Ask an account's vendor one harmless thing and show all there is to see."""
    made = make_one(read_settings(invocation.common), account)[account]
    invocation.may_have_sent = True
    seen = await probe(account, made, vendor_ref)
    if invocation.common.json:
        write_json(_to_json(seen))
        return ExitCode.OK
    write(f"asked     {clean(seen.request)}")
    write(f"answered  HTTP {seen.status}")
    for line in seen.raw.decode("utf-8", "replace").splitlines() or ["(nothing)"]:
        write(f"          {clean(line)}")
    write("read as")
    for name, value in seen.reading.items():
        text = value if isinstance(value, str) else _json.dumps(value).decode()
        write(f"          {name}: {clean(text)}")
    return ExitCode.OK


def _to_json(seen: Probe) -> dict[str, Any]:
    return {
        "request": seen.request,
        "status": seen.status,
        "raw": seen.raw.decode("utf-8", "replace"),
        "reading": dict(seen.reading),
    }

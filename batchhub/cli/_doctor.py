"""`doctor`: one harmless request, the answer as it came, and what was made of it."""

from __future__ import annotations

from typing import Any

from batchhub import _json
from batchhub.adapter import Probe

from ._console import write, write_json
from ._exits import ExitCode
from ._invocation import Invocation
from ._open import open_hub
from ._words import clean


async def examine(invocation: Invocation, account: str, vendor_ref: str | None) -> ExitCode:
    """Ask an account's vendor one harmless thing and show all there is to see."""
    async with open_hub(invocation.common, account) as hub:
        probe = await hub.probe(account, vendor_ref)
    if invocation.common.json:
        write_json(_to_json(probe))
        return ExitCode.OK
    write(f"asked     {clean(probe.request)}")
    write(f"answered  HTTP {probe.status}")
    for line in probe.raw.decode("utf-8", "replace").splitlines() or ["(nothing)"]:
        write(f"          {clean(line)}")
    write("read as")
    for name, value in probe.reading.items():
        text = value if isinstance(value, str) else _json.dumps(value).decode()
        write(f"          {name}: {clean(text)}")
    return ExitCode.OK


def _to_json(probe: Probe) -> dict[str, Any]:
    return {
        "request": probe.request,
        "status": probe.status,
        "raw": probe.raw.decode("utf-8", "replace"),
        "reading": dict(probe.reading),
    }

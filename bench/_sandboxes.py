"""
Several stand-in vendors in one process of their own.

    python -m bench._sandboxes [--quick] KIND ...

Prints the address of each, in order; ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Final

from batchhub._settings.registry import Registry
from batchhub.adapter import Account
from batchhub.cli.commands.adapters import find_sandbox
from batchhub.sandbox import Sandbox

SWITCHES: Final[Mapping[str, Mapping[str, Any]]] = {
    "ecwid": {"item_time_s": 0.02},  # one batch after another, 2 to 10 s each
    "mircate": {"item_time_s": 0.08},  # side by side, 5 to 40 s each
}

_QUICK: Final = {"item_time_s": 0.0, "requests_per_minute": 10**6}
_QUICK_PRODUCTS: Final = 20_000


def find_kinds() -> dict[str, type[Sandbox]]:
    """Find the sandboxes of the adapters that come with batchhub, by the adapters' names."""
    registry = Registry()
    found = {name: find_sandbox(registry.get(name)) for name in registry.names}
    return {name: kind for name, kind in found.items() if kind is not None}


def make_sandbox(kind: str, *, is_quick: bool) -> Sandbox:
    """Make a sandbox that takes some time for its batches, or none, with much to change."""
    if not is_quick:
        sandbox = find_kinds()[kind]()
        sandbox.change_switches(SWITCHES.get(kind, {}))
        return sandbox
    sandbox = find_kinds()[kind](products=_QUICK_PRODUCTS)  # type: ignore[call-arg]  # all have them
    sandbox.change_switches(_QUICK)
    return sandbox


@contextmanager
def sandboxes(kinds: Sequence[str], *, is_quick: bool = False) -> Iterator[list[Account]]:
    """Run a sandbox of each kind while the block runs; give the account of each."""
    words = ["--quick"] if is_quick else []
    command = [sys.executable, "-m", "bench._sandboxes", *words, *kinds]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        urls = [process.stdout.readline().strip() for _ in kinds]
        known = find_kinds()
        yield [known[kind]().account(url) for kind, url in zip(kinds, urls, strict=True)]
        process.stdin.close()


def read_journal(url: str) -> dict[str, Any]:
    """Return what a sandbox was asked, and what it executed when."""
    with urllib.request.urlopen(f"{url}/_sandbox/journal", timeout=60) as answer:
        journal: dict[str, Any] = json.loads(answer.read())
    return journal


async def main() -> None:
    """Serve until standard input is closed."""
    async with AsyncExitStack() as stack:
        is_quick = sys.argv[1:2] == ["--quick"]
        for kind in sys.argv[1 + is_quick :]:
            sandbox = make_sandbox(kind, is_quick=is_quick)
            print(await stack.enter_async_context(sandbox.running()), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())

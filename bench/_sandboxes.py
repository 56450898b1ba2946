"""
Several stand-in vendors in one process of their own.

    python -m bench._sandboxes KIND ...

Prints the address of each, in order; ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Final

from batchhub.adapter import Account
from batchhub.sandbox import Sandbox
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox

KINDS: Final[Mapping[str, Callable[[], Sandbox]]] = {
    "ecwid": EcwidSandbox,
    "mircate": MircateSandbox,
}

SWITCHES: Final[Mapping[str, Mapping[str, Any]]] = {
    "ecwid": {"item_time_s": 0.02},  # one batch after another, 2 to 10 s each
    "mircate": {"item_time_s": 0.08},  # side by side, 5 to 40 s each
}


@contextmanager
def sandboxes(kinds: Sequence[str]) -> Iterator[list[Account]]:
    """Run a sandbox of each kind while the block runs; give the account of each."""
    command = [sys.executable, "-m", "bench._sandboxes", *kinds]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        urls = [process.stdout.readline().strip() for _ in kinds]
        yield [KINDS[kind]().account(url) for kind, url in zip(kinds, urls, strict=True)]
        process.stdin.close()


def read_journal(url: str) -> dict[str, Any]:
    """Return what a sandbox was asked, and what it executed when."""
    with urllib.request.urlopen(f"{url}/_sandbox/journal", timeout=60) as answer:
        journal: dict[str, Any] = json.loads(answer.read())
    return journal


async def main() -> None:
    """Serve until standard input is closed."""
    async with AsyncExitStack() as stack:
        for kind in sys.argv[1:]:
            sandbox = KINDS[kind]()
            sandbox.change_switches(SWITCHES[kind])
            print(await stack.enter_async_context(sandbox.running()), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())

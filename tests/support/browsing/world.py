"""What a page looks at while it lives: vendors, a process that drives, and jobs that are new."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from unittest.mock import patch

from attrs import define, field

from batchhub import BatchHub
from batchhub.models import BatchStatus
from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox
from support.patience import PATIENCE_S
from support.processes import COMMAND, ask_sandbox, environment, set_sandbox
from support.stand_ins import standing_in

_Answer = TypeVar("_Answer")

_SETTINGS: Final = """
store = "jobs.db"
[accounts.shop]
adapter = "ecwid"
store_id = 1003
token = {{ env = "ECWID_TOKEN" }}
base_url = "{shop}"
polling = "fixed 1"
[accounts.supplier]
adapter = "mircate"
project_id = "5p1hp1d2t"
merchant_project_id = "m-1"
api_key = {{ env = "MIRCATE_API_KEY" }}
base_url = "{supplier}"
polling = "fixed 1"
"""


@define
class World:
    """
    A folder with settings, a store, and two vendors.

    Attributes:
        folder: The folder.
        urls: The address of each account's vendor.
    """

    folder: Path
    urls: Mapping[str, str]
    _worker: subprocess.Popen[bytes] | None = None
    _stack: ExitStack = field(factory=ExitStack)

    def start_driving(self) -> None:
        """Run `batchhub worker`, if it does not run yet."""
        if self._worker is not None:
            return
        log = self._stack.enter_context((self.folder / "worker.log").open("wb"))
        self._worker = subprocess.Popen(
            [COMMAND, "worker", "-v"],
            cwd=self.folder,
            env=environment(self.folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def submit(self, account: str, items: Sequence[Mapping[str, Any]]) -> str:
        """Hand over a job, as a process does that drives nothing; return its id."""

        async def submit(hub: BatchHub) -> str:
            return (await hub.submit(account, items)).id

        return self._run(submit)

    def status(self, job_id: str) -> BatchStatus:
        """Return what the store says of a job."""

        async def look(hub: BatchHub) -> BatchStatus:
            return (await hub.job(job_id)).status

        return self._run(look)

    def _run(self, ask: Callable[[BatchHub], Awaitable[_Answer]]) -> _Answer:
        async def run() -> _Answer:
            path, store = self.folder / "batchhub.toml", self.folder / "jobs.db"
            async with BatchHub.from_config(path, store=store, drives=False) as hub:
                return await ask(hub)

        with patch.dict(os.environ, environment(self.folder)):
            return asyncio.run(run())

    def wait(self, is_so: Callable[[], bool], why: str) -> None:
        """Wait until something is so."""
        until_s = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < until_s, f"{why}; {self.read_log()}"
            time.sleep(0.1)

    def read_log(self) -> str:
        """Return what the process that drives has printed."""
        return (self.folder / "worker.log").read_text()

    def switch(self, account: str, **switches: object) -> None:
        """Change how a vendor behaves."""
        set_sandbox(self.urls[account], **switches)

    def journal(self, account: str) -> Any:
        """Return what a vendor has seen."""
        return ask_sandbox(self.urls[account], "journal")

    def close(self) -> None:
        """Stop driving, as SIGTERM does."""
        if self._worker is not None:
            self._worker.send_signal(signal.SIGTERM)
            self._worker.wait(PATIENCE_S)
            printed = self.read_log()
            assert self._worker.returncode == 0, printed
            assert "Traceback" not in printed, printed
        self._stack.close()


def make_prices(count: int, mark: str, *, missing: Sequence[int] = ()) -> list[dict[str, Any]]:
    """Make new prices of products; those at the places `missing` are not there."""
    return [
        {
            "id": f"{mark}-{n}",
            "method": "PUT",
            "path": f"/products/{900_000 + n if n in missing else n}",
            "body": {"price": n},
        }
        for n in range(1, count + 1)
    ]


@contextmanager
def living_in(folder: Path) -> Iterator[World]:
    """Have vendors, and settings with an account at each, in a folder."""
    with (
        standing_in(EcwidSandbox()) as shop,
        standing_in(MircateSandbox()) as supplier,
    ):
        (folder / "batchhub.toml").write_text(_SETTINGS.format(shop=shop, supplier=supplier))
        world = World(folder, {"shop": shop, "supplier": supplier})
        try:
            yield world
        finally:
            world.close()

"""What a page looks at while it lives: vendors, a process that drives, and jobs that are new."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox
from support.patience import PATIENCE_S
from support.processes import COMMAND, ask_sandbox, batchhub, environment, set_sandbox
from support.stand_ins import standing_in

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
        """Hand over a job, as another process does; return its id."""
        path = self.folder / "items.jsonl"
        path.write_text("".join(json.dumps(item) + "\n" for item in items))
        done = batchhub(self.folder, "submit", str(path), "--account", account, "--json")
        assert done.code == 0, done.err
        return str(json.loads(done.out)["job_id"])

    def status(self, job_id: str) -> Mapping[str, Any]:
        """Return what the command says of a job."""
        done = batchhub(self.folder, "status", job_id, "--json")
        found: Mapping[str, Any] = json.loads(done.out)
        return found

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
            printed = (self.folder / "worker.log").read_text()
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

"""The page beside a worker: a child that ends with it, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.crash_lab import wait_until
from support.patience import PATIENCE_S

from batchhub._worker import page_process
from batchhub._worker.page_process import PageProcess
from batchhub.errors import BatchHubError

CHILD = """
import os, signal, sys, time
from pathlib import Path
from batchhub._base.parent import end_with_parent
file, how = Path(sys.argv[1]), sys.argv[2]
if how == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if how == "ends":
    sys.exit(3)
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
end_with_parent()
assert "BATCHHUB_UNTIL_EOF" not in os.environ
file.with_suffix(".new").write_text(str(os.getpid()))
file.with_suffix(".new").replace(file)
time.sleep(600)
"""

PARENT = """
import asyncio, sys
from batchhub._worker import page_process
page_process._COMMAND = (sys.executable, "-c", sys.argv[1])
asyncio.run(page_process.PageProcess(sys.argv[2:]).run())
"""


@pytest.fixture(autouse=True)
def child(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the command: a process that is there at once."""
    monkeypatch.setattr(page_process, "_COMMAND", (sys.executable, "-c", CHILD))


def pid_in(file: Path) -> int:
    """Wait until a child has said who it is."""
    wait_until(file.exists, "the child")
    return int(file.read_text())


def is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_its_end_is_an_error(tmp_path: Path) -> None:
    """Whoever keeps it running says so, and starts it again."""
    with pytest.raises(BatchHubError, match="its process has ended with exit code 3"):
        await PageProcess([str(tmp_path / "pid"), "ends"]).run()


@pytest.mark.parametrize("how", ["hears", "deaf"])
async def test_it_ends_when_it_is_told_to(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or is killed, if it does not hear."""
    monkeypatch.setattr(page_process, "_CLOSING_S", 0.1 if how == "deaf" else PATIENCE_S)
    task = asyncio.create_task(PageProcess([str(tmp_path / "pid"), how]).run())
    pid = await asyncio.to_thread(pid_in, tmp_path / "pid")

    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert not is_there(pid)


def test_it_ends_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    """Nobody can tell it then: it reads from a pipe that the system closes."""
    file = tmp_path / "pid"
    worker = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(file), "hears"])
    pid = pid_in(file)

    worker.kill()
    worker.wait(PATIENCE_S)

    wait_until(lambda: not is_there(pid), "its end")


async def test_its_store_is_on_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lists the processes of the machine sees those, and a store may have a password."""
    url = "postgresql://shop:geheim@db/shop"
    monkeypatch.setenv("BATCHHUB_STORE", "another.db")
    task = asyncio.create_task(PageProcess([str(tmp_path / "pid"), "hears"], url).run())
    pid = await asyncio.to_thread(pid_in, tmp_path / "pid")
    folder = Path("/proc") / str(pid)
    try:
        assert b"geheim" not in (folder / "cmdline").read_bytes()
        assert f"BATCHHUB_STORE={url}".encode() in (folder / "environ").read_bytes().split(b"\0")
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_ctrl_c_is_the_workers(tmp_path: Path) -> None:
    """The page is in no group of a terminal: it ends when the worker says so."""
    task = asyncio.create_task(PageProcess([str(tmp_path / "pid"), "hears"]).run())
    pid = await asyncio.to_thread(pid_in, tmp_path / "pid")

    assert os.getpgid(pid) != os.getpgid(0)

    os.kill(pid, signal.SIGINT)
    with pytest.raises(BatchHubError, match="ended"):
        await task

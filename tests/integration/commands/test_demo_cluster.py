"""`demo --cluster` as it is typed: it shows what it says it shows, and leaves nothing behind."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from support.commands import running
from support.patience import PATIENCE_S

DEMO = ("demo", "--cluster")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder for temporary files."""
    place = tmp_path / "t"
    place.mkdir()
    return place


def find_left(place: Path) -> list[str]:
    """Return the command lines of the processes that were started with that place."""
    mark, found = f"TMPDIR={place}".encode(), []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if mark in (path / "environ").read_bytes().split(b"\0"):
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def test_a_killed_worker_loses_nothing(tmp_path: Path, place: Path) -> None:
    """Three workers drive forty shops; one is killed; each item has run once and has a result."""
    with running(tmp_path, *DEMO, "--json", env={"TMPDIR": str(place)}) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    tally = json.loads(out)
    assert tally["wrong"] == []
    assert tally["sent"] == tally["executed"] == 40 * 2 * 60
    assert tally["counts"]["succeeded"] + tally["counts"]["failed"] == tally["sent"]
    workers = tally["driven"]
    assert len(workers) == 3
    assert sum(worker["before"] for worker in workers) == 40, "each shop had a worker"
    assert sum(worker["after"] for worker in workers) == 40
    (dead,) = (worker for worker in workers if worker["pid"] == tally["death"]["pid"])
    assert dead["after"] == 0
    assert tally["orphans"] == len(tally["waits_s"]) == dead["before"] > 0
    assert list(place.iterdir()) == []
    assert find_left(place) == []


def test_it_is_interrupted_without_a_trace(tmp_path: Path, place: Path) -> None:
    """Ctrl-C in the midst of it ends the workers and the database, and removes their folders."""
    with running(tmp_path, *DEMO, env={"TMPDIR": str(place)}) as process:
        assert process.stderr is not None
        lines: list[str] = []
        while "are handed over" not in (line := process.stderr.readline()):
            assert line, lines
            lines.append(line)
        assert find_left(place)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert list(place.iterdir()) == []
    assert find_left(place) == []

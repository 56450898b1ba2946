"""The real command on a terminal and in a shell: bars, pipes, completion."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import termios
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from support.clocks import HandClock
from support.commands import (
    Run,
    job_ids,
    make_items,
    parse_lines,
    running,
    write_settings,
)
from support.crash_lab import wait_until
from support.patience import PATIENCE_S
from support.processes import (
    COMMAND,
    batchhub,
    environment,
    write_items,
)
from support.stand_ins import standing_in

from batchhub_ecwid.sandbox import EcwidSandbox


def test_standard_streams_and_quiet(sandbox: str, tmp_path: Path) -> None:
    """Items may come from standard input and results go to standard output, with no other word."""
    write_settings(tmp_path, sandbox)
    text = "".join(json.dumps(item) + "\n" for item in make_items(3, "pipe"))
    how = ("--account", "shop", "--out", "-", "--quiet")
    done = batchhub(tmp_path, "run", "-", *how, stdin=text)
    assert (done.code, done.err) == (0, "")
    assert [(r["id"], r["state"]) for r in parse_lines(done.out)] == [
        ("pipe-1", "succeeded"),
        ("pipe-2", "succeeded"),
        ("pipe-3", "succeeded"),
    ]


def test_waiting_for_input_can_be_interrupted(sandbox: str, tmp_path: Path) -> None:
    """While standard input is silent, a signal ends the command."""
    write_settings(tmp_path, sandbox)
    arguments = ("run", "-", "--account", "shop", "-v")
    with running(tmp_path, *arguments, stdin=subprocess.PIPE) as process:
        wait_until((tmp_path / "jobs.db").exists, "it has begun")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE_S)
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1] == "interrupted; nothing was sent"
        assert process.returncode == 130


def test_a_closed_pipe_is_no_error(sandbox: str, tmp_path: Path) -> None:
    """Whoever reads only the first line gets it, and no complaint."""
    write_settings(tmp_path, sandbox)
    write_items(tmp_path / "items.jsonl", make_items(1000, "head"))
    command = shlex.join([COMMAND, "run", "items.jsonl", "--account", "shop", "--quiet"])
    done = subprocess.run(
        ["sh", "-c", f"{command} --out - | head -n 1"],
        cwd=tmp_path,
        env=environment(tmp_path),
        text=True,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stderr == ""
    assert [r["id"] for r in parse_lines(done.stdout)] == ["head-1"]


def test_a_live_bar_is_one_line_on_a_terminal(stack: ExitStack, tmp_path: Path) -> None:
    """On a terminal of 80 columns a bar is drawn anew in its line, and the closing follows it."""
    clock = HandClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches({"item_time_s": 1.0, "requests_per_minute": 100_000})
    write_settings(tmp_path, stack.enter_context(standing_in(sandbox)))
    write_items(tmp_path / "items.jsonl", make_items(40, "tty", bad=(7,)))
    done = 0

    def look(shown: str) -> None:
        """Let the vendor, which has the batch, go on once it is shown how far it is."""
        nonlocal done
        if re.match(rf" {done}/40 .*(queued|in progress)", plain(shown).rpartition("━")[2]):
            clock.move(5.0)
            done += 5

    call = ("run", "items.jsonl", "--account", "shop", "--timeout", str(PATIENCE_S))
    shown = run_on_terminal(tmp_path, 80, *call, look=look)
    above, _, rest = shown.partition("\x1b[?25l")
    drawn, _, closing = rest.partition("\x1b[?25h")
    assert above.split()[2:] == ["40", "items", "for", "shop"]
    frames = [" ".join(plain(frame).split()) for frame in drawn.split("\x1b[2K")]
    assert len(frames) > 5
    assert {frame[:6] for frame in frames} == {"shop ━"}
    assert max(len(plain(frame).strip()) for frame in drawn.split("\x1b[2K")) <= 80
    assert any(re.search(r"━ \d+/40 .*in progress \d:\d\d:\d\d$", frame) for frame in frames)
    assert re.search(r"━ 40/40 1 failed partial \d:\d\d:\d\d$", frames[-1])
    lines = plain(closing).splitlines()
    assert "partial; 39 succeeded, 1 failed, of 40" in lines[0]
    assert max(map(len, lines)) <= 80


def test_the_shell_is_offered_job_ids(sandbox: str, run: Run, tmp_path: Path) -> None:
    """At the Tab key the real command prints the names of the jobs, and nothing else."""
    write_settings(tmp_path, sandbox)
    write_items(tmp_path / "items.jsonl", make_items(1, "tab"))
    assert run("submit", "items.jsonl", "--account", "shop", "--quiet").code == 0
    typed = {"COMP_WORDS": "batchhub status ", "COMP_CWORD": "2"}
    done = subprocess.run(
        [COMMAND],
        cwd=tmp_path,
        env=environment(tmp_path) | typed | {"_BATCHHUB_COMPLETE": "complete_bash"},
        text=True,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["latest", *job_ids(tmp_path)], "")


def run_on_terminal(
    folder: Path, columns: int, *arguments: str, look: Callable[[str], None]
) -> str:
    """Run the command on a terminal, looking at what it shows; return all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {k: v for k, v in environment(folder).items() if k not in {"COLUMNS", "CI"}}
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=folder,
        env=variables | {"TERM": "xterm-256color", "PYTHONUTF8": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    with suppress(OSError):  # as a terminal says that nobody writes any more
        while chunk := os.read(ours, 65536):
            written += chunk
            look(written.decode(errors="ignore"))
    os.close(ours)
    process.wait(timeout=PATIENCE_S)
    return written.decode()


def plain(text: str) -> str:
    """Leave out what moves the cursor or colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)

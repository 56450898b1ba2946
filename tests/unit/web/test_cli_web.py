"""`batchhub web`: a process of its own, from its start to its end."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from support.patience import PATIENCE_S
from support.processes import COMMAND, environment
from typer.testing import CliRunner

from batchhub._base.parent import UNTIL_EOF
from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode


@contextmanager
def page(folder: Path, *arguments: str, **facts: Any) -> Iterator[subprocess.Popen[str]]:
    """Run the command on a free port."""
    environ = {**environment(folder), **facts.pop("more", {})}
    process = subprocess.Popen(
        [COMMAND, "web", "--web-listen", "127.0.0.1:0", "--store", "jobs.db", *arguments],
        **{"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, **facts},
        cwd=folder,
        env=environ,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def test_it_serves_until_it_is_stopped(tmp_path: Path) -> None:
    """It says where it is, without a token; SIGTERM ends it with 0, open streams too."""
    with page(tmp_path, "--json") as process:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        with urlopen(f"{started['url']}/") as got:
            assert b"Sign in" in got.read()
        port = int(started["url"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE_S)

    token = (tmp_path / "jobs.db.web" / "operator").read_text().strip()
    assert process.returncode == 0
    assert token not in out + err
    assert started["url"] in err
    assert not (tmp_path / "jobs.db").exists()


def test_a_terminal_gets_an_address_that_signs_in(tmp_path: Path) -> None:
    """Somebody who sits at a terminal need not look for the token."""
    ours, theirs = pty.openpty()
    with page(tmp_path, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        while b"tokens are in" not in text:
            text += os.read(ours, 4096)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    os.close(ours)
    token = (tmp_path / "jobs.db.web" / "operator").read_text().strip()

    assert f"/sign-in#token={token}" in text.decode()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A worker that is killed leaves no page behind: its end of the pipe is closed then."""
    with page(tmp_path, "--json", stdin=subprocess.PIPE, more={UNTIL_EOF: "1"}) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.close()
        code = process.wait(PATIENCE_S)

    assert code == 0


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that runs the command, and returns the line it is refused with."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["web", "--store", "jobs.db", *arguments])
        assert result.exit_code == ExitCode.USAGE, result.output
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        return result.stderr

    return run


def test_what_it_cannot_do_is_one_line(refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port in use, an address others hear, a missing certificate or extra: each is a line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "Address already in use" in refused("--web-listen", f"127.0.0.1:{port}")
    assert "in the clear" in refused("--web-listen", "0.0.0.0:0")
    assert "No such file" in refused("--tls-cert", "none.pem")
    assert "--public-url" in refused("--public-url", "ops.example.com")
    assert "would be lost" in refused("--store", ":memory:")
    Path("tokens").write_text("")
    assert "--tokens" in refused("--tokens", "tokens")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert "pip install 'batchhub[web]'" in refused()

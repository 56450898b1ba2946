"""Files as people have them, read by the command: what it would send, and every line it writes."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from typer.testing import CliRunner

from batchhub.cli.app import app

ACCOUNTS = """
store = "jobs.db"
[accounts.shop]
adapter = "ecwid"
store_id = 1003
token = { env = "ECWID_TOKEN" }
base_url = "https://app.ecwid.com"
[accounts.supplier]
adapter = "mircate"
project_id = "5p1hp1d2t"
merchant_project_id = "m-1"
api_key = { env = "MIRCATE_API_KEY" }
base_url = "https://api.mircate.com"
"""

SECRETS = {"ECWID_TOKEN": "secret_" + "t" * 24, "MIRCATE_API_KEY": "k" * 24}


@frozen(kw_only=True)
class Planned:
    """
    What a dry run of a file wrote.

    Attributes:
        code: The exit code.
        out: The lines on standard output.
        err: The lines on standard error.
    """

    code: int
    out: list[str]
    err: list[str]

    @property
    def plan(self) -> dict[str, Any]:
        """What ``--json`` gives."""
        (line,) = self.out
        found: dict[str, Any] = json.loads(line)
        return found

    @property
    def sample(self) -> Any:
        """The first item that would be sent."""
        return self.plan["sample"]

    @property
    def refused(self) -> list[str]:
        """What is said of rows that are refused, without the name of the file."""
        begin = "refused: "
        return [line.partition(": ")[2].partition(": ")[2] for line in self.err if begin in line]

    @property
    def error(self) -> str:
        """The one line that says why nothing can be sent, without the name of the file."""
        (line,) = (line for line in self.err if line.startswith("error: "))
        assert self.code == 2
        assert not self.out
        return line.partition(": ")[2].partition(": ")[2]


class Desk:
    """
    A folder with settings, where the command runs and no connection can be made.

    Args:
        folder: The folder.
        patch: Undoes what is changed.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        patch.chdir(folder)
        patch.setenv("XDG_DATA_HOME", str(folder / "home"))
        for name in ("BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT", "BATCHHUB_STORE"):
            patch.delenv(name, raising=False)
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        self.settings = folder / "batchhub.toml"
        self.settings.write_text(ACCOUNTS)
        patch.setattr(socket.socket, "connect", _refuse)

    def write(self, name: str, content: bytes | str) -> str:
        """Write a file; returns its name."""
        data = content if isinstance(content, bytes) else content.encode()
        (self.folder / name).write_bytes(data)
        return name

    def call(self, *arguments: str, stdin: bytes | None = None) -> Planned:
        """Run the command; `stdin` comes in a pipe."""
        with _piping(stdin):
            done = CliRunner().invoke(app, arguments, prog_name="batchhub")
        assert "Traceback" not in done.stderr, done.stderr
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert not any(secret in done.output for secret in SECRETS.values())
        return Planned(
            code=done.exit_code, out=done.stdout.splitlines(), err=done.stderr.splitlines()
        )

    def dry_run(self, name: str, content: bytes | str, *arguments: str) -> Planned:
        """Write a file and look at what would be sent of it."""
        self.write(name, content)
        before = sorted(self.folder.iterdir())
        account = () if "--account" in arguments else ("--account", "shop")
        done = self.call("submit", name, *account, *arguments, "--dry-run")
        assert sorted(self.folder.iterdir()) == before, "a dry run writes nothing"
        return done


def priced(product: str = "product_id", price: str = "price") -> tuple[str, ...]:
    """Return the options that make new prices of a table's rows."""
    named = ("--map", f"PUT /products/{{{product}}}", "--id", f"{{{product}}}")
    return (*named, "--set", f"price={{{price}}}")


def put(**body: Any) -> str:
    """Write a line with an item that changes product 1."""
    return json.dumps({"id": "1", "method": "PUT", "path": "/products/1", "body": body})


@contextmanager
def _piping(content: bytes | None) -> Iterator[None]:
    """Have some bytes in a pipe be standard input; they are few."""
    if content is None:
        yield
        return
    before, (reading, writing) = os.dup(0), os.pipe()
    os.write(writing, content)
    os.close(writing)
    os.dup2(reading, 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("a dry run needs no network")

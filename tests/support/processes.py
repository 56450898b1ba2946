"""The real command, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from .patience import PATIENCE_S
from .stand_ins import STAND_INS

COMMAND = str(Path(sys.executable).with_name("batchhub"))
TOKEN = "secret_sandbox"
KEY = "mircate-sandbox-key"


def environment(folder: Path) -> dict[str, str]:
    """Return what a user's shell has: the command on the path, the keys, a home of its own."""
    bin_folder = Path(sys.executable).parent
    secrets = dict(pair for vendor in STAND_INS.values() for pair in vendor.environment.items())
    return {
        **secrets,
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "ECWID_TOKEN": TOKEN,
        "XDG_DATA_HOME": str(folder),
        "COLUMNS": "120",
    }


@contextmanager
def running_sandbox(vendor: str, **switches: object) -> Iterator[str]:
    """Run a vendor's stand-in in a process of its own; gives its URL."""
    settings = [f"--set={name}={value}" for name, value in switches.items()]
    process = subprocess.Popen(
        [COMMAND, "sandbox", vendor, "--port=0", "--json", *settings],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate(timeout=PATIENCE_S)[1])
        yield str(json.loads(line)["url"])
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)


def ask_sandbox(url: str, path: str) -> Any:
    """Ask a stand-in about itself: ``journal`` or ``switches``."""
    with urllib.request.urlopen(f"{url}/_sandbox/{path}", timeout=PATIENCE_S) as answer:
        return json.load(answer)


def set_sandbox(url: str, **switches: object) -> None:
    """Change a stand-in's switches while it runs."""
    request = urllib.request.Request(
        f"{url}/_sandbox/switches", data=json.dumps(switches).encode(), method="PUT"
    )
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request, timeout=PATIENCE_S).close()


@frozen(kw_only=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


def batchhub(folder: Path, *arguments: str, stdin: str | None = None) -> Done:
    """Run the command in a folder."""
    done = subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=environment(folder),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    for secret in (TOKEN, KEY):
        assert secret not in done.stdout + done.stderr
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)


def write_settings(folder: Path, url: str, **settings: object) -> None:
    """Write a settings file with the account ``shop`` at a stand-in for Ecwid."""
    (folder / "batchhub.toml").write_text(
        f'store = "jobs.db"\n[accounts.shop]\nadapter = "ecwid"\nstore_id = 1003\n'
        f'token = {{ env = "ECWID_TOKEN" }}\nbase_url = "{url}"\n{_to_toml(settings)}'
    )


def write_supplier(folder: Path, url: str, **settings: object) -> None:
    """Write a settings file with the account ``supplier`` at a stand-in for Mircate."""
    (folder / "batchhub.toml").write_text(
        'store = "jobs.db"\n[accounts.supplier]\nadapter = "mircate"\nproject_id = "5p1hp1d2t"\n'
        'merchant_project_id = "m-1"\napi_key = { env = "MIRCATE_API_KEY" }\n'
        f'base_url = "{url}"\n{_to_toml(settings)}'
    )


def _to_toml(settings: Mapping[str, object]) -> str:
    # The text and number forms of JSON are TOML too.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def write_items(path: Path, items: list[dict[str, Any]]) -> None:
    """Write items as JSON Lines."""
    path.write_text("".join(json.dumps(item) + "\n" for item in items))


def read_results(path: Path) -> list[dict[str, Any]]:
    """Read results from JSON Lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]

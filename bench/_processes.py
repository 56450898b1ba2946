"""What is measured in processes of their own, whose windows are the same seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NoReturn, Self


def run_together(commands: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """
    Run modules of this package as processes, and have them measure once all are ready.

    Args:
        commands: The arguments of each, by a name of its own; the first is the module.

    Returns:
        What each has found.

    Raises:
        SystemExit: One of them failed.
    """
    with ExitStack() as stack:
        children = {
            name: stack.enter_context(_Child(name, arguments))
            for name, arguments in commands.items()
        }
        for child in children.values():
            child.wait_until_ready()
        for child in children.values():
            child.go()
        return {name: child.end() for name, child in children.items()}


def measure_when_told(is_ready: threading.Event, measure: Callable[[], object]) -> None:
    """
    Be such a process: measure in a thread of its own, print what was found, and end.

    Args:
        is_ready: Set once there is something steady to be measured.
        measure: Called in the thread; returns what was found, for JSON.
    """

    is_told = threading.Event()

    def listen() -> None:
        if not sys.stdin.readline():
            os._exit(1)  # whoever started this is gone
        is_told.set()

    def wait() -> None:
        is_ready.wait()
        print("ready", flush=True)
        is_told.wait()
        print(json.dumps(measure()), flush=True)
        os._exit(0)

    for each in (listen, wait):
        threading.Thread(target=each, daemon=True).start()


class _Child:
    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self._name = name
        module, *rest = arguments
        command = [sys.executable, "-m", f"bench.{module}", *rest]
        pipe = subprocess.PIPE
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed at the exit
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def wait_until_ready(self) -> None:
        """Return once there is something to be measured."""
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            self._fail()

    def go(self) -> None:
        """Have it measure."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)

    def end(self) -> Any:
        """Return what it found."""
        printed, _ = self._process.communicate()
        if self._process.returncode:
            self._fail()
        return json.loads(printed)

    def _fail(self) -> NoReturn:
        time.sleep(0.1)
        self._errors.seek(0)
        raise SystemExit(f"{self._name} failed: {self._errors.read()[-2000:]}")

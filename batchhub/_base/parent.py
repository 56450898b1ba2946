"""A process that ends with the one that started it, however that one ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import MutableMapping
from typing import Final

UNTIL_EOF: Final = "BATCHHUB_UNTIL_EOF"
"""The variable by which a process says to one that it starts that it holds its standard input."""

_PATIENCE_S: Final = 10.0
"""Seconds in which it comes to its end by itself."""


def end_with_parent(environ: MutableMapping[str, str] = os.environ) -> None:
    """
    End this process as SIGTERM does once its parent has ended, if that one said so.

    Standard input is a pipe then, that the parent holds and nobody writes to. The system closes it
    also where the parent is killed, which no other portable way notices.
    """
    if not environ.pop(UNTIL_EOF, ""):
        return
    threading.Thread(target=_await_end, name="batchhub-parent", daemon=True).start()


def _await_end() -> None:
    try:
        while os.read(0, 1024):
            pass
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    # Whatever holds it up: nobody looks after it any more.
    timer = threading.Timer(_PATIENCE_S, os._exit, (1,))
    timer.daemon = True
    timer.start()

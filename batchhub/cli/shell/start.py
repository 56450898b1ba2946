"""Being stopped while the command is still loading what it needs: one line, and no traceback."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn


def enter_start() -> None:
    """From now on, and until `leave_start`, Ctrl-C ends the process with one line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def leave_start() -> None:
    """Give Ctrl-C back: from now on something may have been sent."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    # No KeyboardInterrupt: what parses the arguments would make words of its own of it.
    sys.stderr.write("interrupted; nothing was sent\n")
    raise SystemExit(130)

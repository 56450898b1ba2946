"""
Ctrl-C before a command begins and after it has ended: one line or none, and no traceback.

While the command still loads what it needs nothing has been sent, and once it has ended there is
nothing left to do: so the process ends at once. An exception would not do that everywhere: raised
in a callback of the import system, or while the interpreter ends, it is shown and ignored.

What is imported here is imported before Ctrl-C is taken care of: as little as possible.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys

INTERRUPTED = 130


def enter_start() -> None:
    """From now on, and until `leave_start`, Ctrl-C ends the process with one line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def leave_start() -> None:
    """Give Ctrl-C back to Python: from now on something may have been sent."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def enter_end(code: int) -> None:
    """From now on Ctrl-C ends the process with its code: what it did is said already."""
    if signal.getsignal(signal.SIGINT) in {_stop, signal.default_int_handler}:
        signal.signal(signal.SIGINT, lambda *_: os._exit(code))
        # Last, the interpreter gives handlers up, and the code would be lost.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


def say_stopped() -> None:
    """Write that nothing was sent."""
    try:
        sys.stderr.write("interrupted; nothing was sent\n")
        sys.stderr.flush()
    except (OSError, RuntimeError):  # closed, or it was being written to just now
        return


def _stop(*_: object) -> None:
    say_stopped()
    os._exit(INTERRUPTED)

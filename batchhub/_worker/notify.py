"""
What systemd is told of a service of ``Type=notify``: ready, reading its settings, stopping, alive.

The protocol is `sd_notify(3)`: lines ``NAME=value`` in one datagram to the socket that the variable
`NOTIFY_SOCKET` names. Without that variable nothing happens.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final

from batchhub._base.log import get_logger
from batchhub._base.secrets import blank
from batchhub._base.show import clean

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = "WATCHDOG_USEC"
_WATCHED: Final = "WATCHDOG_PID"
_PATIENCE_S: Final = 1.0
"""Seconds for which a full socket may hold up the worker."""

_LONGEST: Final = 500
_PER_S: Final = 1_000_000

_log = get_logger()


class Notifier:
    """
    Tells a service manager how the worker is.

    Args:
        address: Its socket: a path, or ``@`` and the name of an abstract one; `None` for nobody.
        watchdog_s: Seconds without a sign of life after which it ends the worker; `None` if it
            watches nothing.

    Attributes:
        watchdog_s: The same.
    """

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self._address = address
        self.watchdog_s = None if address is None else watchdog_s
        self._has_failed = False

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> Notifier:
        """
        Take the variables that the service manager has set; they are gone afterwards.

        Whatever this process starts must not speak in its name.
        """
        address = environ.pop(_SOCKET, "")
        usec, pid = environ.pop(_WATCHDOG, ""), environ.pop(_WATCHED, "")
        is_meant = not pid or pid == str(os.getpid())
        watchdog_s = int(usec) / _PER_S if is_meant and usec.isdecimal() and int(usec) else None
        return cls(address or None, watchdog_s)

    def ready(self, status: str) -> None:
        """Say that it drives, also after the settings were read again."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """Say that the settings are read again; `ready` says that they are."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}", _status("reading the settings"))

    def stopping(self, most_s: float) -> None:
        """
        Say that it stops.

        Args:
            most_s: Seconds that this may take.
        """
        more = f"EXTEND_TIMEOUT_USEC={int(most_s * _PER_S)}"
        self._send("STOPPING=1", more, _status("waiting for requests that are under way"))

    def status(self, status: str) -> None:
        """Say in one line how it is."""
        self._send(_status(status))

    def keep_alive(self) -> None:
        """Say that it is alive; to be repeated within `watchdog_s`."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            _send("\n".join(lines), self._address)
        except (OSError, ValueError) as error:  # it goes on driving all the same
            if not self._has_failed:
                _log.warning("notify.failed", socket=self._address, error=str(error))
            self._has_failed = True
        else:
            self._has_failed = False


def _send(message: str, address: str) -> None:
    """
    Send a datagram.

    Raises:
        OSError: Nobody takes it.
        ValueError: The address is of a kind that is not known.
    """
    if address[:1] not in {"/", "@"}:
        raise ValueError("the address is neither a path nor an abstract name")
    # An abstract name begins with a zero byte, which no variable can hold.
    to = b"\0" + os.fsencode(address[1:]) if address[0] == "@" else os.fsencode(address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(_PATIENCE_S)
        sender.sendto(message.encode("utf-8", "replace"), to)


def _status(text: str) -> str:
    return f"STATUS={clean(blank(text), _LONGEST)}"

"""Where to listen, as it is typed: ``HOST:PORT``, ``:PORT`` or ``[::1]:PORT``."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from batchhub._base.show import clean
from batchhub.errors import UsageError

_FORM: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\[\]:/\s]*)):(?P<port>\d{1,5})"
)
_MOST: Final = 65_535


@frozen
class Address:
    """
    Where to listen.

    Attributes:
        host: The name or number of an interface; `None` for all of them.
        port: The port; 0 for one that is free.
    """

    host: str | None
    port: int

    def __str__(self) -> str:
        host = self.host or ""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def read_address(text: str, option: str) -> Address:
    """
    Read where to listen.

    Args:
        text: As it was typed.
        option: What to call it in messages.

    Raises:
        UsageError: It is no address.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None or int(match["port"]) > _MOST:
        raise UsageError(
            f"{option} takes HOST:PORT, :PORT for all interfaces, or [::1]:PORT, with a port up to "
            f"{_MOST}; not {clean(text, 100)!r}"
        )
    return Address(match["v6"] or match["host"] or None, int(match["port"]))

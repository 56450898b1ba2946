"""How long and how large an answer may be."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen, validators

MAX_RETRY_AFTER_S: Final = 24 * 3600.0
"""The longest silence in seconds that a vendor can ask for; also what a clock can do to one."""


def bound_retry_after(seconds: object) -> float | None:
    """Return the seconds an adapter says a vendor asks for, within bounds; `None` for none."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        return None
    return min(float(seconds), MAX_RETRY_AFTER_S)


@frozen(kw_only=True)
class Limits:
    """
    How long and how large an answer may be.

    Attributes:
        connect_s: Seconds to get a connection, TLS included.
        read_s: Seconds between two pieces of an answer; its head is one.
        total_s: Seconds for the whole exchange, without the wait for the budget.
        max_answer_bytes: The most bytes in an answer's body, compressed or decompressed.
        download_s: Seconds for a whole download, however steadily it comes.
        max_download_bytes: The most bytes of a download on disk, decompressed.
        max_line_bytes: The most bytes in a line of a download, or in a part of one that is JSON.
    """

    connect_s: float = field(default=10.0, validator=validators.gt(0))
    read_s: float = field(default=60.0, validator=validators.gt(0))
    total_s: float = field(default=120.0, validator=validators.gt(0))
    max_answer_bytes: int = field(default=64 * 1024 * 1024, validator=validators.gt(0))
    download_s: float = field(default=3600.0, validator=validators.gt(0))
    max_download_bytes: int = field(default=4 * 1024**3, validator=validators.gt(0))
    max_line_bytes: int = field(default=16 * 1024**2, validator=validators.gt(0))

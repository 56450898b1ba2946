"""How long and how large an answer may be."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen(kw_only=True)
class Limits:
    """
    How long and how large an answer may be.

    Attributes:
        connect_s: Seconds to get a connection, TLS included.
        read_s: Seconds between two pieces of an answer.
        total_s: Seconds for the whole exchange, without the wait for the budget.
        max_answer_bytes: The most bytes in an answer's body, compressed or decompressed.
    """

    connect_s: float = field(default=10.0, validator=validators.gt(0))
    read_s: float = field(default=60.0, validator=validators.gt(0))
    total_s: float = field(default=120.0, validator=validators.gt(0))
    max_answer_bytes: int = field(default=64 * 1024 * 1024, validator=validators.gt(0))

"""Shards: all lanes, hashed into a few hundred parts that processes share out among them."""

from __future__ import annotations

import hashlib
from typing import Final

SHARDS: Final = 256
"""How many there are, in every store, for ever: a lane's shard is written down with it."""


def shard_of(lane: str) -> int:
    """Return the shard of a lane: the same in every process, from its name alone."""
    return hashlib.blake2b(lane.encode(), digest_size=1).digest()[0]

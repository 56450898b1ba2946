"""What is kept of a body: its beginning, without a secret in it, compressed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from batchhub._http.journal import KEPT_BYTES, READ_BYTES, Body
from batchhub._http.scrubber import Scrubber

_LOST: Final = b"<%d bytes; not kept: %s>"
_OVERLAP_BYTES: Final = READ_BYTES - KEPT_BYTES


def keep_bodies(
    sent: Body | None, received: Body | None, secrets: Iterable[str], origin: str
) -> tuple[bytes | None, bytes | None]:
    """
    Return a request's and an answer's body as they are kept; `None` for none.

    Beside the account's secrets, what the form shows to be one is blanked, as in recorded cases:
    the value of a field that is named so, the query of an address. What is secret in one of the two
    is blanked in both.

    Args:
        sent: The request's body.
        received: The answer's.
        secrets: The account's secrets.
        origin: Scheme, host and port of the account's own host.
    """
    scrubber = Scrubber(secrets, origin)
    while True:  # what is secret in one may stand before it, too
        known = scrubber.found
        kept = _keep(sent, scrubber), _keep(received, scrubber)
        if scrubber.found == known:
            return _pack(kept[0]), _pack(kept[1])


def unpack(kept: bytes | None) -> bytes | None:
    """
    Return a body as it was kept.

    Raises:
        ValueError: It is damaged.
    """
    try:
        return None if kept is None else zlib.decompress(kept)
    except zlib.error as error:
        raise ValueError(f"a body is damaged: {error}") from None


def _pack(body: bytes | None) -> bytes | None:
    return None if body is None else zlib.compress(body)


def _keep(body: Body | None, scrubber: Scrubber) -> bytes | None:
    if body is None:
        return None
    try:
        scrubbed = scrubber.body(_cut(body), body.content_type)[:KEPT_BYTES]
    except Exception as error:  # an answer nobody has thought of
        return _LOST % (body.size_bytes, type(error).__name__.encode())
    if len(scrubbed) == KEPT_BYTES or not body.is_whole:
        scrubbed += b"\n<cut: %d bytes in all>" % body.size_bytes
    return scrubbed


def _cut(body: Body) -> bytes:
    """Return what is kept of a body that is blanked; a secret at the end of `data` may be half."""
    data = body.data
    if body.is_whole:
        return data
    return data[: max(0, min(KEPT_BYTES, len(data) - _OVERLAP_BYTES))]

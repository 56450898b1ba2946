"""The wire between hosts: what was sent when, what came back, and what is lost on it."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final

from attrs import define, field

from .accounts import KINDS

if TYPE_CHECKING:
    from simloop._net import _Packet

    from .loop import WorldLoop

_REQUEST: Final = re.compile(rb"(GET|POST|PUT|DELETE) (\S+) HTTP/1\.1\r\n")
_ANSWER: Final = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_RETRY_AFTER: Final = re.compile(rb"\r\nRetry-After: (\d+)\r\n", re.IGNORECASE)
_MARK: Final = re.compile(b"|".join({kind.mark: b"" for kind in KINDS.values()}))


@define(kw_only=True, eq=False)
class Sent:
    """
    A request as it left a host, and what came of it there.

    Attributes:
        at_s: When it left, in virtual seconds.
        begun_s: When it began: with a new connection earlier than it left.
        host: Which host sent it.
        vendor: To whom.
        method: Its HTTP method.
        path: Its path with query.
        marks: The items in it.
        connection: Its connection.
        heard_s: When the host heard the beginning of an answer; `None` if it never did.
        status: The HTTP status of that answer.
        retry_after_s: The silence it asked for, if it did.
    """

    at_s: float
    begun_s: float
    host: str
    vendor: str
    method: str
    path: str
    connection: int
    marks: set[int] = field(factory=set)
    heard_s: float | None = None
    status: int = 0
    retry_after_s: int | None = None

    @property
    def is_submit(self) -> bool:
        """Whether a batch was in it."""
        return bool(self.marks)


class Wire:
    """
    What is seen on the wire, and lost.

    Streams are reliable, so a lost packet is a connection on which nothing comes any more.

    Attributes:
        sent: Requests that left a host, in order.
        loss: The chance that a packet, and with it the rest of its connection, is lost.
        lost: The connections that were.
    """

    def __init__(self, loop: WorldLoop, seed: int) -> None:
        self._loop = loop
        self._chance = random.Random(f"{seed}:wire")
        self._known: set[int] = set()
        self._opened: dict[int, float] = {}
        self._latest: dict[int, Sent] = {}
        self.sent: list[Sent] = []
        self.loss = 0.0
        self.lost: set[int] = set()

    def passes(self, packet: _Packet) -> bool:
        """Note a packet that is sent; return whether it is on its way."""
        if self._loop.is_dead(packet.src) and packet.kind != "rst":
            return False
        if packet.uid in self._known:
            return True  # it waited for the end of a partition
        self._known.add(packet.uid)
        if packet.kind == "syn":
            self._opened[packet.conn] = self._loop.time()
        elif packet.kind == "data":
            self._note_request(packet)
        if packet.conn in self.lost:
            return False
        if self.loss and self._chance.random() < self.loss:
            self.lost.add(packet.conn)
            return False
        return True

    def note_arrival(self, packet: _Packet) -> None:
        """Note a packet that has arrived, in the order of its connection."""
        if packet.kind != "data" or self._loop.is_dead(packet.dst):
            return
        request = self._latest.get(packet.conn)
        found = _ANSWER.match(packet.payload)
        if request is None or found is None or request.host != packet.dst:
            return
        wait = _RETRY_AFTER.search(packet.payload)
        request.heard_s = self._loop.time()
        request.status = int(found.group(1))
        request.retry_after_s = int(wait.group(1)) if wait else None

    def _note_request(self, packet: _Packet) -> None:
        found = _REQUEST.match(packet.payload)
        if found:
            now_s = self._loop.time()
            is_first = packet.conn not in self._latest
            request = Sent(
                at_s=now_s,
                begun_s=self._opened.get(packet.conn, now_s) if is_first else now_s,
                host=packet.src,
                vendor=packet.dst,
                method=found.group(1).decode(),
                path=found.group(2).decode(),
                connection=packet.conn,
            )
            self._latest[packet.conn] = request
            self.sent.append(request)
        latest = self._latest.get(packet.conn)
        if latest is not None and latest.host == packet.src and latest.method in {"POST", "PUT"}:
            latest.marks.update(_find_marks(packet.payload))


def _find_marks(payload: bytes) -> set[int]:
    """Return the marks in a packet, in the way of whichever vendor."""
    return {int(next(filter(None, found.groups()))) for found in _MARK.finditer(payload)}

"""Metrics as text, in the form that whoever scrapes asks for."""

from __future__ import annotations

import gzip
from typing import Final

from attrs import frozen
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

_LEVEL: Final = 1
"""The fastest: the text repeats itself so much that more of it wins little."""

_WORTH_PACKING: Final = 4096
"""Bytes below which it is sent as it is."""


@frozen
class Exposed:
    """
    A scrape.

    Attributes:
        body: The text.
        content_type: Its form.
        is_packed: Whether it is compressed by gzip.
    """

    body: bytes
    content_type: str
    is_packed: bool


class Exposition:
    """
    Writes metrics down, and those of the process itself: memory, CPU time, open files.

    Args:
        collector: Makes the metrics.
    """

    def __init__(self, collector: Collector) -> None:
        # Of its own: what else a program measures is not ours to show, nor the other way round.
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    def expose(self, accept: str, accept_encoding: str) -> Exposed:
        """Write down all metrics as they are now; the arguments are the headers of the request."""
        try:
            encode, content_type = choose_encoder(accept)
        except Exception:  # a header of nonsense; the library raises whatever that leads to
            encode, content_type = choose_encoder("")
        body = encode(self._registry)
        if len(body) >= _WORTH_PACKING and gzip_accepted(accept_encoding):
            return Exposed(gzip.compress(body, _LEVEL), content_type, True)
        return Exposed(body, content_type, False)

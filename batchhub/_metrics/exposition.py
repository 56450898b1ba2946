"""Metrics as text, in the form that whoever scrapes asks for."""

from __future__ import annotations

import asyncio
import gzip
from typing import Final

from attrs import frozen
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from .budget_lines import BudgetLines, Encode
from .collector import HubCollector
from .labels import Roster
from .sampled import SampleCollector
from .sampler import Sampler

_LEVEL: Final = 1
"""The fastest: the text repeats itself so much that more of it wins little."""

_WORTH_PACKING: Final = 4096
"""Bytes below which it is sent as it is."""


_END: Final = b"# EOF\n"
"""What ends a scrape in the form of OpenMetrics."""

_MOST_FORMS: Final = 10
"""How many forms are kept: they are named by whoever scrapes."""


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

    Those of the store are written down once for all scrapes until they are others: of hundreds of
    accounts that takes longer than all else.

    Args:
        live: Makes the metrics that are others with each scrape.
        sampler: Knows the store.
    """

    def __init__(self, live: HubCollector, sampler: Sampler) -> None:
        # Of its own: what else a program measures is not ours to show, nor the other way round.
        self._registry = _register(live)
        ProcessCollector(registry=self._registry)
        self._live = live
        self._sampler = sampler
        self._written_of: Roster | None = None
        self._written: dict[str, bytes] = {}
        self._budgets: dict[str, BudgetLines] = {}

    async def expose(self, accept: str, accept_encoding: str) -> Exposed:
        """Write down all metrics as they are now; the arguments are the headers of the request."""
        try:
            encode, content_type = choose_encoder(accept)
        except Exception:  # a header of nonsense; the library raises whatever that leads to
            encode, content_type = choose_encoder("")
        body = b""
        for write in (self._write_sampled, self._write_budgets, self._write_live):
            body += write(encode, content_type)
            await asyncio.sleep(0)  # polls that are due go in between
        if len(body) >= _WORTH_PACKING and gzip_accepted(accept_encoding):
            return Exposed(gzip.compress(body, _LEVEL), content_type, True)
        return Exposed(body, content_type, False)

    def _write_sampled(self, encode: Encode, content_type: str) -> bytes:
        """Return what the last look at the store gave, in one form, and without an end."""
        roster = self._sampler.roster  # which is another one after each look
        if roster is not self._written_of:
            self._written_of, self._written = roster, {}
        if content_type not in self._written:
            if len(self._written) >= _MOST_FORMS:
                self._written.clear()
            registry = _register(SampleCollector(self._sampler.sample, roster))
            self._written[content_type] = encode(registry).removesuffix(_END)
        return self._written[content_type]

    def _write_budgets(self, encode: Encode, content_type: str) -> bytes:
        if content_type not in self._budgets:
            if len(self._budgets) >= _MOST_FORMS:
                self._budgets.clear()
            self._budgets[content_type] = BudgetLines(encode)
        return self._budgets[content_type].write(self._live.budgets())

    def _write_live(self, encode: Encode, content_type: str) -> bytes:
        del content_type
        return encode(self._registry)


def _register(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry

"""A server of figures, and what somebody who scrapes it gets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from attrs import define
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from batchhub import BatchHub
from batchhub._metrics import MetricsServer

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@define
class Scraped:
    """
    What a scrape gave.

    Attributes:
        text: As it came.
        families: What Prometheus makes of it, by name.
    """

    text: str
    families: Mapping[str, Metric]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a sample; `None` if there is none."""
        found = [
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        ]
        assert len(found) <= 1
        return found[0] if found else None

    def samples(self, name: str) -> dict[tuple[str, ...], float]:
        """Return all samples of a name, by the values of their labels in the order of these."""
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name
        }


@define
class Watched:
    """A server of figures that is up, and who asks it."""

    server: MetricsServer
    session: aiohttp.ClientSession

    async def look(self) -> None:
        """Have it look at the store now."""
        assert self.server._sampler is not None
        await self.server._sampler.look()

    async def get(
        self, path: str, method: str = "GET", **headers: str
    ) -> tuple[int, Mapping[str, str], str]:
        """Ask for something; return status, headers and text."""
        url = f"http://{self.server.address}{path}"
        async with self.session.request(method, url, headers=headers) as response:
            return response.status, response.headers, await response.text()

    async def scrape(self, *, openmetrics: bool = False) -> Scraped:
        """Scrape it as Prometheus does."""
        headers = {"Accept": OPENMETRICS} if openmetrics else {}
        status, _, text = await self.get("/metrics", **headers)
        assert status == 200, text
        parse = parse_openmetrics if openmetrics else parse_text
        return Scraped(text, {family.name: family for family in parse(text)})

    async def health(self) -> tuple[int, dict[str, Any]]:
        """Ask how it does; return the status and the checks."""
        status, headers, text = await self.get("/healthz")
        assert headers["Content-Type"] == "application/json"
        verdict = json.loads(text)
        assert verdict["status"] == ("ok" if status == 200 else "failing")
        return status, verdict["checks"]


@asynccontextmanager
async def watched(hub: BatchHub, **options: Any) -> AsyncIterator[Watched]:
    """Serve the figures of a hub that is open; the store is looked at when the test says so."""
    server = MetricsServer("127.0.0.1:0", hub, **options)
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Watched(server, session)
    finally:
        await server.aclose()

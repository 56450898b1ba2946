"""Where figures are served: what may be asked for, in which form, and addresses that don't work."""

from __future__ import annotations

import asyncio
import gzip
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import frozen
from support.hubs import scripted_world
from support.metrics import OPENMETRICS, watched
from support.vendor import ScriptedAccount

from batchhub import BatchHub
from batchhub._metrics import MetricsServer
from batchhub._metrics.listen import Address, read_address
from batchhub.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":9400", None, 9400),
        ("0.0.0.0:9400", "0.0.0.0", 9400),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("metrics.internal:9400", "metrics.internal", 9400),
        ("[::1]:9400", "::1", 9400),
        (" [fe80::1%eth0]:65535 ", "fe80::1%eth0", 65535),
    ],
)
def test_addresses(text: str, host: str | None, port: int) -> None:
    """Any interface, by name or by number."""
    address = read_address(text, "--metrics-listen")
    assert address == Address(host, port)
    assert read_address(str(address), "") == address


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "9400", "host", "host:", "host:x", "host:-1", ":65536", ":123456", "::1:9400"),
        *("[::1]", "[::1]9400", "http://host:9400", "host:9400/metrics", "a b:1", "[host:1", "²:²"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """In a line that says what it takes."""
    with pytest.raises(UsageError, match=r"--metrics-listen takes HOST:PORT, :PORT .* not '"):
        MetricsServer(text, BatchHub(drives=True))


async def test_only_two_paths_and_two_methods() -> None:
    """All else is refused in a line; a HEAD has no body."""
    async with scripted_world() as world, watched(world.hub) as metrics:
        for path in ("/", "/metrics/", "/metric", "/healthz/x", "/%2e%2e/etc/passwd"):
            status, _, text = await metrics.get(path)
            assert (status, text) == (404, "404 Not Found; there is /metrics and /healthz\n")
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            status, headers, _ = await metrics.get("/metrics", method)
            assert (status, headers["Allow"]) == (405, "GET,HEAD")
        for path in ("/metrics", "/healthz"):
            status, headers, text = await metrics.get(path, "HEAD")
            assert (status, text) == (200, "")
            assert headers["Cache-Control"] == "no-store"
            assert headers["Server"] == "batchhub"
            assert (await metrics.get(f"{path}?x=1"))[0] == 200


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("application/openmetrics-text; version=x.y", "text/plain"),
        ("application/openmetrics-text; version=", ""),
        ("text/plain; version=1.0.0; escaping=nonsense", "text/plain"),
        ("," * 5000, "text/plain"),
    ],
)
async def test_the_form_is_the_one_asked_for(accept: str, content_type: str) -> None:
    """As the library decides; nonsense gets the plain one."""
    async with scripted_world() as world, watched(world.hub) as metrics:
        status, headers, text = await metrics.get("/metrics", Accept=accept)
    assert status == 200
    assert headers["Content-Type"].startswith(content_type)
    assert ("# EOF" in text) == headers["Content-Type"].startswith("application/openmetrics")


async def test_it_is_compressed_for_those_who_take_that() -> None:
    """And is the same text."""
    async with scripted_world() as world, watched(world.hub) as metrics:
        url = f"http://{metrics.server.address}/metrics"
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            async with session.get(url, headers={"Accept-Encoding": "gzip"}) as response:
                assert response.headers["Content-Encoding"] == "gzip"
                packed = gzip.decompress(await response.read())
            async with session.get(url, headers={"Accept-Encoding": "identity"}) as response:
                assert "Content-Encoding" not in response.headers
                plain = await response.read()
    assert packed.splitlines()[:50] == plain.splitlines()[:50]


@pytest.mark.parametrize("identity", [RuntimeError("no identity"), 7, ["x"]])
async def test_an_account_that_breaks_a_rule_breaks_no_figure(
    tmp_path: Path, identity: object
) -> None:
    """It is refused where it is used, and nowhere else."""

    @frozen(kw_only=True)
    class Broken(ScriptedAccount):
        @property
        def lane(self) -> Any:
            if isinstance(identity, Exception):
                raise identity
            return identity

    accounts = {"bad": Broken(), "shop": ScriptedAccount()}
    async with BatchHub(tmp_path / "jobs.db", accounts) as hub, watched(hub) as metrics:
        await metrics.look()
        scraped = await metrics.scrape()
    assert scraped.value("batchhub_accounts", adapter="scripted") == 2


async def test_many_at_once() -> None:
    """Each gets its answer."""
    async with scripted_world() as world, watched(world.hub) as metrics:
        answers = await asyncio.gather(*(metrics.get("/metrics") for _ in range(50)))
    assert {status for status, _, _ in answers} == {200}


async def test_a_fault_of_ours_is_logged_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next scrape may be well."""

    def fail(_: object) -> None:
        raise RuntimeError("a private matter")

    async with scripted_world() as world, watched(world.hub) as metrics:
        with monkeypatch.context() as patch:
            patch.setattr("batchhub._metrics.collector.HubCollector.collect", fail)
            status, _, text = await metrics.get("/metrics")
        assert (status, text) == (500, "internal error; see the log\n")
        assert "RuntimeError: a private matter" in caplog.text
        assert (await metrics.get("/metrics"))[0] == 200


async def test_an_address_that_is_taken() -> None:
    """One line says so; nothing is left open, and the hub goes on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with scripted_world() as world:
            server = MetricsServer(address, world.hub)
            for _ in range(2):
                with pytest.raises(UsageError) as caught:
                    await server.start()
            with pytest.raises(UsageError):
                await server.run()
            await server.aclose()
    assert str(caught.value) == (
        f"can't listen on {address}: Address already in use; choose another address with "
        "--metrics-listen"
    )


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("192.0.2.1:9400", "Cannot assign requested address"),
        ("no-such-host.invalid:9400", ""),
        (f"{'a' * 70}.example:9400", ""),
    ],
)
async def test_an_address_that_is_not_this_machines(listen: str, why: str) -> None:
    """One line, as the system puts it."""
    async with scripted_world() as world:
        with pytest.raises(UsageError, match=r"can't listen on .*: \S.*; choose another") as caught:
            await MetricsServer(listen, world.hub).start()
    assert why in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


async def test_an_address_that_is_not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a low port, for most users."""

    async def refuse(_: object) -> None:
        raise PermissionError(13, "error while attempting to bind on address")

    monkeypatch.setattr("aiohttp.web.TCPSite.start", refuse)
    async with scripted_world() as world:
        with pytest.raises(UsageError, match="can't listen on :80: Permission denied; choose"):
            await MetricsServer(":80", world.hub).start()


async def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says how to install it."""
    for name in [name for name in sys.modules if name.startswith("batchhub._metrics.")]:
        if name.endswith(("collector", "exposition")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    async with scripted_world() as world:
        with pytest.raises(UsageError, match=r"pip install 'batchhub\[metrics\]'"):
            await MetricsServer("127.0.0.1:0", world.hub).start()

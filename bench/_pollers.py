"""
Pollers that are compared: a plain loop, batchhub, and the pollers of other packages.

Each is given the vendor's address, a number of its own for its paths, and how many tickets to keep
asking about, each every five seconds on average (but for `adaptive`). It calls `ready` when all are
being asked about, and goes on until its task is cancelled.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
from attrs import evolve, frozen

from batchhub import BatchHub
from batchhub.models import BatchItem, BatchState
from batchhub.polling import Fixed, PollRule
from batchhub_ecwid import EcwidAccount, EcwidAdapter, put

from ._status_server import ITEMS

EVERY_S: Final = 5.0
"""Seconds between two polls of a ticket: the usual interval."""

_HEADERS: Final = {"Authorization": "Bearer secret_abcdefghijklmnop"}


@frozen
class Setting:
    """What a poller is given."""

    url: str
    caller: int
    tickets: int
    ready: Callable[[], None]

    def ticket_url(self, number: int) -> str:
        """Return what is asked for, for the ticket of that number."""
        return f"{self.url}/api/v3/{self.caller}/batch?ticket=x{number}"

    async def spread(self, poll: Callable[[int], Awaitable[object]]) -> None:
        """Start the loops of all tickets, spread over one interval."""

        async def start(number: int) -> None:
            await asyncio.sleep(EVERY_S * number / self.tickets)
            await poll(number)

        asyncio.get_running_loop().call_later(EVERY_S, self.ready)
        await asyncio.gather(*(start(number) for number in range(self.tickets)))


async def plain(setting: Setting) -> None:
    """Get, read, sleep: what a user would write, without anything around it."""
    async with aiohttp.ClientSession(headers=_HEADERS) as session:

        async def poll(number: int) -> None:
            while True:
                async with session.get(setting.ticket_url(number)) as response:
                    status = json.loads(await response.read())
                if status["status"] == "COMPLETED":
                    return
                await asyncio.sleep(EVERY_S)

        await setting.spread(poll)


async def batchhub(setting: Setting) -> None:
    """Drive jobs of one ticket each, in one lane, with the store on disk."""
    await _drive(setting, Fixed(EVERY_S))


async def adaptive(setting: Setting) -> None:
    """Do the same by the rule that is the default: it asks when it pays."""
    await _drive(setting, None)


async def _drive(setting: Setting, rule: PollRule | None) -> None:
    EcwidAdapter.operations = {
        "batch": evolve(
            EcwidAdapter.operations["batch"], tickets_per_lane=None, runs_in_order=False
        )
    }
    account = EcwidAccount(
        store_id=setting.caller,
        token="secret_abcdefghijklmnop",
        base_url=setting.url,
        requests_per_minute=10**9,
    )
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "jobs.db"
        async with BatchHub(store, {"shop": account}, polling=rule) as hub:
            jobs = [await hub.submit("shop", _items(n)) for n in range(setting.tickets)]
            for job in jobs:
                async for status in job.watch():
                    if status.state is not BatchState.PENDING:
                        break
        # A hub that takes them over spreads their polls over the interval, as the others do.
        async with BatchHub(store, {"shop": account}, polling=rule) as hub:
            asyncio.get_running_loop().call_later(2 * EVERY_S, setting.ready)
            await hub.resume()


def _items(job: int) -> Iterator[BatchItem]:
    """Make a job's items; they change nothing that another job's do, so that none has to wait."""
    for number in range(job * ITEMS + 1, (job + 1) * ITEMS + 1):
        yield put(f"/products/{number}", {"price": number})


async def azure(setting: Setting) -> None:
    """`AsyncLROPoller` of azure-core, on aiohttp, with the policies a client of theirs has."""
    from azure.core import AsyncPipelineClient  # noqa: PLC0415
    from azure.core.pipeline import policies  # noqa: PLC0415
    from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415
    from azure.core.polling import AsyncLROPoller, base_polling  # noqa: PLC0415
    from azure.core.polling.async_base_polling import AsyncLROBasePolling  # noqa: PLC0415
    from azure.core.rest import HttpRequest  # noqa: PLC0415

    resource: Any = base_polling.OperationResourcePolling

    class Operation(resource):  # type: ignore[misc]
        def can_poll(self, pipeline_response: Any) -> bool:
            del pipeline_response
            return True

        def set_initial_status(self, pipeline_response: Any) -> str:
            self._request = pipeline_response.http_request
            self._async_url, self._location_url = str(self._request.url), None
            return "InProgress"

    policy_list = [
        policies.RequestIdPolicy(),
        policies.HeadersPolicy(_HEADERS),
        policies.UserAgentPolicy("bench"),
        policies.ContentDecodePolicy(),
        policies.AsyncRedirectPolicy(),
        policies.AsyncRetryPolicy(),
        policies.CustomHookPolicy(),
    ]
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        transport = AioHttpTransport(session=session, session_owner=False)
        client: Any = AsyncPipelineClient(setting.url, transport=transport, policies=policy_list)

        async def poll(number: int) -> None:
            request = HttpRequest("GET", setting.ticket_url(number))
            first = await client.send_request(request, _return_pipeline_response=True)
            method: Any = AsyncLROBasePolling(timeout=EVERY_S, lro_algorithms=[Operation()])
            await AsyncLROPoller(client, first, lambda _: None, method).result()

        await setting.spread(poll)


async def google(setting: Setting) -> None:
    """`AsyncOperation` of google-api-core, refreshed by a plain call on aiohttp."""
    from google.api_core import operation_async, retry, retry_async  # noqa: PLC0415
    from google.api_core.future import async_future  # noqa: PLC0415
    from google.longrunning import operations_pb2  # noqa: PLC0415
    from google.protobuf import empty_pb2  # noqa: PLC0415

    pb2: Any = operations_pb2
    make_operation: Any = operation_async.AsyncOperation
    pace: Any = retry_async.AsyncRetry(  # sleeps for uniform(0, delay)
        predicate=retry.if_exception_type(async_future._OperationNotComplete),  # noqa: SLF001
        initial=2 * EVERY_S,
        maximum=2 * EVERY_S,
        multiplier=1.0,
        timeout=None,
    )
    async with aiohttp.ClientSession(headers=_HEADERS) as session:

        async def poll(number: int) -> None:
            async def refresh(retry: object = None) -> Any:
                del retry
                async with session.get(setting.ticket_url(number)) as response:
                    status = json.loads(await response.read())
                return pb2.Operation(name=str(number), done=status["status"] == "COMPLETED")

            async def cancel() -> None: ...

            first = pb2.Operation(name=str(number))
            operation = make_operation(first, refresh, cancel, empty_pb2.Empty, retry=pace)
            await operation.result(timeout=None)

        await setting.spread(poll)


async def batchwork(setting: Setting) -> None:
    """
    `BatchJob.wait` of batchwork-ai, on its own client, httpx.

    With a tenth of the tickets: with all of them a core does not keep up.
    """
    import httpx  # noqa: PLC0415
    from batchwork.job import BatchJob  # noqa: PLC0415
    from batchwork.providers import get_adapter  # noqa: PLC0415
    from batchwork.types import (  # noqa: PLC0415
        BatchProvider,
        BatchRequestCounts,
        BatchSnapshot,
        BatchStatus,
        ProviderCredentials,
    )

    setting = evolve(setting, tickets=max(1, setting.tickets // 10))
    async with httpx.AsyncClient(timeout=60) as client:
        adapter = get_adapter("openai", http_client=client)
        credentials = ProviderCredentials(
            api_key="x", base_url=f"{setting.url}/{setting.caller}/v1"
        )

        async def poll(number: int) -> None:
            snapshot = BatchSnapshot(
                id=f"b{number}",
                provider=BatchProvider.OPENAI,
                status=BatchStatus.IN_PROGRESS,
                request_counts=BatchRequestCounts(total=ITEMS, completed=0, failed=0),
            )
            await BatchJob(adapter, credentials, snapshot).wait(poll_interval=EVERY_S)

        await setting.spread(poll)


async def botocore(setting: Setting) -> None:
    """A waiter of botocore: synchronous, so a thread a ticket."""
    import botocore.session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.waiter import WaiterModel, create_waiter_with_client  # noqa: PLC0415

    client: Any = botocore.session.Session().create_client(
        "bedrock",
        region_name="us-east-1",
        endpoint_url=f"{setting.url}/{setting.caller}",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(max_pool_connections=64),
    )
    ended = {
        "argument": "status",
        "expected": "Completed",
        "matcher": "path",
        "state": "success",
    }
    ends: Mapping[str, Any] = {
        "operation": "GetModelInvocationJob",
        "delay": EVERY_S,
        "maxAttempts": 10**9,
        "acceptors": [ended],
    }
    model: Any = WaiterModel({"version": 2, "waiters": {"JobEnded": ends}})

    async def poll(number: int) -> None:
        waiter: Any = create_waiter_with_client("JobEnded", model, client)
        arguments = {"jobIdentifier": f"x{number:011d}"}
        threading.Thread(target=waiter.wait, kwargs=arguments, daemon=True).start()

    await setting.spread(poll)
    await asyncio.Event().wait()


POLLERS: Final[Mapping[str, Callable[[Setting], Awaitable[None]]]] = {
    "plain": plain,
    "batchhub": batchhub,
    "adaptive": adaptive,
    "google": google,
    "azure": azure,
    "botocore": botocore,
    "batchwork": batchwork,
}
"""By the names that the command takes."""

PACKAGES: Final[Mapping[str, str]] = {
    "google": "google-api-core",
    "azure": "azure-core",
    "botocore": "botocore",
    "batchwork": "batchwork-ai",
}
"""What has to be installed for some of them."""

"""All pages of a search as one job: how many it finds, then a page of 100 after another."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final, overload

import msgspec
from attrs import frozen

from batchhub.errors import InputError, ResultsMissingError
from batchhub.models import BatchItem, ItemResult

from .items import get
from .paths import Params

if TYPE_CHECKING:
    from batchhub import BatchHub, BatchJob
    from batchhub import sync as _sync

PAGE_SIZE: Final = 100
"""Source: the vendor's pages "Search orders" and "Search products", `limit`: the most of a page."""

_OPTIONS: Final = {"allow_parallel_mode": True}
_OWN: Final = ("limit", "offset")


class _Total(msgspec.Struct):
    total: int


@overload
def submit_pages(
    hub: BatchHub,
    account: str,
    path: str,
    *,
    params: Params | None = None,
    key: str | None = None,
    label: str | None = None,
    timeout_s: float | None = None,
) -> Coroutine[Any, Any, BatchJob]: ...


@overload
def submit_pages(
    hub: _sync.BatchHub,
    account: str,
    path: str,
    *,
    params: Params | None = None,
    key: str | None = None,
    label: str | None = None,
    timeout_s: float | None = None,
) -> _sync.BatchJob: ...


def submit_pages(
    hub: BatchHub | _sync.BatchHub,
    account: str,
    path: str,
    *,
    params: Params | None = None,
    key: str | None = None,
    label: str | None = None,
    timeout_s: float | None = None,
) -> Coroutine[Any, Any, BatchJob] | _sync.BatchJob:
    """
    Submit a job that reads all pages of a search, such as ``/orders`` or ``/products``.

    A first job of one item asks how many the search finds, and is waited for; the job that is
    returned then has an item for each page of 100, whose id is the page's offset. Pages are counted
    from the start, so the search should find the same while it is read: give it an upper bound that
    has passed, such as ``createdTo``, or what is new pushes others to the next page.

    Await it with a `BatchHub`; a hub of `batchhub.sync` returns the job itself.

    Source: the vendor's pages "Search orders" and "Search products", `limit` (at most 100) and
    `offset`; its pages on batch requests, allowParallelMode (reading has no order to keep).
    Assumed: `responseFields` with `total` alone gives the number of all.

    Args:
        hub: The hub, async or sync.
        account: The name of the account of the shop.
        path: The path of the search, without a query.
        params: What to search for: the query without `limit` and `offset`. A `responseFields` of
            your own needs ``items(…)`` around what is wanted of each.
        key: The idempotency key of the job; that of the first one is ``KEY/total``. Without a key,
            the same call is another search.
        label: A description of the job.
        timeout_s: Seconds to wait for the first job at most; `None` for no limit.

    Returns:
        The job, submitted and not waited for. A search that finds nothing has one empty page.

    Raises:
        InputError: The path has a query, or `params` has `limit` or `offset`.
        ItemFailedError: The search is refused, with the vendor's words.
        BodyError: The answer is none of a search.
        KeyConflictError: A key belongs to another search.
        WaitTimeoutError: The time is up; the first job goes on.
    """
    if "?" in path:
        raise InputError(f"path {path[:60]!r} has a query; hand it over as params")
    for name in _OWN:
        if name in (params or {}):
            raise InputError(f"params has {name!r}, which is set for each page")
    search = _Search(account, path, dict(params or {}), key, label)
    if inspect.iscoroutinefunction(hub.submit):
        return _submit(hub, search, timeout_s)
    return _submit_blocking(hub, search, timeout_s)


@frozen
class _Search:
    """What is searched for, and the two jobs that are made of it."""

    account: str
    path: str
    params: dict[str, Any]
    key: str | None
    label: str | None

    def count(self) -> dict[str, Any]:
        """Return the arguments of the job that asks how many there are."""
        params = {**self.params, "responseFields": "total", "limit": 1}
        return {
            "account": self.account,
            "items": [get(self.path, params=params, id="total")],
            "key": None if self.key is None else f"{self.key}/total",
            "label": self.label,
        }

    def pages(self, total: int) -> dict[str, Any]:
        """Return the arguments of the job with an item for each page."""
        return {
            "account": self.account,
            "items": self._make_pages(total),
            "key": self.key,
            "label": self.label,
            "options": _OPTIONS,
        }

    def _make_pages(self, total: int) -> Iterator[BatchItem]:
        for offset in range(0, max(total, 1), PAGE_SIZE):
            params = {**self.params, "limit": PAGE_SIZE, "offset": offset}
            yield get(self.path, params=params, id=str(offset))


async def _submit(hub: Any, search: _Search, timeout_s: float | None) -> BatchJob:
    job = await hub.submit(**search.count())
    await job.wait(timeout_s=timeout_s)
    total = _read_total([result async for result in job.results()], job.id)
    made: BatchJob = await hub.submit(**search.pages(total))
    return made


def _submit_blocking(hub: Any, search: _Search, timeout_s: float | None) -> _sync.BatchJob:
    job = hub.submit(**search.count())
    job.wait(timeout_s=timeout_s)
    total = _read_total(list(job.results()), job.id)
    made: _sync.BatchJob = hub.submit(**search.pages(total))
    return made


def _read_total(results: list[ItemResult], job_id: str) -> int:
    if not results:
        raise ResultsMissingError(f"job {job_id} has no result: nobody knows how many there are")
    return results[0].as_(_Total).total

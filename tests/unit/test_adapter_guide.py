"""What the guide to adapters says in tables is what happens."""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from attrs import define, field
from support.hosts import Host, open_host
from support.hubs import numbered
from support.pages import DOCS
from support.patience import PATIENCE_S
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor, capable

from batchhub import BatchHub, BatchState, Outcome, errors
from batchhub.adapter import Accepted, Attempt, Credentials, Observation, Transport
from batchhub.errors import AdapterError, CredentialsError, NoAnswerError
from batchhub.sandbox import HangUpError
from batchhub.testing import FakeClock
from batchhub_initech import InitechAdapter
from batchhub_initech.sandbox import InitechSandbox

GUIDE: Final = (DOCS / "write-an-adapter.md").read_text(encoding="utf-8")
TAKEN: Final = Accepted(vendor_refs=("r1",))
LONG_S: Final = 24 * 3600.0


def read_table(header: str) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the rows of the table whose first column is called so."""
    _, _, rest = GUIDE.partition(f"\n| {header} |")
    lines = itertools.takewhile(
        lambda line: line.startswith("|"), f"| {header} |{rest}".split("\n")
    )
    first, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return first, rows


# What an error means.

HEADERS, ROWS = read_table("raised")
VERBS: Final = HEADERS[1:]
CELLS: Final = [
    (name, verb, meaning)
    for names, *meanings in ROWS
    for name in re.findall(r"\w*Error", names)
    for verb, meaning in zip(VERBS, meanings, strict=True)
]
UNSAID: Final = {
    "BatchHubError",
    "UsageError",
    "SettingsError",
    "NotKnownError",
    "KeyConflictError",
    "WaitTimeoutError",
    "BodyError",
    "ItemFailedError",
    "VendorError",
    "ContactError",
    "StoreError",
    "StoreVersionError",
}
"""Roots, and what no adapter has a reason to raise."""


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """A host that answers anything with 200."""
    async with open_host() as host:
        yield host


def test_each_error_is_in_the_table() -> None:
    """But those that an adapter has no reason to raise."""
    assert {name for name, _, _ in CELLS} == set(errors.__all__) - UNSAID | {"KeyError"}
    assert len(VERBS) == 7


@pytest.mark.parametrize(("name", "verb", "meaning"), CELLS)
async def test_what_an_error_of_a_verb_means(
    name: str, verb: str, meaning: str, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is raised once, or three times in a row where that is the question."""

    def make() -> Exception:
        error: Exception = KeyError("id")
        return error if name == "KeyError" else getattr(errors, name)("it broke")

    async def find(self: ScriptedAdapter, attempt: Attempt) -> Accepted | None:
        assert isinstance(self.account.vendor, Searched)
        return self.account.vendor.search()

    monkeypatch.setattr(ScriptedAdapter, "find_attempt", find, raising=False)
    vendor = TROUBLES[verb](make)
    found = await find_meaning(vendor, host, cancels=verb == "`cancel`")
    assert ("again" if verb == "`find_attempt`" and found == "doubt" else found) == meaning


Make = Callable[[], Exception]


@define
class Searched(Vendor):
    """
    A vendor whose batches can be searched.

    Attributes:
        searches: What the first searches raise.
        searched: How many searches found what they were for.
    """

    searches: deque[Exception] = field(factory=deque)
    searched: int = 0

    def search(self) -> Accepted:
        """Raise the next entry, or find the batch."""
        if self.searches:
            raise self.searches.popleft()
        self.searched += 1
        return TAKEN


def in_submit(make: Make, *requests: tuple[str, str]) -> Searched:
    """Let the first submit fail after some requests that were answered; it can be searched."""

    async def talk(transport: Transport) -> Accepted:
        for method, path in requests:
            await transport.request(method, path)
        raise make()

    vendor = Searched(submits=deque([talk]))
    capable(vendor, finds_attempts=True)
    return vendor


def in_search(make: Make) -> Vendor:
    """Let a search fail once."""
    vendor = in_submit(lambda: NoAnswerError("silence"), ("POST", "/batches"))
    vendor.searches = deque([make()])
    return vendor


def in_poll(make: Make) -> Vendor:
    """Let three polls in a row fail, of a ticket that is not fresh any more."""
    return capable(Vendor(polls=deque([make() for _ in range(3)])), visibility_grace_s=0.0)


def in_results(make: Make) -> Vendor:
    """Let the results fail three times in a row, where nobody is patient."""
    vendor = Vendor(reports=deque([make() for _ in range(3)]))
    return capable(vendor, visibility_grace_s=0.0, results_grace_s=0.0)


def in_cancel(make: Make) -> Vendor:
    """Let a cancel fail once, while the ticket runs for long."""
    running = [Observation(words=("Running",))] * 20
    return capable(Vendor(cancels=deque([make()]), polls=deque(running)), can_cancel=True)


def in_authorize(make: Make) -> Vendor:
    """Let the first call for credentials fail."""
    troubles = [make()]

    async def authorize(transport: Transport, again: bool) -> Credentials:
        if troubles:
            raise troubles.pop()
        return Credentials()

    async def talk(transport: Transport) -> Accepted:
        await transport.request("POST", "/batches")
        return TAKEN

    return Vendor(authorize=authorize, submits=deque([talk] * 3))


TROUBLES: Final[dict[str, Callable[[Make], Vendor]]] = {
    "`submit`, before the first effect": lambda make: in_submit(make, ("GET", "/lookup")),
    "`submit`, after it": lambda make: in_submit(make, ("POST", "/batches")),
    "`find_attempt`": in_search,
    "`poll`": in_poll,
    "`fetch_results`": in_results,
    "`cancel`": in_cancel,
    "`authorize`": in_authorize,
}


async def find_meaning(vendor: Vendor, host: Host, *, cancels: bool) -> str:
    """Send a job of two items, and say in the table's words what became of it."""
    clock = FakeClock()
    account = ScriptedAccount(vendor=vendor, base_url=host.url)
    async with clock.running():
        with pytest.warns(UserWarning, match="memory"):
            hub = await BatchHub(None, {"shop": account}, clock=clock, seed=1).__aenter__()
        try:
            job = await hub.submit("shop", numbered(2))
            if cancels:
                while not vendor.polled:
                    await clock.sleep(0.1)
                await job.cancel()
            try:
                status = await job.wait(timeout_s=LONG_S)
            except (CredentialsError, AdapterError):
                return "pauses"
        finally:
            await hub.aclose()
    if status.is_held:
        return "held"
    if status.outcome is Outcome.SUCCEEDED:
        goes_on = any(finding.code == "not_cancelled" for finding in status.findings)
        is_found = isinstance(vendor, Searched) and vendor.searched > 0
        return "goes on" if goes_on else "doubt" if is_found else "again"
    return {BatchState.FAILED: "fails", BatchState.LOST: "lost"}.get(status.state, "unknown")


# Where a process ends.

_, CRASHES = read_table("the process ends")

_NAMES: Final = re.compile(r"/(files|feeds)/[^/]+")
_REQUEST: Final = re.compile(r"`((?:GET|POST|PUT) [^`]+)`")


class DyingSandbox(InitechSandbox):
    """
    Initech, to which a process speaks that ends.

    Attributes:
        dies_at: The request during which it ends, and whether that was executed; `None`
            if none is.
        is_dead: Whether it has ended: what it asks then reaches nobody.
        on_end: Called then.
    """

    dies_at: tuple[str, bool] | None = None
    is_dead = False
    on_end: Callable[[], None]

    def make_app(self, host: str = "") -> web.Application:
        """Stand before each call."""
        app = super().make_app(host)
        app.middlewares.append(self._end_process)
        return app

    def die(self) -> None:
        """Let the process end now."""
        self.is_dead = True
        self.on_end()

    @web.middleware
    async def _end_process(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.is_dead:
            raise HangUpError("from beyond")
        if self.dies_at is None or self.dies_at[0] != shorten(request.method, request.path):
            return await handler(request)  # type: ignore[no-any-return]
        if self.dies_at[1]:
            await handler(request)
        self.die()
        raise HangUpError("the process has ended")


def shorten(method: str, path: str) -> str:
    """Return a request as the guide names it."""
    return f"{method} " + _NAMES.sub(r"/\1/{id}", path)


@pytest.mark.parametrize(("moment", "known", "then"), CRASHES, ids=[row[0] for row in CRASHES])
async def test_where_a_process_ends_the_next_one_goes_on(
    moment: str, known: str, then: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it asks is what the guide says, and each item runs once."""
    clock = FakeClock()
    sandbox = DyingSandbox(clock=clock)
    stores = [tmp_path / "jobs.db", tmp_path / "copy.db"]
    ended = asyncio.Event()

    def copy_store() -> None:
        with closing(sqlite3.connect(stores[0])) as left, closing(sqlite3.connect(stores[1])) as at:
            left.backup(at)
        ended.set()

    sandbox.on_end = copy_store
    plan_the_end(moment, sandbox, monkeypatch)
    items = [{"sku": f"A-{n}", "price": n} for n in range(3)]
    async with clock.running(), sandbox.running() as url:
        accounts = {"seller": sandbox.account(url)}
        options: dict[str, Any] = {"clock": clock, "seed": 1, "adapters": [InitechAdapter]}
        async with BatchHub(stores[0], accounts, **options) as hub:
            job_id = (await hub.submit("seller", items)).id
            await asyncio.wait_for(ended.wait(), PATIENCE_S)
        asked = len(sandbox.journal)
        sandbox.is_dead, sandbox.dies_at = False, None
        async with BatchHub(stores[1], accounts, **options) as hub:
            await hub.resume()
            status = await (await hub.job(job_id)).refresh()
    seen = [shorten(entry.method, entry.path) for entry in sandbox.journal[asked:]]
    requests = [name for name, _ in itertools.groupby(seen) if name != "POST /token"]
    expected = _REQUEST.findall(then)
    assert requests[: len(expected)] == expected
    assert status.outcome is Outcome.SUCCEEDED
    assert sorted(each.item_id or "" for each in sandbox.executions) == ["A-0", "A-1", "A-2"]


def plan_the_end(moment: str, sandbox: DyingSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process end where a row of the guide says."""
    if moment == "while it is polled":
        sandbox.dies_at = ("GET /feeds/{id}", True)
    elif moment == "after `steps.keep`":
        original = InitechAdapter._make_feed

        async def die_first(self: InitechAdapter, document_id: str) -> Accepted:
            if not sandbox.is_dead and sandbox.dies_at is not None:
                sandbox.die()
            return await original(self, document_id)

        sandbox.dies_at = ("", True)
        monkeypatch.setattr(InitechAdapter, "_make_feed", die_first)
    else:
        match = _REQUEST.search(moment)
        assert match is not None
        sandbox.dies_at = (match[1], "never arrives" not in moment)

"""
How long after the vendor's end the results are there, end to end, and for how many requests.

    python -m bench.lag [RULE ...] [--jobs N] [--accounts N]

A hub for each rule (such as "fixed 5"; the first is what others are compared with) sends the same
jobs at the same moments to sandboxes of its own, in another process, in real time: at Ecwid one
batch runs after another for 2 to 10 s, at Mircate they run side by side for 5 to 40 s. The lag of a
job is the time from the end of its last item at the vendor until `job.wait()` returns, when all its
results are in the store. Takes one to two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from batchhub import BatchHub
from batchhub.adapter import Account
from batchhub.job import BatchJob
from batchhub.models import BatchItem
from batchhub_ecwid import put

from ._figures import at_part
from ._sandboxes import read_journal, sandboxes
from ._versions import show_versions

RULES: Final = ("adaptive", "fixed 5", "fixed 1", "backoff 1 2 60")
_KINDS: Final = ("ecwid", "mircate")
_OVER_S: Final = 30.0
"""Seconds over which the jobs are handed over."""


@frozen
class Ended:
    """A job that ended: its batches at the vendor, and when its results were there."""

    account: str
    refs: frozenset[str]
    done_s: float


@frozen
class Seen:
    """What a rule came to at the accounts of one vendor."""

    lags_s: list[float] = field(factory=list)
    requests: list[int] = field(factory=list)
    """Of each account."""


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(prog="python -m bench.lag", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rules", nargs="*", metavar="RULE", default=list(RULES))
    parser.add_argument("--jobs", type=int, default=12, help="of each account")
    parser.add_argument("--accounts", type=int, default=1, help="of each vendor")
    options = parser.parse_args(arguments)
    kinds = [kind for kind in _KINDS for _ in range(options.accounts)]
    with sandboxes(kinds * len(options.rules)) as found:
        each = [found[i : i + len(kinds)] for i in range(0, len(found), len(kinds))]
        accounts = {
            rule: dict(zip(_name(kinds), some, strict=True))
            for rule, some in zip(options.rules, each, strict=True)
        }
        ended = asyncio.run(_run_all(accounts, options.jobs))
        seen = {rule: _judge(accounts[rule], ended[rule]) for rule in options.rules}
    show_versions("batchhub", "aiohttp")
    print(f"{options.jobs} jobs at each of {options.accounts} accounts of each vendor, real time")
    for kind in _KINDS:
        _show(kind, {rule: by_kind[kind] for rule, by_kind in seen.items()}, options.jobs)


def _name(kinds: Sequence[str]) -> Iterator[str]:
    return (f"{kind}-{number}" for number, kind in enumerate(kinds))


async def _run_all(
    accounts: Mapping[str, Mapping[str, Account]], jobs: int
) -> Mapping[str, list[Ended]]:
    ended = await asyncio.gather(*(_run(rule, some, jobs) for rule, some in accounts.items()))
    return dict(zip(accounts, ended, strict=True))


async def _run(rule: str, accounts: Mapping[str, Account], jobs: int) -> list[Ended]:
    with tempfile.TemporaryDirectory() as folder:
        async with BatchHub(Path(folder) / "jobs.db", accounts, polling=rule) as hub:
            running = [
                _run_job(hub, name, number, jobs) for name in accounts for number in range(jobs)
            ]
            return await asyncio.gather(*running)


async def _run_job(hub: BatchHub, account: str, number: int, jobs: int) -> Ended:
    rng = random.Random(f"{account} {number}")  # the same jobs for every rule
    await asyncio.sleep(_OVER_S * (number + rng.random()) / jobs)
    job = await hub.submit(account, _items(account, number, rng.randint(60, 500)))
    await job.wait()
    return Ended(account, frozenset(_refs(job)), time.time())


def _refs(job: BatchJob) -> Iterator[str]:
    for ticket in job.status.tickets:
        yield from ticket.vendor_refs


def _items(account: str, job: int, count: int) -> Iterator[BatchItem | Mapping[str, Any]]:
    """Make the items of a job; they change nothing that another job's do."""
    for number in range(1000 * job, 1000 * job + count):
        if account.startswith("ecwid"):
            yield put(f"/products/{number + 1}", {"price": number})
        else:
            yield {"sku": f"A-{number + 1}", "price": number + 1}


def _judge(accounts: Mapping[str, Account], ended: Sequence[Ended]) -> Mapping[str, Seen]:
    seen = {kind: Seen() for kind in _KINDS}
    for name, account in accounts.items():
        journal = read_journal(account.base_url)
        of_kind = seen[name.partition("-")[0]]
        of_kind.requests.append(len(journal["requests"]))
        last_s: dict[str, float] = {}
        for execution in journal["executions"]:
            at_s = datetime.fromisoformat(execution["at"]).timestamp()
            last_s[execution["ticket"]] = max(at_s, last_s.get(execution["ticket"], 0.0))
        for job in ended:
            if job.account == name:
                of_kind.lags_s.append(job.done_s - max(last_s[ref] for ref in job.refs))
    return seen


def _show(kind: str, seen: Mapping[str, Seen], jobs: int) -> None:
    print(f"{kind}: from the vendor's end until the results are stored, s")
    print(f"  {'':<16} {'mean':>6} {'p50':>6} {'p95':>6} {'most':>6}  requests a job, and x")
    base = statistics.mean(next(iter(seen.values())).requests) / jobs
    for rule, each in seen.items():
        lags = sorted(each.lags_s)
        p50, p95 = at_part(lags, 0.5), at_part(lags, 0.95)
        requests = statistics.mean(each.requests) / jobs
        print(
            f"  {rule:<16} {statistics.mean(lags):6.2f} {p50:6.2f} {p95:6.2f} {lags[-1]:6.2f} "
            f"{requests:9.1f} {requests / base:6.2f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])

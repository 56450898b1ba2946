"""
What the record of exchanges costs: a poll that goes well, and a request that is recorded.

    python -m bench.exchanges [--rounds N] [--requests N]

Requests of one adapter's transport, to a vendor in another process, in turn, in rounds: polls
without a record and with one, which is not to cost anything; and what a fetch sends, which is
recorded, its head alone or with its body. In the event loop's thread, and in all of them, where the
record is written. Ratios are medians of each round's.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import define, evolve

from batchhub._base import waits
from batchhub._base.clock import SystemClock
from batchhub._base.file_mode import FileMode
from batchhub._exchanges import ExchangeLog
from batchhub._http.journal import settle
from batchhub.adapter import Budget
from batchhub.transport import Session, Transport, open_session
from batchhub_ecwid import EcwidAccount, EcwidAdapter

from ._status_server import serving
from ._versions import show_versions

_PATH = "/api/v3/1/batch?ticket=t0000001"
_ACCOUNT = EcwidAccount(store_id=1, token="secret_abcdefghijklmnop", base_url="http://127.0.0.1:9")
BASE = "poll, no record"
BASE_OF_FETCH = "fetch, no record"


@define
class Case:
    """Requests of a kind, and the CPU seconds that each took, in the loop and in all, by round."""

    verb: str
    transport: Transport
    loop_s: list[float]
    all_s: list[float]


def _make(url: str, session: Session, record: ExchangeLog | None, exchanges: str) -> Transport:
    account = evolve(_ACCOUNT, base_url=url, exchanges=exchanges)
    transport = Transport(
        session=session,
        clock=SystemClock(),
        vendor=EcwidAdapter.name,
        account=account,
        budget=Budget(requests=10**9, per_s=1.0),
        explain=EcwidAdapter.explain,
    )
    transport.bind(EcwidAdapter(account, transport).authorize)
    if record is not None:
        transport.keep_exchanges(record, "shop")
    return transport


async def _measure(url: str, options: argparse.Namespace) -> dict[str, Case]:
    with tempfile.TemporaryDirectory() as folder:
        record = ExchangeLog(Path(folder) / "jobs.db", FileMode.PRIVATE, SystemClock())
        async with open_session(lanes=5) as session:
            cases = {
                name: Case(verb, _make(url, session, log, exchanges), [], [])
                for name, verb, log, exchanges in (
                    (BASE, "poll", None, "heads"),
                    ("poll, record of heads", "poll", record, "heads"),
                    ("poll, record of bodies", "poll", record, "bodies"),
                    (BASE_OF_FETCH, "fetch_results", None, "heads"),
                    ("fetch, head recorded", "fetch_results", record, "heads"),
                    ("fetch, body recorded", "fetch_results", record, "bodies"),
                )
            }
            for number in range(options.rounds + 1):
                for case in cases.values():
                    await _measure_one(case, record, options, is_counted=bool(number))
        record.close(60.0)
    return cases


async def _measure_one(
    case: Case, record: ExchangeLog, options: argparse.Namespace, *, is_counted: bool
) -> None:
    waits_of_it = waits.Waits(verb=case.verb)
    waits.current.set(waits_of_it)
    gc.collect()
    loop_s, all_s = time.thread_time(), time.process_time()
    for _ in range(options.requests):
        await case.transport.request("GET", _PATH)
        settle(waits_of_it, None)
    loop_s = time.thread_time() - loop_s
    record.flush(60.0)
    all_s = time.process_time() - all_s
    if is_counted:  # the first round made its connection
        case.loop_s.append(loop_s / options.requests)
        case.all_s.append(all_s / options.requests)


def _read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.exchanges", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--requests", type=int, default=500, help="of each in a round")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    options = _read_options(arguments)
    with serving() as url:
        cases = asyncio.run(_measure(url, options))
    show_versions("batchhub", "aiohttp")
    for name, case in cases.items():
        base = cases[BASE if case.verb == "poll" else BASE_OF_FETCH]
        in_loop, in_all = _ratio(case.loop_s, base.loop_s), _ratio(case.all_s, base.all_s)
        loop_us = statistics.median(case.loop_s) * 1e6
        print(
            f"  {name:<24} {loop_us:7.1f} us in the loop  {in_loop:5.2f} x, in all {in_all:5.2f} x"
        )


def _ratio(these: Sequence[float], others: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(these, others, strict=True))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])

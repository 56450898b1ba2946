"""
What a visitor of the page costs a process that drives: how late its polls are.

    python -m bench.visitor [--rounds N] [--seconds S] [--jobs N]

A process polls a hundred tickets once a second, in a store with ten thousand jobs. Another one,
`batchhub web`, serves the page of that store. In turn nobody looks at it, a visitor does who opens
another screen every two seconds and keeps it up to date meanwhile as browsers do, and one who opens
one after the other as fast as they come. The table has how long after it was due a poll was
answered, the 99th percentile, and its ratio to that of the window before, with nobody there; and
how long the screens took.

The page shares no loop with the driving, but the processors: with two of them a greedy visitor is
also felt because the stand-in, the page and the visitor run there.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from ._figures import at_part
from ._status_server import serving
from ._versions import show_versions

GOAL: Final = 1.2
GOAL_S: Final = 0.150
PACES: Final[Mapping[str, float]] = {"human": 2.0, "greedy": 0.0}
"""Seconds between two screens of a visitor."""

PATHS: Final = ("/", "/jobs", "/jobs?state=open", "/failures", "/jobs/page-large", "/items")


@frozen
class Seen:
    """What a visitor has seen."""

    took_s: dict[str, list[float]] = field(factory=dict)
    refreshed: list[float] = field(factory=list)


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.visitor", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12.0, help="of a window")
    parser.add_argument("--jobs", type=int, default=10_000, help="in the store")
    options = parser.parse_args(arguments)
    page_of, fill = _load_helpers()
    found: dict[str, list[Any]] = {pace: [] for pace in PACES}
    seen = {pace: Seen() for pace in PACES}
    with tempfile.TemporaryDirectory() as name, serving() as url:
        folder = Path(name)
        fill(folder / "jobs.db", jobs=options.jobs, items=10 * options.jobs)
        (folder / "batchhub.toml").write_text('store = "jobs.db"\n')
        with _Driver(url, folder / "jobs.db").running() as driver, page_of(folder) as page:
            for number in range(options.rounds):
                for pace, every_s in PACES.items():
                    without = driver.measure(options.seconds)
                    with _Visitor(page, every_s, seen[pace]).looking():
                        beside = driver.measure(options.seconds)
                    found[pace].append((without, beside))
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    show_versions("batchhub", "aiohttp")
    _show(found, seen)


def _load_helpers() -> tuple[Any, Any]:
    """Return what starts the page and what fills a store: the tests have both."""
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    from support.browsing.page import running_page  # noqa: PLC0415
    from support.page_store import fill_page_store  # noqa: PLC0415

    return running_page, fill_page_store


class _Driver:
    """The process that drives."""

    def __init__(self, url: str, store: Path) -> None:
        self._command = [sys.executable, "-m", "bench._visited_child", url, "1", str(store)]

    @contextmanager
    def running(self) -> Iterator[_Driver]:
        """Run it while the block runs."""
        pipe = subprocess.PIPE
        with subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True) as process:
            self._process = process
            try:
                self._read()
                yield self
            finally:
                process.kill()

    def measure(self, seconds: float) -> Mapping[str, float]:
        """Have it measure for so long."""
        assert self._process.stdin is not None
        print(seconds, file=self._process.stdin, flush=True)
        found: Mapping[str, float] = json.loads(self._read())
        return found

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the driving process has failed")
        return line


class _Visitor:
    """Somebody who looks at the page: opens screens, and keeps what is open up to date."""

    def __init__(self, page: Any, every_s: float, seen: Seen) -> None:
        self._url = page.url
        self._headers = {"Cookie": "=".join(page.make_session("operator"))}
        self._every_s = every_s
        self._seen = seen
        self._is_over, self._has_changed = threading.Event(), threading.Event()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look while the block runs."""
        threads = [threading.Thread(target=each) for each in (self._listen, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join()

    def _listen(self) -> None:
        """Hold a stream open, as a page does."""
        connection = _connect(self._url)
        connection.request("GET", "/", headers=self._headers)
        page = connection.getresponse().read().decode()
        found = re.search(r'sse-connect="([^"]+)"', page)
        assert found
        connection.request("GET", unescape(found[1]), headers=self._headers)
        answer = connection.getresponse()
        while not self._is_over.is_set() and (line := answer.readline()):
            if line.startswith(b"event: changed"):
                self._has_changed.set()
        connection.close()

    def _look(self) -> None:
        connection = _connect(self._url)
        for path in itertools.cycle(PATHS):
            taken = self._fetch(connection, path)
            self._seen.took_s.setdefault(path, []).append(taken)
            until_s = time.monotonic() + self._every_s
            while not self._is_over.is_set() and (left_s := until_s - time.monotonic()) > 0:
                if self._has_changed.wait(min(left_s, 0.2)):
                    self._has_changed.clear()
                    self._seen.refreshed.append(self._fetch(connection, path, is_fragment=True))
            if self._is_over.is_set():
                break
        connection.close()

    def _fetch(
        self, connection: http.client.HTTPConnection, path: str, *, is_fragment: bool = False
    ) -> float:
        began_s = time.monotonic()
        headers = {**self._headers, "Accept-Encoding": "gzip"}
        connection.request(
            "GET", path, headers=headers | ({"HX-Request": "true"} if is_fragment else {})
        )
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{path}: {answer.status}")
        return time.monotonic() - began_s


def _connect(url: str) -> http.client.HTTPConnection:
    where = urlsplit(url)
    return http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)


def _show(found: Mapping[str, Sequence[Any]], seen: Mapping[str, Seen]) -> None:
    rounds = len(next(iter(found.values())))
    print(f"100 polls a second, and a visitor; medians of {rounds} pairs of windows")
    print(f"  {'':<8} {'p99 without, ms':>16} {'with, ms':>9} {'x':>6} {'CPU of driving, x':>18}")
    for pace, pairs in found.items():
        without_s = statistics.median(one["p99_s"] for one, _ in pairs)
        beside_s = statistics.median(one["p99_s"] for _, one in pairs)
        ratio = statistics.median(two["p99_s"] / one["p99_s"] for one, two in pairs)
        cpu = statistics.median(two["cpu_s"] / one["cpu_s"] for one, two in pairs)
        print(
            f"  {pace:<8} {without_s * 1000:16.2f} {beside_s * 1000:9.2f} {ratio:6.2f} {cpu:18.2f}"
        )
    print(f"  to reach: {GOAL} x")
    for pace, each in seen.items():
        looks = sum(map(len, each.took_s.values()))
        print(f"{pace}: {looks} screens and {len(each.refreshed)} refreshments, ms")
        for path, taken in each.took_s.items():
            p50, p95 = (at_part(sorted(taken), part) * 1000 for part in (0.5, 0.95))
            print(f"  {path:<24} p50 {p50:7.1f}  p95 {p95:7.1f}")
    print(f"  to reach for the first screen: {GOAL_S * 1000:.0f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])

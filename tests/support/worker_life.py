"""A worker's life: jobs of others, and one trouble after another; and what it leaves behind."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final, Protocol

from attrs import define, field, frozen

from batchhub import ItemState
from batchhub.sync import BatchHub
from batchhub_ecwid import EcwidAccount
from batchhub_ecwid.sandbox import EcwidSandbox
from support.crash_lab import wait_until
from support.notify_socket import notify_socket
from support.stand_ins import standing_in
from support.truth import check_truth

ACCOUNTS: Final = {"shop": 1003, "other": 1004, "extra": 1005}
TROUBLES: Final = (
    "lock_store",
    "fill_disk",
    "revoke",
    "break_settings",
    "storm",
    "toggle_account",
    "vendor_fails",
    "stand_still",
)
_MORE_FILES: Final = 8  # connections that are kept open for a while
_MORE_THREADS: Final = 6  # those that are lent, which are made when they are first wanted
_MORE_KIB: Final = 16 * 1024
_ALERTS: Final = 'alerts.channels.any = { type = "command", command = "true" }\n'
_TERMINAL: Final = ("completed", "failed", "cancelled", "lost")


class Watched(Protocol):
    """A worker that runs, in whatever way."""

    pid: int

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        ...

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        ...

    def count(self) -> dict[str, int]:
        """Return what else can be counted of it, by names."""
        ...


@frozen(kw_only=True)
class Span:
    """
    How long it lives.

    Attributes:
        seconds: For so long jobs and troubles come; each trouble comes at least once.
        pause_s: Seconds between two of them.
        trouble_s: Seconds that a trouble lasts.
        warm_s: Seconds after which it is looked at for the first time.
    """

    seconds: float
    pause_s: float
    trouble_s: float
    warm_s: float = 120.0


@frozen(kw_only=True)
class Sample:
    """What a process has at a moment: memory, open files, threads, and what else is counted."""

    rss_kib: int
    files: int
    threads: int
    more: dict[str, int]

    def __str__(self) -> str:
        """Return it in a line."""
        more = "".join(f" {name}={value}" for name, value in self.more.items())
        return f"rss={self.rss_kib / 1024:.1f}MiB files={self.files} threads={self.threads}{more}"


@define
class Life:
    """
    Runs a worker, and troubles it.

    Attributes:
        folder: Where its settings and its store are.
        rng: Decides what happens.
        start: Starts the worker there, with these variables.
        say: Told what happens.
        first: What it had after it had warmed up, at rest.
        last: What it had in the end, at rest.
        most: The most memory seen, in KiB.
        jobs: The ids of the items of each job, by its id.
        troubles: Which troubles there were.
    """

    folder: Path
    rng: random.Random
    start: Callable[[Path, Mapping[str, str]], Watched]
    say: Callable[[str], None] = lambda _: None
    first: Sample | None = None
    last: Sample | None = None
    most: int = 0
    jobs: dict[str, list[str]] = field(factory=dict)
    troubles: list[str] = field(factory=list)
    _shops: dict[str, EcwidSandbox] = field(factory=dict)
    _urls: dict[str, str] = field(factory=dict)
    _tokens: int = 0
    _has_extra: bool = True
    _worker: Any = None

    def live(self, span: Span) -> None:
        """
        Let it live to its end.

        Raises:
            AssertionError: It ended by itself, or with another code than 0; or some item has not
                exactly one result, or ran twice.
        """
        with ExitStack() as stack:
            for name, number in ACCOUNTS.items():
                shop = self._shops[name] = EcwidSandbox(store_id=number)
                shop.change_switches({"item_time_s": 0.01, "requests_per_minute": 1_000_000})
                self._urls[name] = stack.enter_context(standing_in(shop))
            self._write_token()
            self._write_settings()
            manager = stack.enter_context(notify_socket(f"@{self.folder}"))
            self._worker = self.start(self.folder, {"NOTIFY_SOCKET": manager.address})
            try:
                manager.receive_until("READY")
                # The rest is of no interest, and a full socket would hold the worker up.
                manager.close()
                self._go_through(span)
                self._worker.send(signal.SIGTERM)
                code = self._worker.wait()
                assert code == 0, f"it ended with {code}"
            finally:
                with ExitStack() as ending:
                    ending.callback(self._kill)
        self._judge()

    @property
    def has_met_all(self) -> bool:
        """Whether there was each trouble."""
        return {*self.troubles} == {*TROUBLES}

    def assert_flat(self) -> None:
        """Check that it did not grow from its first rest to its last."""
        assert self.first is not None
        assert self.last is not None
        assert self.last.files <= self.first.files + _MORE_FILES, self.summary()
        assert self.last.threads <= self.first.threads + _MORE_THREADS, self.summary()
        assert self.last.rss_kib <= self.first.rss_kib + _MORE_KIB, self.summary()
        for name, value in self.first.more.items():
            assert self.last.more[name] <= value * 1.2 + 2, self.summary()

    def summary(self) -> str:
        """Return in some lines what there was."""
        items = sum(map(len, self.jobs.values()))
        return (
            f"jobs={len(self.jobs)} items={items} troubles={len(self.troubles)}\n"
            f"warm: {self.first}\nend:  {self.last}\nmost: rss={self.most / 1024:.1f}MiB"
        )

    def _kill(self) -> None:
        try:
            os.kill(self._worker.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _go_through(self, span: Span) -> None:
        began_s = time.monotonic()
        kinds = self._deal()
        while (passed_s := time.monotonic() - began_s) < span.seconds or not self.has_met_all:
            for _ in range(self.rng.randint(1, 3)):
                self._hand_over()
            if self.first is None and passed_s >= span.warm_s:
                self.first = self._rest()
                self.say(f"{passed_s:.0f}s warm: {self.first}")
            kind = next(kinds)
            self.troubles.append(kind)
            getattr(self, f"_{kind}")(span.trouble_s)
            time.sleep(span.pause_s)
            sample = self._sample()
            self.most = max(self.most, sample.rss_kib)
            self.say(f"{passed_s:.0f}s {kind}: {sample}; {self._count_open()} open jobs")
        self.last = self._rest()

    def _deal(self) -> Iterator[str]:
        while True:
            yield from self.rng.sample(TROUBLES, len(TROUBLES))

    def _rest(self) -> Sample:
        """Wait until all jobs have ended, and look at what it has then."""
        if not self._has_extra:
            self._toggle_account(0.0)
        wait_until(lambda: self._count_open() == 0, "the end of all jobs")
        time.sleep(0.5)
        return self._sample(is_deep=True)

    def _sample(self, *, is_deep: bool = False) -> Sample:
        pid = self._worker.pid
        status = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if ":" in line
        )
        return Sample(
            rss_kib=int(status["VmRSS"].split()[0]),
            files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
            threads=int(status["Threads"]),
            more=self._worker.count() if is_deep else {},
        )

    # Jobs, as other processes hand them over.

    def _hand_over(self) -> None:
        name = self.rng.choice(list(ACCOUNTS))
        number = len(self.jobs)
        items = [
            {
                "id": f"j{number}-{n}",
                "method": "POST",
                "path": "/products",
                "body": {"name": f"new {n}"},
            }
            for n in range(self.rng.randint(1, 60))
        ]
        account = EcwidAccount(
            store_id=ACCOUNTS[name], token="unused_token", base_url=self._urls[name]
        )
        with BatchHub(self.folder / "jobs.db", {name: account}, drives=False) as hub:
            job = hub.submit(name, items).id
        self.jobs[job] = [str(item["id"]) for item in items]

    def _count_open(self) -> int:
        with closing(sqlite3.connect(self.folder / "jobs.db", timeout=60)) as store:
            marks = ",".join("?" * len(_TERMINAL))
            row = store.execute(
                f"SELECT COUNT(*) FROM jobs WHERE state NOT IN ({marks})", _TERMINAL
            ).fetchone()
        return int(row[0])

    # Settings.

    def _write_token(self) -> None:
        self._replace("token", f"secret_sandbox_{self._tokens}\n")
        for shop in self._shops.values():
            shop.token = f"secret_sandbox_{self._tokens}"

    def _write_settings(self, more: str = "") -> None:
        text = f'store = "jobs.db"\npolling = "fixed 0.3"\n{_ALERTS}{more}'
        for name, number in ACCOUNTS.items():
            if name != "extra" or self._has_extra:
                text += (
                    f'[accounts.{name}]\nadapter = "ecwid"\nstore_id = {number}\n'
                    f'token = {{ file = "token" }}\nbase_url = "{self._urls[name]}"\n'
                )
        self._replace("batchhub.toml", text)

    def _replace(self, name: str, text: str) -> None:
        new = self.folder / f"{name}~"
        new.touch(0o600)
        new.write_text(text)
        new.replace(self.folder / name)

    def _reload(self) -> None:
        self._worker.send(signal.SIGHUP)

    # Troubles.

    def _lock_store(self, seconds: float) -> None:
        """Another program writes, and does not come to its end."""
        with closing(sqlite3.connect(self.folder / "jobs.db", timeout=60)) as store:
            store.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            store.rollback()

    def _fill_disk(self, seconds: float) -> None:
        """The worker can't write any more; whoever hands over can."""
        _, hard = resource.prlimit(self._worker.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._worker.pid, resource.RLIMIT_FSIZE, (4096, hard))
        self._hand_over()
        time.sleep(seconds)
        resource.prlimit(self._worker.pid, resource.RLIMIT_FSIZE, (hard, hard))

    def _revoke(self, seconds: float) -> None:
        """The shops take another token; somebody replaces it, and has the settings read."""
        self._tokens += 1
        for shop in self._shops.values():
            shop.token = f"secret_sandbox_{self._tokens}"
        self._hand_over()
        time.sleep(seconds)
        self._write_token()
        self._reload()

    def _break_settings(self, seconds: float) -> None:
        """Wrong in one way or another, for a while."""
        self._write_settings(self.rng.choice(["[accounts", "nonsense = 1\n", "store_mode = 5\n"]))
        self._reload()
        self._hand_over()
        time.sleep(seconds / 4)
        self._write_settings()
        self._reload()

    def _storm(self, _: float) -> None:
        """Somebody's loop sends one signal after another."""
        for _ in range(50):
            self._reload()
            time.sleep(0.005)

    def _toggle_account(self, _: float) -> None:
        """An account is taken out of the settings, or put in again."""
        self._has_extra = not self._has_extra
        self._write_settings()
        self._reload()

    def _vendor_fails(self, _: float) -> None:
        """As they do."""
        for shop in self._shops.values():
            shop.change_switches({"answer_5xx": 1, "cut_polls": 1, "lost_submit_answers": 1})

    def _stand_still(self, seconds: float) -> None:
        """It is stopped, and goes on."""
        self._worker.send(signal.SIGSTOP)
        time.sleep(seconds / 2)
        self._worker.send(signal.SIGCONT)

    # What is left.

    def _judge(self) -> None:
        """Hold every item against what the shops say."""
        executions = [each.to_json() for shop in self._shops.values() for each in shop.executions]
        by_id: dict[str, list[dict[str, Any]]] = {}
        for each in executions:
            by_id.setdefault(each["item_id"], []).append(each)
        with BatchHub(self.folder / "jobs.db", drives=False) as hub:
            for job, names in self.jobs.items():
                results = list(hub.job(job).results())
                ran = [each for name in names for each in by_id.get(name, [])]
                said = [{"id": one.id, "state": one.state.value} for one in results]
                check_truth(names, said, ran)
                states = {result.state for result in results}
                assert states == {ItemState.SUCCEEDED}, f"{job}: {states}"

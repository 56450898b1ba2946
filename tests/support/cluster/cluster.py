"""Workers in processes of their own, a database and shops, to be troubled and then judged."""

from __future__ import annotations

import signal
import time
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import psycopg
from attrs import define, field

from batchhub.errors import NotKnownError, StoreError
from batchhub.sync import BatchHub
from support.cluster import laws
from support.cluster.audit import FIND_ALL, SCHEMA, Held, read_holds
from support.cluster.street import RATE, Shop, Street
from support.cluster.wire import Wire, open_wire
from support.crash_lab import Ended, Lab, Running, wait_until
from support.crashing import Plan
from support.notify_socket import notify_socket
from support.patience import PATIENCE_S
from support.postgres import GUARDED_PASSWORD, PostgresServer

DATABASE: Final = "many"
STOPPED: Final = 0

_RETRY_S: Final = 0.1


@define
class Worker:
    """
    A worker that has started.

    Attributes:
        name: Its name.
        running: Its process.
        wire: What it reaches the database by.
    """

    name: str
    running: Running
    wire: Wire
    _cluster: Cluster

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self.running.pid

    def kill(self) -> None:
        """Let it end without a word."""
        self._cluster.ends.append((self.pid, time.time()))
        self._cluster.workers.remove(self)
        self._cluster.check_said(self.running.kill())

    def pause(self) -> None:
        """Let it stand still."""
        self._cluster.stood_still.add(self.pid)
        self.running.send(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.running.send(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        """Have it hand over what it drives, and end; `wait` waits for that."""
        self._cluster.asked_to_stop.append((self.pid, time.time()))
        self.running.send(signal.SIGTERM)

    def wait(self) -> Ended:
        """Wait for its end, which is as it should be."""
        self._cluster.workers.remove(self)
        ended = self.running.wait()
        self._cluster.check_said(ended)
        assert ended.code == STOPPED, ended.err[-3_000:]
        return ended


@define
class Cluster:
    """
    A database, shops, and workers.

    Attributes:
        folder: Where the settings and the logs are.
        lab: What starts processes.
        street: The shops.
        server: The database's server that takes writes.
        url: Its address, with a password.
        polling: When the workers ask, as settings say it.
        plan: What befalls each worker; the pace of its signs of life.
        rate: The budget of each shop.
        workers: Those that have started and have not ended.
        jobs: The jobs that were handed over, by shop.
        stood_still: Processes that were stopped for a while.
        ends: Processes that were killed, and when.
        asked_to_stop: Those that were asked to stop, and when.
        more: What else is in the settings of each worker.
        env: Its variables, beside the usual.
    """

    folder: Path
    lab: Lab
    street: Street
    server: PostgresServer
    url: str
    polling: str
    plan: Plan
    rate: int = RATE
    workers: list[Worker] = field(factory=list)
    jobs: dict[str, list[str]] = field(factory=dict)
    stood_still: set[int] = field(factory=set)
    ends: list[tuple[int, float]] = field(factory=list)
    asked_to_stop: list[tuple[int, float]] = field(factory=list)
    more: str = ""
    env: dict[str, str] = field(factory=dict)
    _stack: ExitStack = field(factory=ExitStack)
    _names: int = 0

    @property
    def is_alone(self) -> bool:
        """Whether the database has one server only."""
        return "target_session_attrs" not in self.url

    @property
    def shops(self) -> dict[str, Shop]:
        """The shops by the names of their accounts."""
        return self.street.shops

    @property
    def lanes(self) -> dict[str, str]:
        """The lane of each shop."""
        return {name: shop.account.lane for name, shop in self.shops.items()}

    # Workers.

    def start(self, shops: Collection[str] | None = None, *, plan: Plan | None = None) -> Worker:
        """
        Start a worker, and wait until it works.

        Args:
            shops: Those of which its settings know; `None` for all.
            plan: What befalls it; `None` for what befalls each.
        """
        self._names += 1
        name = f"worker{self._names}"
        folder = self.folder / name
        folder.mkdir()
        wire = self._stack.enter_context(open_wire(lambda: self.server.folder))
        self.write_settings(folder, shops, self.url_by(wire))
        with notify_socket(f"@{folder}") as manager:
            running = self.lab.start(
                folder,
                *("worker", "-v", "--grace=5"),
                plan=plan or self.plan,
                env={**self.env, "NOTIFY_SOCKET": manager.address},
            )
            self._stack.callback(running.close)
            manager.receive_until("READY")
        worker = Worker(name, running, wire, self)
        self.workers.append(worker)
        return worker

    def at_work(self, workers: int = 2, *, count: int = 12) -> list[Worker]:
        """
        Start workers, hand items over to all shops, and wait until each worker has asked one.

        Args:
            workers: How many.
            count: How many items each shop gets.
        """
        started = [self.start() for _ in range(workers)]
        self.hand_over(*self.shops, count=count)
        self.wait_for_work()
        return started

    def url_by(self, wire: Wire) -> str:
        """Return the database's address by a wire, unless it has several."""
        return (
            self.url.replace(str(self.server.folder), str(wire.folder))
            if self.is_alone
            else self.url
        )

    def write_settings(self, folder: Path, shops: Collection[str] | None, url: str) -> None:
        """Write a worker's settings file."""
        known = [shop for name, shop in self.shops.items() if shops is None or name in shops]
        text = f'store = "{url}"\npolling = "{self.polling}"\n'
        path = folder / "batchhub.toml"
        path.touch(0o600)
        path.write_text(text + "".join(shop.settings for shop in known) + self.more)

    def check_said(self, ended: Ended) -> None:
        """Check that no password was said."""
        assert GUARDED_PASSWORD not in ended.out + ended.err

    def shops_of(self, worker: Worker) -> set[str]:
        """Return the shops whose lanes a worker has now."""
        owners = self.owners()
        return {name for name, lane in self.lanes.items() if owners.get(lane) == worker.pid}

    def said(self) -> str:
        """Return what all workers that are there have written."""
        return "".join(worker.running.said() for worker in self.workers)

    # Jobs.

    def hand_over(self, *shops: str, count: int = 12) -> None:
        """Hand items over to shops, as a program does that drives nothing: once, whatever comes."""
        left = {name: self.shops[name].make_items(count) for name in shops}
        keys = {name: f"{name}-{len(self.jobs.get(name, []))}" for name in shops}
        end_s = time.monotonic() + PATIENCE_S
        said: list[str] = []
        while left:
            assert time.monotonic() < end_s, said
            accounts = {name: self.shops[name].account for name in left}
            try:
                with BatchHub(self.url, accounts, drives=False) as hub:
                    for name, items in list(left.items()):
                        job = hub.submit(name, items, key=keys[name]).id
                        self.jobs.setdefault(name, []).append(job)
                        del left[name]
            except StoreError as error:
                said.append(str(error))
                time.sleep(_RETRY_S)
        assert GUARDED_PASSWORD not in str(said)

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database, however long it is away."""
        end_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.server.execute(sql, *values, database=DATABASE)
            except psycopg.OperationalError:
                assert time.monotonic() < end_s
                time.sleep(_RETRY_S)

    def count_open(self) -> int:
        """Return how many jobs have not ended."""
        ((count,),) = self.ask(f"SELECT count(*) FROM {SCHEMA}.jobs WHERE ended_at IS NULL")
        return int(count)

    def states(self) -> set[str]:
        """Return the states that there are among the jobs."""
        return {str(state) for (state,) in self.ask(f"SELECT DISTINCT state FROM {SCHEMA}.jobs")}

    def keep_busy(self, count: int = 12) -> None:
        """Hand over more to shops that have nothing to do."""
        open_jobs = self.ask(f"SELECT DISTINCT account FROM {SCHEMA}.jobs WHERE ended_at IS NULL")
        idle = self.shops.keys() - {str(name) for (name,) in open_jobs}
        if idle:
            self.hand_over(*sorted(idle), count=count)

    def cut_one_by_one(self, *, rounds: int, pause_s: float = 0.05) -> set[str]:
        """
        Cut each connection to the database.

        Args:
            rounds: How often.
            pause_s: Seconds between two cuts.

        Returns:
            What the connections called themselves.
        """
        names: set[str] = set()
        for _ in range(rounds):
            found = self.ask(
                "SELECT pid, application_name FROM pg_stat_activity WHERE datname = %s"
                " AND pid <> pg_backend_pid()",
                DATABASE,
            )
            for pid, name in found:
                names.add(str(name))
                self.ask("SELECT pg_terminate_backend(%s)", pid)
                time.sleep(pause_s)
        return names

    def holds(self) -> dict[str, list[Held]]:
        """Return who has had which lane."""
        return read_holds(self.ask(FIND_ALL))

    def owners(self) -> dict[str, int]:
        """Return the process that has each lane now."""
        rows = self.ask(f"SELECT lane, owner_pid FROM {SCHEMA}.lanes WHERE owner IS NOT NULL")
        return {lane: int(pid) for lane, pid in rows}

    def has_been_quiet(self, worker: Worker, seconds: float) -> bool:
        """Whether a worker has asked nobody for some seconds."""
        since = time.time() - seconds
        return not any(e.at > since and e.pid == worker.pid for e in list(self.street.asked))

    def wait_for_asks(self, shops: Collection[str], *, but: int | None = None) -> None:
        """Wait until each of some shops is asked from now on, by another process than one."""
        at = time.time()
        missing = set(shops)

        def all_asked() -> bool:
            asked = {e.shop for e in list(self.street.asked) if e.at >= at and e.pid != but}
            return missing <= asked

        wait_until(all_asked, f"questions at {sorted(missing)}")

    def wait_for_work(self) -> None:
        """Wait until every worker that is there has asked somebody."""
        pids = {worker.pid for worker in self.workers}
        wait_until(
            lambda: pids <= {each.pid for each in list(self.street.asked)}, "all workers at work"
        )

    # What is judged.

    def finish(self) -> None:
        """Wait until all jobs have ended; those that nobody can tell of are given up."""

        def all_ended() -> bool:
            if not self.count_open():
                return True
            self._give_up()
            time.sleep(_RETRY_S)
            return False

        wait_until(all_ended, "the end of all jobs")

    def _give_up(self) -> None:
        found = self.ask(
            f"SELECT job_id, account FROM {SCHEMA}.jobs WHERE state = 'unconfirmed'"
            " AND ended_at IS NULL AND cancelled_at IS NULL"
        )
        if not found:
            return
        accounts = {name: self.shops[name].account for _, name in found}
        try:
            with BatchHub(self.url, accounts, drives=False) as hub:
                for job, _ in found:
                    if hub.job(job).status.is_held:
                        hub.job(job).cancel()
        except (StoreError, NotKnownError):
            time.sleep(_RETRY_S)

    def judge(self) -> laws.Figures:
        """
        Hold all jobs against what the shops saw.

        Raises:
            AssertionError: A law was broken.
        """
        results: dict[str, list[Any]] = {name: [] for name in self.shops}
        with BatchHub(self.url, drives=False) as hub:
            for name, jobs in self.jobs.items():
                results[name] = [list(hub.job(job).results()) for job in jobs]
        figures = laws.check_results(self.shops, results)
        self.check_traffic(figures)
        for worker in self.workers:
            assert GUARDED_PASSWORD not in worker.running.said()
        return figures

    def check_traffic(self, figures: laws.Figures) -> None:
        """
        Hold what was asked so far against who had which lane, and against the budgets.

        Raises:
            AssertionError: A law was broken.
        """
        asked = list(self.street.asked)
        assert all(each.pid for each in asked)
        laws.check_keys(asked, figures)
        laws.check_owners(self.lanes, self.holds(), asked, figures, stood_still=self.stood_still)
        laws.check_budgets(asked, self.rate, late_s=1.0 + self.street.lag_s)

    def end_well(self) -> laws.Figures:
        """
        Wait until all jobs have ended, judge them, and have the workers end, as they should.

        Raises:
            AssertionError: A law was broken, or a worker did not end well.
        """
        self.finish()
        figures = self.judge()
        for worker in self.workers:
            worker.ask_to_stop()
        for worker in list(self.workers):
            worker.wait()
        return figures

    def close(self) -> None:
        """Leave no process behind."""
        self._stack.close()

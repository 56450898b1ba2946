"""The store: a door by subject, and the database behind all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from batchhub._base.clock import Clock
from batchhub._base.file_mode import FileMode
from batchhub._base.measures import StoreMeasures
from batchhub._base.store_place import StorePlace

from .alert_looks import AlertLooks
from .alerts import Alerts
from .attendants import Attendants
from .bell import Bell
from .database import Database
from .deliveries import Deliveries
from .exports import Exports
from .failures import Failures
from .inputs import Inputs
from .jobs import Jobs
from .lanes import Lanes
from .leases import Leases
from .lessons import Lessons
from .loads import Loads
from .opening import open_database
from .pages import Pages
from .pushes import Pushes
from .results import Results
from .shard_leases import ShardLeases
from .store_time import TimeRead, read_time
from .targets import Targets
from .tickets import Tickets
from .vitals import Vitals
from .wishes import Wishes


class Store:
    """
    Jobs, tickets, items and results, durable.

    Attributes:
        jobs: Jobs that have come whole.
        tickets: Their tickets, and the items in them.
        results: What came of the items.
        lanes: Which process drives whose jobs.
        leases: Which process does what one of them does for all.
        shards: Which process drives the lanes of which shard.
        alerts: What is wrong, what is said of it, and who has been told.
        alert_looks: What alerts ask of the jobs.
        attendants: Which processes drive lanes until they are stopped.
        deliveries: The events of jobs that have ended.
        loads: The jobs that come and go by chunks.
        pushes: The calls by vendors.
        wishes: What processes ask of those that drive lanes.
        targets: What items change.
        failures: Items that have not succeeded and that no retry has.
        lessons: What was learned of how long batches take.
        inputs: The rows that items were made of.
        exports: The files that results were written to.
        pages: What the screens of the page show.
        vitals: How the store does, in figures.
        bell: By which its processes hear of each other; `None` where they don't.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self.jobs = Jobs(database)
        self.tickets = Tickets(database)
        self.results = Results(database)
        self.lanes = Lanes(database)
        self.leases = Leases(database)
        self.shards = ShardLeases(database)
        self.alerts = Alerts(database)
        self.alert_looks = AlertLooks(database)
        self.attendants = Attendants(database)
        self.deliveries = Deliveries(database)
        self.loads = Loads(database)
        self.pushes = Pushes(database)
        self.wishes = Wishes(database)
        self.targets = Targets(database)
        self.failures = Failures(database)
        self.lessons = Lessons(database)
        self.inputs = Inputs(database)
        self.exports = Exports(database)
        self.pages = Pages(database)
        self.vitals = Vitals(database)
        self.bell: Bell | None = None

    @classmethod
    async def open(cls, store: str | Path | None, mode: FileMode = FileMode.PRIVATE) -> Store:
        """Open a store by path or URL; `None` is one in memory (see `open_database`)."""
        return cls(await open_database(store, mode))

    def use_bell(self, clock: Clock) -> None:
        """Ring for other processes from now on, and be able to hear them, where that can be."""
        place = self._db.place
        if place.is_postgres and place.listens and not self.is_read_only:
            bell = self.bell = Bell(place, clock)
            self._db.on_commit = lambda lanes, has_jobs: bell.ring(lanes, has_jobs=has_jobs)

    @property
    def place(self) -> StorePlace:
        """Where it is."""
        return self._db.place

    @property
    def path(self) -> Path | None:
        """The file the store is in; `None` for one that is in none."""
        return self._db.path

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use it: any but one in memory."""
        return self._db.place.is_shared

    @property
    def is_cluster(self) -> bool:
        """Whether processes on many machines share out its lanes by shards."""
        return self._db.place.is_postgres

    @property
    def measures(self) -> StoreMeasures:
        """Counts of what was written to it."""
        return self._db.measures

    async def foreign_version(self) -> int:
        """Return a number that changes when another process writes to the store."""
        return await self._db.foreign_version()

    async def read_time(self, clock: Callable[[], float]) -> TimeRead:
        """Return the time of the store's database, and when it was read by the caller's clock."""
        return await self._db.read(lambda connection: read_time(connection, clock))

    @property
    def is_usable(self) -> bool:
        """Whether `check_usable` finds nothing."""
        return self._db.is_usable

    def check_usable(self) -> None:
        """
        Check that the store is open, and that this process has opened it.

        Raises:
            StoreError: It is closed.
            UsageError: This is a fork of the process that opened it.
        """
        self._db.check_usable()

    @property
    def name(self) -> str:
        """What to call the store in messages."""
        return self._db.name

    @property
    def is_read_only(self) -> bool:
        """Whether it could only be opened for reading."""
        return self._db.is_read_only

    def check_loop(self) -> None:
        """
        Check that it can be used by the running event loop.

        Raises:
            StoreError: It is closed.
            UsageError: Another event loop has opened it, or the parent of this process.
        """
        self._db.check_loop()

    @property
    def has_lost_loop(self) -> bool:
        """Whether the event loop it was opened in has ended."""
        return self._db.has_lost_loop

    async def aclose(self) -> None:
        """Finish what has begun and close."""
        try:
            await self._db.aclose()
        finally:
            if self.bell is not None:  # it still rings what was written last
                await self.bell.aclose()

    async def give_back_some(self) -> bool:
        """Give some room of what was deleted back to the disk; return whether there is more."""
        return await self._db.give_back_some()

"""What a stand-in keeps: its clock, its switches, its chance, and what happened so far."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar

import attrs
from aiohttp import web

from batchhub._base.clock import Clock, SystemClock

from .journal import KNOCK, Execution, JournalEntry
from .switches import Switches, SwitchInfo


class SandboxState:
    """
    The state of a stand-in, with or without a server that shows it.

    Args:
        clock: Where the time comes from; the machine's own by default.
        seed: Makes everything that is left to chance come out the same again.

    Attributes:
        switches_type: The class of its switches.
        switches: How it is set to behave; may be changed at any time.
        journal: Every request it received, in order of arrival.
    """

    switches_type: ClassVar[type[Switches]] = Switches
    switches: Switches

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        self.clock: Clock = clock or SystemClock()
        self.seed = seed
        self.switches = self.switches_type()
        self.journal: list[JournalEntry] = []
        self._executions: list[Execution] = []
        self._places: dict[int, int] = {}
        self._chance = self.make_random("faults")

    def catch_up(self) -> None:
        """Bring the state up to the clock's time; a vendor that does all at once needs none."""

    @property
    def executions(self) -> list[Execution]:
        """Every item that ran until now, in the order they ended."""
        self.catch_up()
        return self._executions

    @property
    def knocks(self) -> int:
        """How many requests came during a block whose length their sender had been given."""
        return sum(entry.note == KNOCK for entry in self.journal)

    @classmethod
    def describe_switches(cls) -> list[SwitchInfo]:
        """Return each switch's name, default and help."""
        return cls.switches_type.describe()

    def set_switch(self, name: str, value: Any) -> None:
        """
        Change one switch by its name; the value may be a text, as a command line gives it.

        Raises:
            NotKnownError: There is no such switch.
            SettingsError: It takes no such value.
        """
        self.change_switches({name: value})

    def change_switches(self, values: Mapping[str, Any]) -> None:
        """Change some switches by their names: all of them, or on an error none."""
        # What is due until now still happens as the switches were.
        self.catch_up()
        self.switches.change(values)

    def make_random(self, purpose: str) -> Random:
        """Build a source of chance that depends on the seed and the purpose alone."""
        return Random(f"{self.seed}:{purpose}")  # noqa: S311  # a stand-in has no secrets

    def strikes(self, fault: str) -> bool:
        """Return whether the fault of that switch strikes now; counts it down."""
        return self.switches.strikes(fault, self._chance)

    def moment(self, monotonic: float) -> datetime:
        """Return the wall-clock time of a moment in the clock's monotonic seconds."""
        return self.clock.now() - timedelta(seconds=self.clock.monotonic() - monotonic)

    def record(self, execution: Execution) -> None:
        """Add to `executions`."""
        self._executions.append(execution)

    def note(self, request: web.Request, text: str) -> None:
        """
        Write into the journal what was out of the ordinary with a request being answered.

        Only the last note is kept, but a knock is never replaced.
        """
        if self.journal[self._places[id(request)]].note != KNOCK:
            self._amend(request, note=text)

    def _open_entry(self, request: web.Request) -> None:
        self._places[id(request)] = len(self.journal)
        entry = JournalEntry(
            at=self.clock.now(),
            method=request.method,
            path=request.path,
            query=dict(request.query),
        )
        self.journal.append(entry)

    def _amend(self, request: web.Request, **changes: Any) -> None:
        place = self._places[id(request)]
        self.journal[place] = attrs.evolve(self.journal[place], **changes)

    def _close_entry(self, request: web.Request) -> None:
        del self._places[id(request)]

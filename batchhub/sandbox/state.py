"""What a stand-in keeps: its clock, its switches, its chance, and what happened so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from random import Random
from typing import Any, ClassVar, Final

import attrs
from aiohttp import web

from batchhub._base.clock import Clock, SystemClock

from .answers import AnswerError
from .call import Call
from .items import Item, ItemOutcome
from .journal import KNOCK, Execution, JournalEntry
from .limits import RateLimit
from .standard import Switches
from .switches import SwitchInfo

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class SandboxState:
    """
    The state of a stand-in, with or without a server that shows it.

    Args:
        clock: Where the time comes from; the machine's own by default.
        seed: Makes everything that is left to chance come out the same again.

    Attributes:
        switches_type: The class of its switches.
        secret_params: Query parameters that hold credentials; the journal leaves them out.
        switches: How it is set to behave; may be changed at any time.
        journal: Every request it received, in order of arrival.
        rates: The limits that routes name, besides the account's own.
    """

    switches_type: ClassVar[type[Switches]] = Switches
    secret_params: ClassVar[frozenset[str]] = frozenset()
    switches: Switches

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        self.clock: Clock = clock or SystemClock()
        self.seed = seed
        self.switches = self.switches_type()
        self.journal: list[JournalEntry] = []
        self.rates: dict[str, RateLimit] = {}
        self._executions: list[Execution] = []
        self._places: dict[int, int] = {}
        self._clocked: list[Callable[[], None]] = []
        self._chance = self.make_random("faults")
        self._ids = self.make_random("ids")

    def add_clocked(self, advance: Callable[[], None]) -> None:
        """Let `catch_up` call something that brings a part of the state up to the time."""
        self._clocked.append(advance)

    def catch_up(self) -> None:
        """Bring the state up to the clock's time; happens before each call and each look."""
        for advance in self._clocked:
            advance()

    def admits(self, call: Call) -> bool:
        """
        Return whether the credentials of a call are right; override it.

        Raises:
            AnswerError: They are not, and the vendor says so otherwise than by its usual error.
        """
        del call
        return True

    def error_body(self, status: int, message: str) -> Any:
        """
        Return the body of an error in the vendor's form; override it.

        Args:
            status: The HTTP status.
            message: What is wrong; empty where the status says it all.
        """
        return {"error": message or _PHRASES.get(status, "Error")}

    def refuse(
        self, status: int, message: str = "", headers: Mapping[str, str] | None = None
    ) -> AnswerError:
        """Return the vendor's error, for a handler or a part to raise."""
        return AnswerError(status, self.error_body(status, message), headers)

    def unknown_parameter(self, call: Call, name: str) -> AnswerError:
        """Return the vendor's error about a query parameter that a call does not have."""
        del call
        return self.refuse(400, f"unknown parameter: {name[:60]}")

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

    def make_id(self, bits: int = 64) -> str:
        """Make an id that no other part of the sandbox has; hexadecimal, and led by the seed."""
        return f"{self._ids.getrandbits(bits):0{bits // 4}x}"

    def strikes(self, fault: str) -> bool:
        """Return whether the fault of that switch strikes now; counts it down."""
        return self.switches.strikes(fault, self._chance)

    def moment(self, monotonic: float) -> datetime:
        """Return the wall-clock time of a moment in the clock's monotonic seconds."""
        return self.clock.now() - timedelta(seconds=self.clock.monotonic() - monotonic)

    def run(
        self,
        item: Item,
        execute: Callable[[Item], Any],
        *,
        ticket: str | None = None,
        at: float | None = None,
    ) -> ItemOutcome:
        """
        Run an item, and add it to `executions`.

        Args:
            item: The item.
            execute: Returns what the vendor says about it, or raises `AnswerError` if it fails.
            ticket: The name of its batch; `None` outside a batch.
            at: When it ends, in monotonic seconds; now by default.
        """
        status, ended_at = 200, self.clock.monotonic() if at is None else at
        try:
            body = execute(item)
        except AnswerError as error:
            status, body = error.status, error.body
        execution = Execution(
            at=self.moment(ended_at),
            ticket=ticket,
            item_id=item.id,
            method=item.method,
            path=item.path,
            body=item.body,
            status=status,
        )
        self._executions.append(execution)
        return ItemOutcome(item=item, ended_at=ended_at, status=status, body=body)

    def note(self, call: Call, text: str) -> None:
        """
        Write into the journal what was out of the ordinary with a call being answered.

        Only the last note is kept, but a knock is never replaced.
        """
        self._note(call.request, text)

    def _note(self, request: web.Request, text: str) -> None:
        if self.journal[self._places[id(request)]].note != KNOCK:
            self._amend(request, note=text)

    def _open_entry(self, request: web.Request, host: str) -> None:
        self._places[id(request)] = len(self.journal)
        entry = JournalEntry(
            at=self.clock.now(),
            method=request.method,
            path=request.path,
            query={k: v for k, v in request.query.items() if k not in self.secret_params},
            host=host,
        )
        self.journal.append(entry)

    def _amend(self, request: web.Request, **changes: Any) -> None:
        place = self._places[id(request)]
        self.journal[place] = attrs.evolve(self.journal[place], **changes)

    def _close_entry(self, request: web.Request) -> None:
        del self._places[id(request)]

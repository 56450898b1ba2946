"""The base of every vendor's stand-in server: it runs, tells the time and keeps the journal."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar

import attrs
from aiohttp import web
from aiohttp.typedefs import Handler

from batchhub._base.clock import Clock, SystemClock
from batchhub.adapter import Account
from batchhub.models import BatchItem

from ._control import PREFIX, Control
from .answers import AnswerError
from .journal import KNOCK, Execution, JournalEntry
from .switches import Switches, SwitchInfo
from .wire import ConnectionCutError, Wire


class Sandbox(ABC):
    """
    A vendor's stand-in server on loopback.

    The state belongs to the sandbox, not to the running server: stopped and
    started again it is a vendor that was away for a while. Nothing runs in the
    background; `catch_up` brings the state up to the clock's time whenever
    somebody looks. A handler may raise `AnswerError` and `ConnectionCutError`.

    Args:
        clock: Where the time comes from; the machine's own by default.
        seed: Makes everything that is left to chance come out the same again.

    Attributes:
        switches_type: The class of its switches.
        demo_operation: The operation `demo_items` are for; `None` is the adapter's default.
        switches: How it is told to behave; may be changed at any time.
        journal: Every request it was asked, in the order they came.
    """

    switches_type: ClassVar[type[Switches]]
    demo_operation: ClassVar[str | None] = None
    switches: Switches

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        self.clock: Clock = clock or SystemClock()
        self.seed = seed
        self.switches = self.switches_type()
        self.journal: list[JournalEntry] = []
        self._executions: list[Execution] = []
        self._places: dict[int, int] = {}
        self._runner: web.AppRunner | None = None
        self._chance = self.make_random("faults")
        self._wire = Wire(self)

    @abstractmethod
    def make_app(self) -> web.Application:
        """Build the vendor's own paths; called at each start."""

    @abstractmethod
    def account(self, base_url: str) -> Account:
        """Return the account with which the adapter reaches this sandbox at `base_url`."""

    @abstractmethod
    def demo_items(self, count: int) -> Iterable[BatchItem]:
        """Return so many items for a demonstration; a few of them fail, always the same ones."""

    def find_verb(self, request: web.Request) -> str:
        """
        Return what a call is for: submit, poll, results, cancel; empty for anything else.

        Asked before the call is handled, and only where the switch `wire_verbs` has to know.
        """
        del request
        return ""

    def catch_up(self) -> None:  # noqa: B027  # a vendor that does all at once needs none
        """Bring the state up to the clock's time."""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """
        Start the server.

        Args:
            host: Where to listen.
            port: On which port; 0 takes a free one.

        Returns:
            Its URL, without a trailing slash.

        Raises:
            RuntimeError: It runs already.
            OSError: The port is taken.
        """
        if self._runner is not None:
            raise RuntimeError("the sandbox runs already")
        app = self.make_app()
        app.middlewares.insert(0, self._keep_journal)
        app.add_routes(Control(self).routes())
        runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=0.1,
            # An answer that takes for ever ends when nobody waits for it any more.
            handler_cancellation=True,
        )
        self._runner = runner
        try:
            await runner.setup()
            await web.TCPSite(runner, host, port).start()
        except BaseException:
            await self.aclose()
            raise
        shown_host = f"[{host}]" if ":" in host else host
        return f"http://{shown_host}:{runner.addresses[0][1]}"

    async def aclose(self) -> None:
        """Stop the server, if it runs; the state stays."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @asynccontextmanager
    async def running(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Run the server inside an ``async with``, which gives its URL."""
        url = await self.start(host, port)
        try:
            yield url
        finally:
            await self.aclose()

    @property
    def executions(self) -> list[Execution]:
        """Every item that ran until now, in the order they ended."""
        self.catch_up()
        return self._executions

    @property
    def knocks(self) -> int:
        """How many requests came although their sender had been told to stay away."""
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

    def settings_toml(self, base_url: str, name: str) -> str:
        """
        Return the table for ``batchhub.toml`` that makes this sandbox the account `name`.

        It holds the account's texts, numbers and flags that differ from their defaults.
        """
        account = self.account(base_url)
        values: dict[str, Any] = {"adapter": account.adapter}
        for attribute in attrs.fields(type(account)):
            value = getattr(account, attribute.name)
            is_default = value == attribute.default and attribute.name != "base_url"
            if isinstance(value, str | int | float) and not is_default:
                values[attribute.name] = value
        # The text and number forms of JSON are TOML too.
        lines = [
            f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()
        ]
        bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        return "\n".join([f"[accounts.{name if bare else json.dumps(name)}]", *lines, ""])

    def make_random(self, purpose: str) -> Random:
        """Build a source of chance that depends on the seed and the purpose alone."""
        return Random(f"{self.seed}:{purpose}")  # noqa: S311  # a stand-in has no secrets

    def strikes(self, fault: str) -> bool:
        """Tell whether the fault of that switch strikes now; counts it down."""
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

        One note is kept: the last, but a knock stays one, whatever else became of it.
        """
        place = self._places[id(request)]
        if self.journal[place].note != KNOCK:
            self._amend(place, note=text)

    @web.middleware
    async def _keep_journal(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(PREFIX):
            return await handler(request)
        place = self._places[id(request)] = len(self.journal)
        self.journal.append(self._make_entry(request))
        try:
            self._amend(place, body=await request.read() or None)
            self.catch_up()
            response = await self._answer(request, handler)
            self._amend(place, status=response.status)
        except ConnectionCutError as cut:
            self.note(request, str(cut))
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        except web.HTTPException as answer:
            self._amend(place, status=answer.status)
            raise
        finally:
            del self._places[id(request)]
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        is_struck = self._wire.strikes(request)
        try:
            if is_struck:
                self._wire.disturb_call()
            response = await handler(request)
        except AnswerError as error:
            response = error.to_response()
        return await self._wire.send(request, response) if is_struck else response

    def _make_entry(self, request: web.Request) -> JournalEntry:
        return JournalEntry(
            at=self.clock.now(),
            method=request.method,
            path=request.path,
            query=dict(request.query),
        )

    def _amend(self, place: int, **changes: Any) -> None:
        self.journal[place] = attrs.evolve(self.journal[place], **changes)

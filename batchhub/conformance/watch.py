"""An adapter that is watched: what its verbs ask over HTTP, what they give, and what they raise."""

from __future__ import annotations

from collections import Counter
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast

from attrs import define, evolve, field, frozen

from batchhub.adapter import (
    Account,
    Adapter,
    ItemReport,
    Observation,
    Report,
    TicketRef,
    Transport,
)
from batchhub.errors import BatchHubError
from batchhub.transport import Reply

MARK: Final = "X-Conformance-Request"
"""The header that tells the stand-in which of the adapter's requests it has before it."""

VERBS: Final = (
    "authorize",
    "submit",
    "find_attempt",
    "poll",
    "poll_one",
    "fetch_results",
    "cancel",
    "probe",
)

MOST_CALLS: Final = 500
"""Calls of an adapter's verbs, for each ticket, after which a run is given up. It takes some 50."""

_ACTS: Final = frozenset({"submit", "cancel"})
_READS: Final = frozenset({"GET", "HEAD"})
_SECRET_HEADERS: Final = ("auth", "api-key", "apikey", "token", "secret")
_SHORTEST_SECRET: Final = 4


@frozen(order=True)
class Step:
    """
    A place in an adapter's conversation with its vendor, the same in every run.

    Attributes:
        verb: The verb that asks; of a verb within another one, the inner one.
        number: Which of all requests of this verb it is, from 1.
    """

    verb: str
    number: int

    def __str__(self) -> str:
        """Return it as a message names it."""
        return f"request {self.number} of {self.verb}"


@define
class Asked:
    """
    A request that the adapter made.

    Attributes:
        step: Where in the conversation.
        method: Its HTTP method.
        target: Where it goes, as the adapter put it.
        has_effect: Whether it may have one, by what the adapter says.
        is_own: Whether it goes to the account's own host, which a refusal cools.
        body_bytes: The size of its body, as it arrived.
        status: The status it was answered with; `None` before, and where it never was.
    """

    step: Step
    method: str
    target: str
    has_effect: bool
    is_own: bool
    body_bytes: int = 0
    status: int | None = None

    @property
    def is_harmless(self) -> bool:
        """Whether it may be made again: a poll by POST may be, whatever its method."""
        return not (self.has_effect and self.step.verb in _ACTS)


@frozen
class Answered:
    """
    What a verb has given.

    Attributes:
        verb: The verb.
        value: What it returned; `None` if it raised.
        error: What it raised.
    """

    verb: str
    value: Any = None
    error: BaseException | None = None


@define
class Watch:
    """
    What was seen of an adapter.

    Attributes:
        asked: Its requests, in order.
        answered: What its verbs gave, in order.
        adapters: Its objects, in the order they were made.
        secrets: What authorised its requests.
        tickets: Those that it was asked about last, by the vendor's ids.
        strangers: How many requests came that did not go through its transport.
        give_up: Called once its verbs were called more often than any job takes.
    """

    asked: list[Asked] = field(factory=list)
    answered: list[Answered] = field(factory=list)
    adapters: list[Adapter[Any]] = field(factory=list)
    secrets: set[str] = field(factory=set)
    tickets: dict[tuple[str, ...], TicketRef] = field(factory=dict)
    strangers: int = 0
    give_up: Callable[[], None] = field(default=lambda: None)
    _calls: int = 0
    _counts: Counter[str] = field(factory=Counter)

    def ask(self, method: str, target: str, *, has_effect: bool, is_own: bool) -> None:
        """Take note of a request that goes out now."""
        verb = _verb.get()
        self._counts[verb] += 1
        self.asked.append(Asked(Step(verb, self._counts[verb]), method, target, has_effect, is_own))

    def note_call(self) -> None:
        """Take note of a call of a verb."""
        self._calls += 1
        if self._calls > MOST_CALLS * max(1, len(self.tickets)):
            self.give_up()

    def note_headers(self, headers: Mapping[str, str] | None) -> None:
        """Take note of the secrets in the headers of a request."""
        for name, value in (headers or {}).items():
            if any(word in name.lower() for word in _SECRET_HEADERS):
                secret = value.rpartition(" ")[2]
                if len(secret) >= _SHORTEST_SECRET:
                    self.secrets.add(secret)

    def observations(self) -> Iterator[Observation]:
        """Yield what polls brought, in order."""
        for answer in self.answered:
            if answer.verb == "poll" and answer.value is not None:
                yield from (each for each in answer.value if each is not None)

    def mistakes(self) -> list[Answered]:
        """Return where the adapter raised something that is no error of ours."""
        return [
            answer
            for answer in self.answered
            if isinstance(answer.error, Exception) and not isinstance(answer.error, BatchHubError)
        ]


_verb: Final[ContextVar[str]] = ContextVar("conformance_verb", default="nothing")


@contextmanager
def _speaking(verb: str) -> Iterator[None]:
    token = _verb.set(verb)
    try:
        yield
    finally:
        _verb.reset(token)


def watch_adapter(kind: type[Adapter[Any]], watch: Watch) -> type[Adapter[Any]]:
    """Return an adapter that is the same, and watched."""

    def make(self: Adapter[Any], account: Account, transport: Transport) -> None:
        watched = _WatchedTransport(
            transport, watch, account.base_url.removesuffix(account.base_path)
        )
        kind.__init__(self, account, cast("Transport", watched))
        watch.adapters.append(self)

    names = {"__init__": make, "__module__": kind.__module__, "__doc__": kind.__doc__}
    verbs = {
        verb: _watch_verb(kind, verb, watch)
        for verb in VERBS
        if verb == "poll" or getattr(kind, verb) is not getattr(Adapter, verb)
    }
    watched: type[Adapter[Any]] = type(kind.__name__, (kind,), {**names, **verbs})
    return watched


def _watch_verb(kind: type[Adapter[Any]], verb: str, watch: Watch) -> Any:
    call = getattr(kind, verb)
    shown = "poll" if verb == "poll_one" else verb

    async def watched(self: Adapter[Any], *args: Any, **kwargs: Any) -> Any:
        if verb != "poll_one":  # `poll` calls it
            watch.note_call()
        if verb == "poll":
            watch.tickets.update({ticket.vendor_refs: ticket for ticket in args[0]})
        with _speaking(shown):
            try:
                value = await call(self, *args, **kwargs)
            except BaseException as error:
                watch.answered.append(Answered(verb, error=error))
                raise
        if verb == "authorize":
            watch.note_headers({f"auth-{n}": v for n, v in dict(value.headers).items()})
        watch.answered.append(Answered(verb, value=value))
        if isinstance(value, Report) and isinstance(value.items, AsyncIterable):
            return evolve(value, items=_watch_stream(value.items, verb, watch))
        return value

    watched.__name__ = verb
    return watched


async def _watch_stream(
    items: AsyncIterable[ItemReport], verb: str, watch: Watch
) -> AsyncIterator[ItemReport]:
    """Read results that come one after the other: what is asked for them is asked by the verb."""
    found = aiter(items)
    while True:
        with _speaking(verb):  # not over a yield: who reads has words of its own
            try:
                item = await anext(found)
            except StopAsyncIteration:
                return
            except BaseException as error:
                watch.answered.append(Answered(verb, error=error))
                raise
        yield item


class _WatchedTransport:
    """A transport that numbers the requests which go through it."""

    def __init__(self, transport: Transport, watch: Watch, base_url: str) -> None:
        self._transport = transport
        self._watch = watch
        self._base_url = base_url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        effect: bool | None = None,
        auth: bool | None = None,
        **others: Any,
    ) -> Reply:
        """Send one request."""
        is_own = auth is not False and self._is_own(target)
        by_default = is_own and method not in _READS and _verb.get() != "authorize"
        has_effect = by_default if effect is None else effect
        # An address in full without credentials is one that was signed.
        marked = self._mark(
            method, target, headers, has_effect, is_own=is_own or target.startswith("/")
        )
        return await self._transport.request(
            method, target, headers=marked, effect=effect, auth=auth, **others
        )

    @asynccontextmanager
    async def download(
        self, target: str, *, headers: Mapping[str, str] | None = None, **others: Any
    ) -> AsyncIterator[Any]:
        """Get a large answer."""
        marked = self._mark("GET", target, headers, False, is_own=self._is_own(target))
        async with self._transport.download(target, headers=marked, **others) as lines:
            yield lines

    def _mark(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None,
        has_effect: bool,
        *,
        is_own: bool,
    ) -> Mapping[str, str]:
        self._watch.note_headers(headers)
        self._watch.ask(method, target, has_effect=has_effect, is_own=is_own)
        return {**(headers or {}), MARK: str(len(self._watch.asked))}

    def _is_own(self, target: str) -> bool:
        return target.startswith(("/", f"{self._base_url}/"))


def find_asked(watch: Watch, headers: Mapping[str, str]) -> Asked | None:
    """Return the request that a call at the stand-in is; `None` if it went past the transport."""
    mark = headers.get(MARK)
    return None if mark is None else watch.asked[int(mark) - 1]


def words_of(observations: Sequence[Observation]) -> set[str]:
    """Return the vendor's words in what polls brought."""
    return {word for each in observations for word in each.words if word is not None}

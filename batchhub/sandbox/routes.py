"""Routes: which calls a sandbox answers, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from attrs import evolve, frozen

from .call import Call

Handler = Callable[[Call], Any]
F = TypeVar("F", bound=Callable[..., Any])

_MARK: Final = "_sandbox_routes"


@frozen(kw_only=True)
class Route:
    """
    One kind of call.

    Attributes:
        method: The HTTP method; ``*`` is any.
        path: The path; ``{name}`` stands for one segment, ``{name:.*}`` for the rest.
        handler: Takes the call; a function, or a coroutine function where the vendor takes its
            time. What it returns is the answer: an aiohttp response, or what is sent as JSON with
            the status 200. It may raise `AnswerError` and `HangUpError`. A client that hangs up
            ends the waiting, so what is executed comes before it.
        verb: What the call is for: submit, poll, results, cancel, or a word of the sandbox's
            own. Faults strike by it. Empty: `Sandbox.find_verb` says.
        rate: The name of its limit in `Sandbox.rates`; empty: only the account's.
        is_open: Whether it takes no credentials, and counts for no limit of the account.
        is_secret: Whether the journal leaves out its body and its query.
        params: The query parameters it has; with the switch `strict` any other is refused.
            `None` where they are not known, or the handler looks at them.
    """

    method: str
    path: str
    handler: Handler
    verb: str = ""
    rate: str = ""
    is_open: bool = False
    is_secret: bool = False
    params: frozenset[str] | None = None


def route(
    method: str,
    path: str,
    *,
    verb: str = "",
    rate: str = "",
    is_open: bool = False,
    is_secret: bool = False,
    params: Iterable[str] | None = None,
) -> Callable[[F], F]:
    """
    Make a method of a sandbox the handler of a kind of call.

    Of routes that fit a call the first one takes it. The arguments are those of `Route`.
    """

    def mark(function: F) -> F:
        found = Route(
            method=method,
            path=path,
            handler=function,
            verb=verb,
            rate=rate,
            is_open=is_open,
            is_secret=is_secret,
            params=None if params is None else frozenset(params),
        )
        setattr(function, _MARK, (found, *getattr(function, _MARK, ())))
        return function

    return mark


def find_routes(owner: object) -> Iterator[Route]:
    """Find the routes that the class of an object declares, in their order."""
    seen: set[str] = set()
    for kind in type(owner).__mro__:
        for name, function in vars(kind).items():
            if name not in seen and hasattr(function, _MARK):
                for found in getattr(function, _MARK):
                    yield evolve(found, handler=getattr(owner, name))
            seen.add(name)

"""A kind of request that a scripted vendor expects, and its answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Self
from urllib.parse import unquote

from attrs import evolve, frozen

from batchhub._base.json import loads
from batchhub._base.secrets import blank
from batchhub.errors import UsageError

from .answers import (
    Answer,
    AnswerMaker,
    Deliver,
    break_off,
    deliver,
    hang_up,
    make_answer,
    send_raw,
    stay_silent,
)
from .seen import SeenRequest, at_host, shorten

Predicate = Callable[[SeenRequest], object]
"""Says whether a request is meant."""

ANYTHING: Final = object()
"""Any body."""

GARBAGE: Final = b"\x00\xfe\xff this is not HTTP\r\n\r\n"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@frozen
class _Step:
    """One answer: how it is shown, how it is sent, and how often; `None` is any number of times."""

    shown: str
    deliver: Deliver
    times: int | None = 1


class Expectation:
    """
    A kind of request a vendor expects, and its answers. Made by `ScriptedVendor.on`.

    Each call of `reply` and the like adds an answer. They are given in their order, each once
    unless `repeat` says otherwise; all of them have to be asked for unless it is `optional`.

    Attributes:
        requests: The requests that were answered by it, in order of arrival.
    """

    def __init__(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Any = ANYTHING,
        when: Predicate | None = None,
        host: str = "",
    ) -> None:
        if not path.startswith("/") or "?" in path:
            raise UsageError(f"a path begins with '/' and has no query (see query=), not {path!r}")
        self._method = method.upper()
        self._path = path
        self._pattern = _compile(path)
        self._query = dict(query or {})
        self._body = body
        self._when = when
        says_what = type(when).__dict__.get("__str__") is not None  # a function doesn't
        self._condition = str(when) if says_what else "`when`"
        self._host = host
        self._steps: list[_Step] = []
        self._place = 0
        self._given = 0  # of the answer at that place
        self._is_optional = False
        self.requests: list[SeenRequest] = []

    def reply(
        self,
        body: Any = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        after_s: float = 0.0,
        over_s: float = 0.0,
    ) -> Self:
        """
        Answer.

        Args:
            body: JSON; bytes and text go as they are, `None` is an empty body. A function is
                called with the `SeenRequest` and gives one of these or an `Answer`; it may be
                async.
            status: The HTTP status; not with a function.
            headers: In addition to the ``Content-Type`` that fits; not with a function.
            after_s: How many seconds nothing is sent, by the vendor's clock.
            over_s: Over how many seconds the body comes, in ten pieces.
        """
        made, shown = _read(body, status, headers)
        return self._add(shown, deliver(made, after_s=after_s, over_s=over_s))

    def reply_twice(
        self, body: Any = None, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Self:
        """
        Answer one request by two identical answers.

        A client that takes the second one for the answer to its next request mixes up two requests.
        """
        made, shown = _read(body, status, headers)
        return self._add(f"twice {shown}", deliver(made, copies=2))

    def lose_answer(self) -> Self:
        """Take the request, and cut the connection before a byte of the answer."""
        return self._add("answer lost", hang_up)

    def break_off(
        self,
        body: Any = None,
        *,
        after_bytes: int = 0,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """
        Answer, and cut the connection in the middle.

        Args:
            body: The body as it would have been; see `reply`. It must not be empty.
            after_bytes: How many bytes of it are sent, after status and headers.
            status: The HTTP status.
            headers: In addition to the ``Content-Type`` that fits.
        """
        answer = make_answer(body, status=status, headers=headers)
        if not 0 <= after_bytes < len(answer.body):
            raise UsageError(
                f"after_bytes is {after_bytes}; the body has {len(answer.body)} bytes, "
                "and is to break off before its end"
            )
        return self._add(f"broken off {answer}", break_off(answer, after_bytes))

    def stay_silent(self) -> Self:
        """Take the request, and send nothing until the client hangs up."""
        return self._add("silence", stay_silent)

    def garbage(self, data: bytes = GARBAGE) -> Self:
        """Send these bytes in place of an HTTP answer, and cut the connection."""
        return self._add("garbage", send_raw(data))

    def repeat(self, times: int | None = None) -> Self:
        """
        Give the last answer more than once.

        Args:
            times: How often in all; `None` is as often as it is asked for, but at least once.
        """
        if not self._steps:
            raise UsageError(f"{self} has no answer yet that could be repeated")
        if times is not None and times < 1:
            raise UsageError(f"an answer is given once or more, not {times} times")
        self._steps[-1] = evolve(self._steps[-1], times=times)
        return self

    def optional(self) -> Self:
        """Have it be no fault if its answers are never asked for."""
        self._is_optional = True
        return self

    def __str__(self) -> str:
        query = "&".join(f"{name}={'' if v is None else v}" for name, v in self._query.items())
        where = at_host(self._host)
        return blank(f"{self._method} {self._path}{'?' if query else ''}{query}{where}")

    # For the vendor.

    def take(self, request: SeenRequest) -> tuple[SeenRequest, Deliver]:
        """Note a request that fits, and return it with its path's parameters, and its answer."""
        step = self._steps[self._place]
        self._given += 1
        if step.times is not None and self._given == step.times:
            self._place, self._given = self._place + 1, 0
        seen = evolve(request, path_params=self._parameters(request.path) or {})
        self.requests.append(seen)
        return seen, step.deliver

    def find_misfit(self, request: SeenRequest) -> str | None:
        """Return why a request is not one of these, or can't be answered any more."""
        misfit = self._find_other_place(request) or self._find_other_content(request)
        if misfit is not None or self._place < len(self._steps):
            return misfit
        count = len(self.requests)
        return f"all its answers are given ({count})" if self._steps else "it has no answer"

    def is_near(self, request: SeenRequest) -> bool:
        """Whether a request has at least the same method or the same path."""
        return request.method == self._method or self._parameters(request.path) is not None

    def missing(self) -> Iterator[str]:
        """Yield what has not been asked for."""
        if not self._steps:
            yield f"{self} has no answer; add one, as by .reply(...)"
        if self._is_optional:
            return
        for place in range(self._place, len(self._steps)):
            step = self._steps[place]
            given = self._given if place == self._place else 0
            if step.times is None and given:
                continue
            left = "" if step.times in {None, 1} else f", {(step.times or 1) - given} times more"
            yield f"{self}: answer {place + 1} of {len(self._steps)}{left}: {step.shown}"

    def _add(self, shown: str, step: Deliver) -> Self:
        if self._steps and self._steps[-1].times is None:
            raise UsageError(f"{self}: no answer follows one that is repeated without an end")
        self._steps.append(_Step(shown, step))
        return self

    def _find_other_place(self, request: SeenRequest) -> str | None:
        if request.host != self._host:
            return "another host"
        if request.method != self._method:
            return "another method"
        if self._parameters(request.path) is None:
            return "another path"
        return None

    def _find_other_content(self, request: SeenRequest) -> str | None:
        for name, value in self._query.items():
            found = request.query.getall(name, [])
            if found != ([] if value is None else [value]):
                return f"its query has {name}={', '.join(found)}" if found else f"it has no {name}"
        if self._body is not ANYTHING and not _is_same(request.body, self._body):
            return "another body"
        if self._when is None:
            return None
        try:
            return None if self._when(request) else f"{self._condition} says no"
        except Exception as error:  # it was written for another request
            return f"`when` raised {type(error).__name__}: {shorten(str(error))}"

    def _parameters(self, path: str) -> Mapping[str, str] | None:
        found = self._pattern.fullmatch(path)
        return found and {name: unquote(value) for name, value in found.groupdict().items()}


def _compile(path: str) -> re.Pattern[str]:
    """Return a pattern for encoded paths; a template and a path may encode more than they must."""
    parts = _PARAMETER.split(path)
    names = parts[1::2]
    if len(set(names)) < len(names):
        raise UsageError(f"{path!r} has a name twice")
    pattern = "".join(
        rf"(?P<{part}>[^/]+)" if place % 2 else "".join(map(_any_form, unquote(part)))
        for place, part in enumerate(parts)
    )
    return re.compile(pattern)


def _any_form(character: str) -> str:
    coded = "".join(f"%(?i:{byte:02x})" for byte in character.encode())
    return coded if character == "%" else f"(?:{re.escape(character)}|{coded})"


def _is_same(body: bytes, wanted: Any) -> bool:
    if isinstance(wanted, bytes):
        return body == wanted
    try:
        return bool(loads(body) == wanted)
    except ValueError:
        return False


def _read(
    body: Any, status: int, headers: Mapping[str, str] | None
) -> tuple[Answer | AnswerMaker, str]:
    """Return an answer, or what makes it, and how to show it."""
    if isinstance(body, Answer):
        return body, str(body)
    if callable(body):
        return body, f"what {getattr(body, '__name__', 'a function')} makes"
    answer = make_answer(body, status=status, headers=headers)
    return answer, str(answer)

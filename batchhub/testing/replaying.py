"""A scripted vendor that gives recorded answers again."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from batchhub._base.clock import Clock
from batchhub._base.secrets import BLANK
from batchhub.transport import RecordedExchange

from .answers import Answer, make_answer
from .cases import Case, read_case
from .expectation import Expectation
from .seen import SeenRequest
from .vendor import ScriptedVendor

_NOT_LONGER: Final = r"(?![\w.:-])"
"""After an address: not the beginning of another one."""


def replay(case: Case | str | os.PathLike[str], *, clock: Clock | None = None) -> ScriptedVendor:
    """
    Make a vendor that expects the requests of a case, in any order, and gives their answers.

    What is blanked in the case fits anything. An answer that was lost is lost again. Addresses of
    the vendor's hosts in the answers are those of the scripted vendor.

    Args:
        case: A case, or the file it is in.
        clock: What slow answers are measured by; the machine's own by default.

    Raises:
        UsageError: The file can't be read or is no case.
    """
    known = case if isinstance(case, Case) else read_case(case)
    hosts = dict.fromkeys(each.host for each in known.exchanges if each.host)
    vendor = ScriptedVendor(clock=clock, other_hosts=tuple(hosts))
    for exchange in known.exchanges:
        expectation = vendor.on(
            exchange.method,
            _template(exchange.path),
            when=_Query(exchange.query),
            host=exchange.host,
        )
        _add_answer(expectation, exchange, vendor, known)
    return vendor


class _Query:
    """Whether a request has a recorded query."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._pairs = sorted(parse_qsl(query, keep_blank_values=True))

    def __call__(self, request: SeenRequest) -> bool:
        if BLANK in self._query and "=" not in self._query:
            return True  # all of it is blanked
        seen = sorted(request.query.items())
        return len(seen) == len(self._pairs) and all(
            name == other and (value == found or BLANK in value or BLANK in found)
            for (name, value), (other, found) in zip(self._pairs, seen, strict=True)
        )

    def __str__(self) -> str:
        return f"the recorded query {self._query!r}"


def _template(path: str) -> str:
    """Return the template of an encoded path, of which something may be blanked."""
    plain = path.replace("{", "%7B").replace("}", "%7D")
    first, *others = plain.split(BLANK)
    return first + "".join(f"{{blank{number}}}{part}" for number, part in enumerate(others, 1))


def _add_answer(
    expectation: Expectation, exchange: RecordedExchange, vendor: ScriptedVendor, case: Case
) -> None:
    if exchange.status is None:
        expectation.lose_answer()
        return
    status = exchange.status

    def give_again(_: SeenRequest) -> Answer:
        urls = _find_urls(case, vendor)
        headers = {
            name: _move(value.encode(), urls).decode() for name, value in exchange.headers.items()
        }
        return make_answer(_move(exchange.body, urls), status=status, headers=headers)

    expectation.reply(give_again)


def _find_urls(case: Case, vendor: ScriptedVendor) -> Mapping[str, str]:
    """Return what now stands in for each of the vendor's own addresses."""
    urls = {case.base_url: vendor.base_url}
    for host in {each.host for each in case.exchanges if each.host}:
        urls |= dict.fromkeys((f"https://{host}", f"http://{host}"), vendor.url(host))
    return urls


def _move(data: bytes, urls: Mapping[str, str]) -> bytes:
    """Return a text with the addresses of other hosts, also where JSON escapes their slashes."""
    for before, after in urls.items():
        for slash in ("/", "\\/"):
            pattern = re.escape(before.replace("/", slash)) + _NOT_LONGER
            new = after.replace("/", slash).encode()
            data = re.sub(pattern.encode(), lambda _, new=new: new, data)  # type: ignore[misc]
    return data

"""
Messages: what has changed, in words for people, and the same as JSON for programs.

A message is made once and kept as it is: whoever gets it again gets the same.
"""

from __future__ import annotations

import shlex
import socket
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from attrs import field, frozen

from batchhub._base.secrets import blank, blank_all
from batchhub._base.show import clean, count, duration, moment, number
from batchhub._base.store_place import find_store_place

from .conditions import TITLES, Condition
from .states import Change, ChangeKind

MOST_NAMED: Final = 5
"""How many accounts, and how many jobs of one, a message names."""

IN_MEMORY: Final = "in memory"
"""What a store without a file is called, which no command can open."""

_MOST_CHANGES: Final = 500
_LONGEST_WHY: Final = 400
_HEADS: Final = {
    ChangeKind.FIRING: "PROBLEM",
    ChangeKind.GROWING: "MORE",
    ChangeKind.REMINDER: "STILL",
    ChangeKind.RECOVERED: "RECOVERED",
}


@frozen(kw_only=True)
class Source:
    """
    Where messages come from.

    Attributes:
        store: The store's name.
        config: The settings file; `None` if there is none.
        is_usual: Whether the settings name this store.
        address: The store as commands open it; `None` if that is its name.
    """

    store: str
    config: str | None
    is_usual: bool = True
    address: str | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """The store and the machine it is on, for people."""
        return f"store {clean(self.path)} on {socket.gethostname()}"

    @property
    def path(self) -> str:
        """The store, whatever the working folder is."""
        if self.store == IN_MEMORY or find_store_place(self.store).is_postgres:
            return self.store
        return str(Path(self.store).absolute())

    def command(self, words: Sequence[str]) -> str:
        """Return a command that works on this machine, whatever the working folder is."""
        line = ["batchhub", *map(clean, words)]
        if self.config is not None:
            line += ["--config", str(Path(self.config).absolute())]
        if not self.is_usual or (self.config is None and self.store != IN_MEMORY):
            line += ["--store", self.path]
        return shlex.join(line)


def make_message(
    changes: Sequence[Change], source: Source, now: datetime, firing: int
) -> dict[str, Any]:
    """
    Put changes in words.

    Args:
        changes: What has changed, of all accounts.
        source: Where the message comes from.
        now: The time.
        firing: How many alerts fire after it.

    Returns:
        The message as JSON values, without secrets and control characters.
    """
    body = {
        "id": uuid4().hex,
        "at": now.isoformat(),
        "title": _title(changes),
        "text": "",
        "changes": [_change(each, source, now) for each in changes[:_MOST_CHANGES]],
        "more_changes": max(0, len(changes) - _MOST_CHANGES),
        "firing": firing,
        "store": source.path,
        "host": socket.gethostname(),
    }
    body["text"] = "\n".join(_lines(changes, source, now, firing))
    blanked: dict[str, Any] = blank_all(body)
    return blanked


def make_trial(channel: str, source: Source, now: datetime) -> dict[str, Any]:
    """Make a message that tries a channel."""
    title = "batchhub: a test message"
    text = (
        f"{title}\n\nChannel {clean(channel)} of the alerts works. Nothing has happened, and "
        f"there is nothing to do.\n{source.where}"
    )
    return {
        "id": uuid4().hex,
        "at": now.isoformat(),
        "title": title,
        "text": blank(text),
        "changes": [],
        "more_changes": 0,
        "firing": 0,
        "store": source.path,
        "host": socket.gethostname(),
        "test": True,
    }


def _change(change: Change, source: Source, now: datetime) -> dict[str, Any]:
    command = source.command(change.command) if change.command else None
    return {
        "change": change.kind.value,
        "condition": change.condition.value,
        "account": clean(change.account),
        "since": change.since.isoformat(),
        "lasted_s": round(max(0.0, (now - change.since).total_seconds()), 3),
        "why": clean(change.why, _LONGEST_WHY),
        "jobs": list(change.jobs[:MOST_NAMED]),
        "more_jobs": max(0, len(change.jobs) - MOST_NAMED),
        "command": command,
    }


def _title(changes: Sequence[Change]) -> str:
    bad = [each for each in changes if each.kind is not ChangeKind.RECOVERED]
    well = len(changes) - len(bad)
    parts = []
    if bad:
        parts.append(count(len(bad), "problem"))
    if well:
        parts.append(f"{well:,} recovered")
    title = f"batchhub: {', '.join(parts)}"
    first = (bad or list(changes))[:1]
    for each in first:
        rest = f" and {count(len(changes) - 1, 'other')}" if len(changes) > 1 else ""
        title += f" ({clean(each.account, 40)}: {TITLES[each.condition]}{rest})"
    return title


def _lines(changes: Sequence[Change], source: Source, now: datetime, firing: int) -> Iterable[str]:
    yield _title(changes)
    for (kind, condition), theirs in _group(changes).items():
        yield ""
        yield f"{_HEADS[kind]}: {TITLES[condition]}"
        for change in theirs[:MOST_NAMED]:
            yield from _of_account(change, source, now)
        if (rest := len(theirs) - MOST_NAMED) > 0:
            yield f"- and {count(rest, 'more account')}: {source.command(['alerts'])}"
    yield ""
    yield (
        f"{count(firing, 'alert')} now: {source.command(['alerts'])}"
        if firing
        else "All is well again; no other alert holds."
    )
    yield source.where


def _group(
    changes: Iterable[Change],
) -> Mapping[tuple[ChangeKind, Condition], list[Change]]:
    """Put the accounts together that share a change, what is wrong before what is well again."""
    groups: dict[tuple[ChangeKind, Condition], list[Change]] = defaultdict(list)
    for kind in ChangeKind:
        for change in changes:
            if change.kind is kind:
                groups[kind, change.condition].append(change)
    return groups


def _of_account(change: Change, source: Source, now: datetime) -> Iterable[str]:
    account = clean(change.account)
    if change.kind is ChangeKind.RECOVERED:
        lasted = duration((now - change.since).total_seconds())
        yield f"- {account}: over; it had lasted {lasted}, since {moment(change.since)}"
        return
    yield f"- {account}, since {moment(change.since)}: {clean(change.why, _LONGEST_WHY)}"
    if change.jobs:
        named = ", ".join(map(clean, change.jobs[:MOST_NAMED]))
        rest = len(change.jobs) - MOST_NAMED
        yield f"  jobs: {named}" + (f", and {number(rest)} more" if rest > 0 else "")
    if change.command:
        yield f"  what to do: {source.command(change.command)}"

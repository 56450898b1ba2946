"""Why items did not succeed: those that failed for the same reason counted together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, Protocol, TypeVar

from attrs import define, field, frozen

from .plain import Plain
from .states import ItemState

FAILS_AGAIN: Final = frozenset({400, 405, 409, 410, 413, 415, 422})
"""
HTTP statuses of items that say that the same again would fail the same.

A 404 is none of them: what is missing may be there by then. Nor is one of 5xx, or no status.
"""

NOT_SUCCEEDED: Final = (ItemState.FAILED, ItemState.NOT_EXECUTED, ItemState.UNKNOWN)
"""How items are that have not succeeded."""

OTHERS: Final = "…"
"""In place of the messages of a group that has many different ones."""

MOST_GROUPS: Final = 1_000
"""Groups by message; what comes after them is one group for each state and status."""

MOST_IDS: Final = 5
"""Ids of a group."""

_NUMBER: Final = re.compile(r"\d+")


def mask_numbers(message: str | None) -> str | None:
    """Return a message with an ellipsis in place of each number."""
    return None if message is None else _NUMBER.sub(OTHERS, message)


@frozen(kw_only=True)
class FailureGroup(Plain):
    """
    Items that did not succeed for the same reason: the same state, status and message.

    Messages that differ in numbers only are the same reason: vendors name the item in them.

    Attributes:
        state: How the items are: failed, not executed, or unknown.
        code: Their own HTTP status; `None` if the vendor gave none.
        message: The vendor's message as it is, if it is that of all of them; else with an ellipsis
            in place of each number, or ``…`` alone for many different messages. `None` if the
            vendor gave none.
        count: How many items.
        ids: Ids of the first of them, in the order of the items, at most 5.
        retried: How many of them are items of a retry.
    """

    state: ItemState
    code: int | None
    message: str | None
    count: int
    ids: tuple[str, ...] = ()
    retried: int = 0

    @property
    def open(self) -> int:
        """How many of them no retry has."""
        return self.count - self.retried

    @property
    def fails_again(self) -> bool:
        """Whether the status says that the same again fails the same: they need a change."""
        return self.code in FAILS_AGAIN

    @property
    def retry(self) -> str:
        """Who is to do something first: ``"yours"`` if `fails_again`, else ``"vendor's"``."""
        return "yours" if self.fails_again else "vendor's"


Of = TypeVar("Of")


class _HasMessage(Protocol):
    message: str | None


GroupT = TypeVar("GroupT", bound=_HasMessage)


class Reasons(Generic[Of, GroupT]):
    """
    Finds the group of an item by its reason, in bounded memory.

    A group has the message of all its items; if they differ in numbers, the one without these.

    Attributes:
        groups: The groups, by what else their items have in common, and the message without its
            numbers.

    Args:
        most: Groups by message; the items after them are one group for each of what else there is.
    """

    def __init__(self, most: int = MOST_GROUPS) -> None:
        self.groups: dict[tuple[Of, str | None], GroupT] = {}
        self._most = most
        # Of each message as it came: most items have one of a few.
        self._known: dict[tuple[Of, str | None], GroupT] = {}

    def find(self, of: Of, message: str | None, make: Callable[[str | None], GroupT]) -> GroupT:
        """
        Return the group of an item.

        Args:
            of: What else its items have in common.
            message: The message.
            make: Makes the group from a message if the item is its first one.
        """
        group = self._known.get((of, message))
        if group is None:
            group = self._find(of, message, make)
            if len(self._known) < self._most:
                self._known[of, message] = group
        return group

    def _find(self, of: Of, message: str | None, make: Callable[[str | None], GroupT]) -> GroupT:
        key = (of, mask_numbers(message))
        if key not in self.groups and len(self.groups) >= self._most:
            key, message = (of, OTHERS), OTHERS
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = make(message)
        elif group.message != message:
            group.message = key[1]
        return group


@define
class _Group:
    """
    A group that grows.

    Attributes:
        message: The message of all its items, or the one without numbers.
        at: Where the first of them are.
    """

    message: str | None
    count: int = 0
    retried: int = 0
    at: list[Any] = field(factory=list)


class FailureGrouping:
    """
    Groups items that did not succeed, in bounded memory.

    Args:
        most: See `Reasons`.
    """

    def __init__(self, most: int = MOST_GROUPS) -> None:
        self._reasons = Reasons[tuple[ItemState, int | None], _Group](most)

    def add(
        self, state: ItemState, code: int | None, message: str | None, at: Any, *, retried: bool
    ) -> None:
        """
        Add an item.

        Args:
            state: How it is.
            code: Its status.
            message: The message.
            at: Where it is; comes back in `groups` for the first of each group.
            retried: Whether a retry has it.
        """
        group = self._reasons.find((state, code), message, _Group)
        group.count += 1
        group.retried += retried
        if len(group.at) < MOST_IDS:
            group.at.append(at)

    def groups(self) -> Iterator[tuple[FailureGroup, list[Any]]]:
        """Yield the groups without ids, and where the first items of each are; largest first."""
        found = self._reasons.groups.items()
        for ((state, code), _), group in sorted(found, key=lambda each: -each[1].count):
            made = FailureGroup(
                state=state,
                code=code,
                message=group.message,
                count=group.count,
                retried=group.retried,
            )
            yield made, group.at

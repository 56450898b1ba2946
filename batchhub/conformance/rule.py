"""A rule of the suite, and the levels that rules make up."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from attrs import frozen

from batchhub.errors import BatchHubError

from .bench import Bench
from .run import BrokenError, NotApplicableError


class Level(enum.Enum):
    """What an adapter is good for. Each level holds the rules of those before it as well."""

    BRONZE = "bronze"
    """It is honest: what it says is what happened."""
    SILVER = "silver"
    """It stays so when answers are lost and processes are killed."""
    GOLD = "gold"
    """It stays so whatever is answered, and everything it declares was seen to work."""


Check = Callable[[Bench, str], Awaitable[str | None]]
"""Checks a rule for an operation; may return what it could not check, in a line."""

C = TypeVar("C", bound=Check)


@frozen(kw_only=True)
class Rule:
    """
    A rule of the suite.

    Attributes:
        number: Its number, as in A1. A number is never given twice.
        level: The lowest level that needs it.
        text: The rule, in a sentence.
        check: Checks it for an operation.
        about: What it is about: a word.
        is_once: Whether it is the same for all operations, so that the first stands for them.
    """

    number: str
    level: Level
    about: str
    text: str
    check: Check
    is_once: bool = False

    @property
    def id(self) -> str:
        """What names it in a test's name."""
        words = self.check.__name__.strip("_").replace("_", "-")
        return f"{self.number}-{words}"

    async def hold(self, bench: Bench) -> list[str]:
        """
        Check the rule for every operation.

        Returns:
            What could not be checked, a line each.

        Raises:
            BrokenError: The rule is broken.
            NotApplicableError: It applies to no operation.
        """
        operations = bench.operations[:1] if self.is_once else bench.operations
        reasons: dict[str, list[str]] = {}
        notes: dict[str, list[str]] = {}
        for operation in operations:
            try:
                note = await self.check(bench, operation)
            except NotApplicableError as error:
                reasons.setdefault(str(error), []).append(operation)
            except (BrokenError, BatchHubError) as error:
                raise BrokenError(f"{self.number}, {operation}: {error}") from error
            else:
                if note:
                    notes.setdefault(note, []).append(operation)
        if sum(map(len, reasons.values())) == len(operations):
            raise NotApplicableError("; ".join(reasons))
        return [f"{', '.join(names)}: {why}" for why, names in [*notes.items(), *reasons.items()]]


RULES: Final[list[Rule]] = []
"""All rules, in order of their numbers."""


def rule(
    number: str, level: Level, about: str, text: str, *, is_once: bool = False
) -> Callable[[C], C]:
    """Make a function the check of a rule; the arguments are those of `Rule`."""

    def add(check: C) -> C:
        RULES.append(
            Rule(number=number, level=level, about=about, text=text, check=check, is_once=is_once)
        )
        RULES.sort(key=lambda each: int(each.number[1:]))
        return check

    return add


def need(condition: object, message: str) -> None:
    """
    Check what a rule says.

    Raises:
        BrokenError: It is not so.
    """
    if not condition:
        raise BrokenError(message)


def applies(condition: object, reason: str) -> None:
    """
    Leave a check where its rule does not apply.

    Raises:
        NotApplicableError: It does not.
    """
    if not condition:
        raise NotApplicableError(reason)

"""What the rules say of an adapter, all in all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from batchhub._base.grades import SUITE_VERSION, Grade, drop_grade, make_digest, write_grade
from batchhub.errors import UsageError

from .rule import Level
from .rules import RULES

_RECORDED: Final = "A24"
_LEVELS: Final = [*Level]


@define
class Verdict:
    """
    What came of the rules for an adapter.

    Attributes:
        adapter: Its name.
        suite: The name of the test class.
        place: Where its grade is kept; empty where there is no place for it.
        came: What came of each rule, by its number: ``holds``, ``broken``, ``not applicable``.
        why: What is to be said of that.
    """

    adapter: str
    suite: str
    place: str
    came: dict[str, str] = field(factory=dict)
    why: dict[str, str] = field(factory=dict)

    @property
    def missing(self) -> list[str]:
        """The rules that were not checked."""
        return [rule.number for rule in RULES if rule.number not in self.came]

    @property
    def level(self) -> Level | None:
        """The highest level whose rules hold, with those of the levels before; `None` for none."""
        reached = None
        for level in _LEVELS:
            numbers = [rule.number for rule in RULES if rule.level is level]
            if any(self.came.get(number, "broken") == "broken" for number in numbers):
                break
            reached = level
        return reached

    def close(self, *, writes: bool) -> Iterator[str]:
        """
        Yield what is to be said, a line each.

        Args:
            writes: Whether the grade is kept.
        """
        level = self.level
        if self.missing:
            yield f"{self.adapter} ({self.suite}): no grade, {len(self.missing)} rules did not run"
        else:
            yield f"{self.adapter} ({self.suite}): {level.value if level else 'no grade'}"
        for came in ("broken", "not applicable", "holds"):
            for rule in RULES:
                why = self.why.get(rule.number)
                if self.came.get(rule.number) == came and why:
                    what = "holds, but for" if came == "holds" else f"{came}:"
                    yield f"  {rule.number} {what} {why.splitlines()[0]}"
        if writes and not self.missing:
            yield f"  {self._write(level)}"

    def _write(self, level: Level | None) -> str:
        if not self.place:
            return "the grade can't be kept: the adapter's code is in no folder"
        place = Path(self.place)
        if level is None:
            drop_grade(place)
            return "no grade is kept"
        try:
            grade = Grade(
                adapter=self.adapter,
                level=level.value,
                suite=SUITE_VERSION,
                digest=make_digest(place),
                is_recorded=self.came[_RECORDED] == "holds",
                not_applicable={
                    number: self.why[number]
                    for number, came in sorted(self.came.items())
                    if came == "not applicable"
                },
            )
            write_grade(place, grade)
        except (OSError, UsageError) as error:
            return f"the grade can't be kept: {error}"
        return f"kept in {place}"


class Verdicts:
    """The verdicts of all suites in a run."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, str], Verdict] = {}

    def __iter__(self) -> Iterator[Verdict]:
        """Yield them in the order the suites began."""
        return iter(self._verdicts.values())

    def add(self, came: Mapping[str, Any]) -> None:
        """Add what came of a rule, as a test's report has it."""
        key = (came["adapter"], came["suite"])
        if key not in self._verdicts:
            self._verdicts[key] = Verdict(*key, place=came["place"])
        verdict, number = self._verdicts[key], came["rule"]
        verdict.came[number] = came["came"]
        verdict.why[number] = came["why"]

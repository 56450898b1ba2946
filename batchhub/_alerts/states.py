"""
What has changed since the last look: pure, without a store and without a clock.

A condition of an account comes as far as `AlertState` says. It is told once when it fires and once
when it has recovered. In between it is told again only if further jobs want a decision, at most
once in `AGAIN_S`, and as a reminder if the settings want one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import evolve, field, frozen

from batchhub._store import AlertRow, AlertState

from .conditions import GROWING, Condition, Rule

AGAIN_S: Final = 3600.0
"""Seconds after which further jobs of a condition that fires already are told of."""

MOST_JOBS: Final = 1_000
"""How many jobs of an alert are kept by name."""

_JUMP_S: Final = 1.0


class ChangeKind(StrEnum):
    """What has happened to an alert."""

    FIRING = "firing"
    GROWING = "growing"
    REMINDER = "reminder"
    RECOVERED = "recovered"


@frozen(kw_only=True)
class Sighting:
    """
    A condition that holds now.

    Attributes:
        condition: Which one.
        account: Of which account.
        since: Since when, as far as that is known.
        why: What is wrong, in a sentence.
        jobs: The jobs it is about.
        command: The words of the command that helps, after ``batchhub``.
        latch: What the next look has to know of it, as JSON values.
        settle_s: For how long it must hold, if that is not the rule's.
        is_overshadowed: Whether all of it follows from something worse. It is not told then; one
            that was told before is not over by that either.
    """

    condition: Condition
    account: str
    since: datetime
    why: str
    jobs: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    latch: Mapping[str, Any] = field(factory=dict)
    settle_s: float | None = None
    is_overshadowed: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others."""
        return self.condition.value, self.account


@frozen(kw_only=True)
class Change:
    """
    Something that is to be told.

    Attributes:
        kind: What has happened.
        condition: To which condition.
        account: Of which account.
        since: Since when it holds, or held.
        why: What is wrong, in a sentence.
        jobs: The jobs it is about; of a growing one those that are new.
        command: The words of the command that helps, after ``batchhub``.
    """

    kind: ChangeKind
    condition: Condition
    account: str
    since: datetime
    why: str
    jobs: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


@frozen(kw_only=True)
class Step:
    """
    What a look has changed.

    Attributes:
        puts: The rows that are new or other than before.
        drops: Condition and account of rows that are gone.
        changes: What is told.
    """

    puts: Sequence[AlertRow]
    drops: Sequence[tuple[str, str]]
    changes: Sequence[Change]


def find_changes(
    rows: Iterable[AlertRow],
    sightings: Iterable[Sighting],
    rules: Mapping[Condition, Rule],
    now: datetime,
    remind_s: float | None = None,
) -> Step:
    """
    Compare what holds now with what is known.

    Args:
        rows: What is known.
        sightings: What holds now.
        rules: The conditions that are looked for; of any other nothing is told, nor its end.
        now: The time.
        remind_s: After how many seconds what still holds is told again; `None` for never.
    """
    known = {row.key: row for row in rows}
    seen = {one.key: one for one in sightings if one.condition in rules}
    puts: list[AlertRow] = []
    drops: list[tuple[str, str]] = []
    changes: list[Change] = []
    for key in [*known, *(key for key in seen if key not in known)]:
        before, sighting = known.get(key), seen.get(key)
        condition = _condition(key[0])
        rule = None if condition is None else rules.get(condition)
        if rule is None:
            after, change = None, None
        elif sighting is not None and not (sighting.is_overshadowed and _is_untold(before)):
            after, change = _hold(before, sighting, rule, now, remind_s)
        elif before is not None:
            after, change = _end(before, rule, now)
        else:
            continue
        if after is None:
            drops.append(key)
        elif after != before:
            puts.append(after)
        if change is not None:
            changes.append(change)
    return Step(puts=puts, drops=drops, changes=changes)


def _is_untold(before: AlertRow | None) -> bool:
    return before is None or before.state is AlertState.PENDING


def _hold(
    before: AlertRow | None,
    sighting: Sighting,
    rule: Rule,
    now: datetime,
    remind_s: float | None,
) -> tuple[AlertRow, Change | None]:
    row = before or AlertRow(
        condition=sighting.condition.value,
        account=sighting.account,
        state=AlertState.PENDING,
        since=now,
    )
    row = _take_facts(row, sighting)
    if row.state is AlertState.PENDING:
        settle_s = rule.settle_s if sighting.settle_s is None else sighting.settle_s
        passed_s = _passed_s(row.since, now)
        if passed_s is None:  # the clock was set back: it begins anew
            return evolve(row, since=now), None
        if passed_s < settle_s:
            return row, None
        row = evolve(row, state=AlertState.FIRING, fired_at=now)
        return _tell(row, sighting, ChangeKind.FIRING, now, sighting.jobs)
    row = evolve(row, state=AlertState.FIRING, well_since=None)
    told_s = _passed_s(row.told_at or now, now)
    if sighting.condition in GROWING and (told_s is None or told_s >= AGAIN_S):
        told = set(row.facts.get("told", ()))
        new = tuple(job for job in sighting.jobs if job not in told)
        if new and len(told) < MOST_JOBS:
            return _tell(row, sighting, ChangeKind.GROWING, now, new)
    if remind_s is not None and (told_s is None or told_s >= remind_s):
        return _tell(row, sighting, ChangeKind.REMINDER, now, sighting.jobs)
    return row, None


def _end(row: AlertRow, rule: Rule, now: datetime) -> tuple[AlertRow | None, Change | None]:
    if row.state is AlertState.PENDING:
        return None, None
    well_since = row.well_since or now
    passed_s = _passed_s(well_since, now)
    if passed_s is None:
        well_since, passed_s = now, 0.0
    if passed_s < rule.settle_s:
        return evolve(row, state=AlertState.CLEARING, well_since=well_since), None
    return None, Change(
        kind=ChangeKind.RECOVERED,
        condition=Condition(row.condition),
        account=row.account,
        since=since_of(row),
        why=str(row.facts.get("why", "")),
        jobs=jobs_of(row),
    )


def _tell(
    row: AlertRow, sighting: Sighting, kind: ChangeKind, now: datetime, jobs: tuple[str, ...]
) -> tuple[AlertRow, Change]:
    facts = dict(row.facts)
    if sighting.condition in GROWING:
        facts["told"] = list(sighting.jobs[:MOST_JOBS])
    change = Change(
        kind=kind,
        condition=sighting.condition,
        account=sighting.account,
        since=since_of(row),
        why=sighting.why,
        jobs=jobs,
        command=sighting.command,
    )
    return evolve(row, told_at=now, facts=facts), change


def _take_facts(row: AlertRow, sighting: Sighting) -> AlertRow:
    jobs, latch = list(sighting.jobs[:MOST_JOBS]), dict(sighting.latch)
    if row.facts.get("jobs") == jobs and row.facts.get("latch", {}) == latch:
        return row  # what else has changed are ages: nothing that has to be written
    facts = {
        **row.facts,
        "jobs": jobs,
        "latch": latch,
        "why": sighting.why,
        "command": list(sighting.command),
    }
    facts.setdefault("since", min(sighting.since, row.since).isoformat())
    return evolve(row, facts=facts)


def since_of(row: AlertRow) -> datetime:
    """Return since when an alert holds, as far as that is known."""
    try:
        return datetime.fromisoformat(row.facts["since"])
    except (KeyError, TypeError, ValueError):
        return row.since


def jobs_of(row: AlertRow) -> tuple[str, ...]:
    """Return the jobs an alert is about."""
    found = row.facts.get("jobs")
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _condition(name: str) -> Condition | None:
    """Return a condition by its name; `None` for one of another version."""
    return Condition(name) if name in {*Condition} else None


def _passed_s(since: datetime, now: datetime) -> float | None:
    """Return the seconds since a time; `None` if it is yet to come: the clock was set back."""
    passed_s = (now - since).total_seconds()
    return None if passed_s < -_JUMP_S else max(0.0, passed_s)

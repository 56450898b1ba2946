"""Accounts in words: who drives each, how much it has sent, and until when it is silent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from batchhub._engine.health import HealthLook
from batchhub._http.spent import WHOLE_LANE, Spent
from batchhub._store import LaneOwner, LaneRow
from batchhub._store.page_lanes import LaneFigures, OpenFigures
from batchhub.models import BatchState

from .words import Segment, share

_MINUTE_S: Final = 60.0


@frozen(kw_only=True)
class Driver:
    """
    Who drives an account.

    Attributes:
        tone: How it is to be seen.
        who: The process, in a few words.
        note: What is wrong; `None` if nothing is.
        advice: What to do about that.
        seen_at: The last sign of life.
    """

    tone: str
    who: str
    note: str | None
    advice: str | None
    seen_at: datetime | None


@frozen(kw_only=True)
class Pace:
    """
    What an account has sent lately.

    Attributes:
        sent: How many requests.
        window_s: In how many seconds.
        allowed: How many it may send in that time, as its vendor said; `None` if it never has.
    """

    sent: int
    window_s: float
    allowed: int | None


@frozen(kw_only=True)
class AccountLine:
    """
    An account as the first screen shows it.

    Attributes:
        account: Its name.
        adapter: Its adapter.
        lane: Its lane.
        jobs: How many open jobs it has.
        states: How many there are in each state, for those that there are.
        oldest_at: When the oldest was submitted; `None` without open jobs.
        answered_at: When the vendor answered last for one of them.
        ended_at: When the last job of the lane ended.
        items: How many items the open jobs have.
        done: How many of these are done, by their results or by the vendor's count.
        bar: The parts of the bar of the items.
        driver: Who drives it.
        pace: What it has sent lately; `None` if nobody knows.
        cooled_until: Until when nothing is sent; `None` if it may send.
        fault: What of it can't be read.
    """

    account: str
    adapter: str
    lane: str
    jobs: int
    states: Sequence[tuple[BatchState, int]]
    oldest_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    items: int
    done: int
    bar: Sequence[Segment]
    driver: Driver
    pace: Pace | None
    cooled_until: datetime | None
    fault: str | None

    @property
    def needs_driver(self) -> bool:
        """Whether it has open jobs that nobody works on."""
        return self.jobs > 0 and self.driver.note is not None


def account_lines(figures: Sequence[LaneFigures], look: HealthLook) -> list[AccountLine]:
    """Return the accounts: those without a driver first, then those with the most open jobs."""
    found = [line for each in figures for line in _lines(each, look)]
    found.sort(key=lambda line: (not line.needs_driver, -line.jobs, line.account))
    return found


def _lines(figures: LaneFigures, look: HealthLook) -> Iterator[AccountLine]:
    spent = Spent.read(figures.row.sent, figures.row.cooled, lane=figures.lane)
    for account, opened in figures.accounts.items():
        yield AccountLine(
            account=account,
            adapter=figures.adapter,
            lane=figures.lane,
            jobs=0 if opened is None else opened.jobs,
            states=_states(opened),
            oldest_at=None if opened is None else opened.oldest_at,
            answered_at=None if opened is None else opened.answered_at,
            ended_at=figures.ended_at,
            items=0 if opened is None else opened.items,
            done=0 if opened is None else opened.done,
            bar=[] if opened is None else share([("busy", opened.done)], opened.items),
            driver=describe_driver(
                figures.lane, figures.row, None if opened is None else opened.oldest_at, look
            ),
            pace=find_pace(spent, look.now),
            cooled_until=find_cooling(spent, look.now),
            fault=figures.fault,
        )


def _states(opened: OpenFigures | None) -> list[tuple[BatchState, int]]:
    if opened is None:
        return []
    return [(state, opened.states[state]) for state in BatchState if state in opened.states]


def describe_driver(
    lane: str, row: LaneRow, oldest_at: datetime | None, look: HealthLook
) -> Driver:
    """
    Say who drives an account.

    Args:
        lane: Its lane.
        row: The row of the lane.
        oldest_at: When the oldest open job was submitted; `None` if there is none.
        look: Knows which processes live, and which drive what.
    """
    row = look.as_driven(lane, row)
    owner, seen_at = row.owner, row.seen_at
    at = oldest_at or look.now
    found = (
        look.judge_driver(lane, row, at, at) if owner is not None or oldest_at is not None else None
    )
    if owner is not None and found is None:
        silent_s = 0.0 if seen_at is None else (look.now - seen_at).total_seconds()
        tone = "good" if silent_s <= look.silent_s else "warn"
        return Driver(tone=tone, who=_name(owner), note=None, advice=None, seen_at=seen_at)
    # It drives it when there is something.
    attendant = look.attendant(lane) if oldest_at is None else look.stand_by(lane)
    if attendant is not None:
        return Driver(tone="good", who=_name(attendant), note=None, advice=None, seen_at=None)
    who = "nobody" if owner is None else _name(owner)
    if found is not None:
        _, _, _, why, advice = found
        return Driver(tone="bad", who=who, note=why, advice=advice, seen_at=seen_at)
    if oldest_at is None:
        return Driver(tone="calm", who=who, note=None, advice=None, seen_at=seen_at)
    return Driver(
        tone="warn",
        who=who,
        note="no process drives its account at the moment",
        advice="start 'batchhub worker' where its account is in the settings",
        seen_at=seen_at,
    )


def _name(owner: LaneOwner) -> str:
    return f"process {owner.pid} on {owner.host}"


def find_pace(spent: Spent, now: datetime) -> Pace | None:
    """Return what a lane has sent in the time its budget is for; `None` if it never sent."""
    if spent.at is None:
        return None
    budget = spent.budgets.get(WHOLE_LANE)
    window_s = _MINUTE_S if budget is None else budget.per_s
    since = (now - timedelta(seconds=min(window_s, 10 * 86_400.0))).timestamp()
    counts = spent.sent.get(WHOLE_LANE, {})
    sent = sum(number for second, number in counts.items() if second >= math.floor(since))
    return Pace(sent=sent, window_s=window_s, allowed=None if budget is None else budget.requests)


def find_cooling(spent: Spent, now: datetime) -> datetime | None:
    """Return until when a lane sends nothing; `None` if it may send."""
    until = spent.cooled.get(WHOLE_LANE)
    return until if until is not None and until > now else None

"""One shop in which processes are killed and stopped at random moments until its work is done."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Final

from attrs import define, field

from batchhub._base.failpoints import FAILPOINTS

from .crash_judge import Figures, judge, tell
from .crash_lab import KILLED, Ended, Lab, Running, Shop, open_shop
from .crashing import Plan

HELD: Final = 5
MOST_ROUNDS: Final = 12

_LONGEST_LIFE_S: Final = 0.9
_FAULTS: Final[dict[str, tuple[dict[str, object], ...]]] = {
    "ecwid": (
        {},
        {},
        {"lost_submit_answers_rate": 0.2, "cut_polls_rate": 0.1},
        {"cut_before_submit_rate": 0.2, "answer_5xx_rate": 0.1},
        {"answer_delay_s": 0.05},
    ),
    "mircate": ({}, {}, {"lost_submit_answers_rate": 0.1}, {"answer_delay_s": 0.05}),
}


@define
class Storm:
    """
    What was done to a shop, and what came of it.

    Attributes:
        kills: Processes that were killed while they were at work.
        stops: Processes that were stopped, and continued.
        starts: Processes that were started after another had been killed or stopped.
        jobs: Jobs in the store.
        told: Ends that were told, and those that were told again.
        figures: The rest.
    """

    kills: int = 0
    stops: int = 0
    starts: int = 0
    jobs: int = 0
    told: int = 0
    figures: Figures = field(factory=Figures)

    def add(self, other: Storm) -> None:
        """Add another one."""
        for name in ("kills", "stops", "starts", "jobs", "told"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.figures.add(other.figures)


def raise_storm(lab: Lab, folder: Path, seed: int, *, kills: int = 5) -> Storm:
    """
    Kill whatever works at a shop, at moments a seed decides, then let it end and judge it.

    One to four processes work at once: `run`, `resume` and `watch`, and a program that is told
    of the ends. The stand-in has its own faults meanwhile. What is held is decided by chance.

    Args:
        lab: What starts the processes.
        folder: Where to work; empty.
        seed: What decides.
        kills: How many processes are killed at least.

    Raises:
        AssertionError: Something was lost, doubled or told wrongly.
    """
    dice = random.Random(seed)
    vendor = dice.choice(["ecwid", "ecwid", "mircate"])
    storm = Storm()
    with open_shop(lab, folder, vendor, dice.randint(12, 40)) as shop:
        shop.switch(**dice.choice(_FAULTS[vendor]))
        while storm.kills < kills:
            _round(shop, dice, storm)
        off = {name: 0.0 for faults in _FAULTS[vendor] for name in faults}
        shop.switch(**off)
        _finish(shop, dice, storm)
        storm.figures = judge(shop)
        _judge_told(shop, storm)
    return storm


def _round(shop: Shop, dice: random.Random, storm: Storm) -> None:
    """Start one to four processes, and kill each of them at some moment."""
    crowd = [_start_any(shop, dice) for _ in range(dice.choice([1, 1, 1, 2, 4]))]
    storm.starts += len(crowd)
    for running in crowd:
        time.sleep(dice.uniform(0.0, _LONGEST_LIFE_S / len(crowd)))
        if dice.random() < 0.15:
            running.send(signal.SIGSTOP)
            time.sleep(dice.uniform(0.0, 0.3))
            if dice.random() < 0.5:
                running.send(signal.SIGCONT)
                time.sleep(dice.uniform(0.0, 0.3))
            storm.stops += 1
        ended = running.kill()
        _check(ended)
        storm.kills += ended.code == KILLED


def _start_any(shop: Shop, dice: random.Random) -> Running:
    plan = Plan()
    if (chance := dice.random()) < 0.1:
        plan = Plan(at="commit.begun", nth=dice.randint(1, 8), action="fail", times=2)
    elif chance < 0.3:
        plan = Plan(at=dice.choice([*FAILPOINTS]), nth=dice.randint(1, 4))
    keys = ["one", "one", "two"]
    match dice.choice(["run", "run", "submit", "resume", "resume", "watch", "listen", "retry"]):
        case "resume" | "watch" as verb:
            return shop.start(verb, plan=plan)
        case "listen":
            return shop.listen(plan)
        case "retry" if ended := _ended_job(shop):
            return shop.start("retry", ended, plan=plan)
        case "submit":
            return shop.hand_over("submit", key=dice.choice(keys), plan=plan)
    return shop.hand_over("run", key=dice.choice(keys), plan=plan)


def _ended_job(shop: Shop) -> str | None:
    """Return a job with something to repeat; a repeat of a repeat would go on for ever."""
    jobs = [job for job in tell(shop) if job.status.state.is_terminal]
    return next((job.status.job_id for job in jobs[:1] if job.status.counts.failed), None)


def _finish(shop: Shop, dice: random.Random, storm: Storm) -> None:
    """Let all work end; what is held is repeated or given up."""
    for _ in range(MOST_ROUNDS):
        ended = shop.resume()
        storm.starts += 1
        _check(ended)
        held = [job for job in tell(shop) if job.status.is_held]
        if not held:
            break
        assert ended.code == HELD, ended
        assert not shop.trade.deduplicates, "held, although the vendor deduplicates"
        for job in held:
            verb = dice.choice([("retry", "--unknown"), ("cancel",)])
            _check(shop.start(verb[0], job.status.job_id, *verb[1:]).wait())
    storm.jobs = len(tell(shop))


def _check(ended: Ended) -> None:
    """No command may end in a way that has no meaning, or without a word about why."""
    assert ended.code in {KILLED, 0, 1, 2, 4, 5}, ended
    if ended.code == 2:
        is_nothing = "no items to retry" in ended.err
        assert is_nothing or "retry" in ended.err or "unconfirmed" in ended.err, ended


def _judge_told(shop: Shop, storm: Storm) -> None:
    """Every end is told; more than once only if it is said to be a repeat."""
    _check(shop.listen().wait())
    told = shop.told()
    ended = {job.status.job_id for job in tell(shop)}
    assert {job_id for job_id, _ in told} == ended
    firsts = Counter(job_id for job_id, is_repeated in told if not is_repeated)
    assert not firsts or max(firsts.values()) == 1, told
    seen: set[str] = set()
    for job_id, is_repeated in told:
        assert is_repeated or job_id not in seen, told
        seen.add(job_id)
    storm.told = len(told)

"""Workers and their database are killed, stopped and cut off at random moments."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from attrs import define, field

from support.cluster import laws
from support.cluster.cluster import Cluster, Worker
from support.cluster.laws import Figures

KINDS: Final = {
    "kill": 5,
    "stand_still": 2,
    "replace": 2,
    "stop_database": 1,
    "hang_database": 1,
    "cut_connections": 2,
    "cut_one_off": 1,
}
"""What befalls them, and how often in comparison."""

_BUSY_S: Final = 3.0
_CHECK_EACH: Final = 20


@define(kw_only=True)
class Storm:
    """
    Troubles a cluster, and judges what is left.

    Attributes:
        cluster: The cluster.
        dice: What decides.
        workers: How many workers there are, but for the moments in which there are fewer.
        calm_s: The longest time between two troubles, in seconds.
        still_s: The longest time that a worker stands still.
        away_s: The longest time that the database is away, or out of reach.
        count: How many items are handed over at a time.
        say: Told what happens.
        done: What was done, and how often.
        at: When something was done, in seconds of the machine's clock.
    """

    cluster: Cluster
    dice: random.Random
    workers: int = 3
    calm_s: float
    still_s: float
    away_s: float
    count: int = 12
    say: Callable[[str], None] = lambda _: None
    done: Counter[str] = field(factory=Counter)
    at: list[float] = field(factory=list)
    _still: dict[int, tuple[float, Worker]] = field(factory=dict)

    def rage(self, kills: int) -> None:
        """Do harm so often; each kind at least once where that leaves room for it."""
        kinds = [kind for kind in KINDS if kills >= len(KINDS)]
        kinds += self.dice.choices(list(KINDS), weights=list(KINDS.values()), k=kills - len(kinds))
        self.dice.shuffle(kinds)
        for number, kind in enumerate(kinds, 1):
            self._top_up()
            self._work_on(self.dice.uniform(0.0, self.calm_s))
            self.at.append(time.time())
            getattr(self, f"_{kind}")()
            self.done[kind] += 1
            self.say(f"{number} {kind}: {self.cluster.count_open()} open jobs")
            if number % _CHECK_EACH == 0:
                self.cluster.check_traffic(Figures())
                self.say("\n".join(self._times()))

    def calm_down(self) -> Figures:
        """Let all go on to their end, and hold what there was against the laws."""
        while self._still:
            self._sleep(0.1)
        self._top_up()
        return self.cluster.end_well()

    def summary(self, figures: Figures) -> str:
        """Write in a few lines what there was, and what came of it."""
        kinds = " ".join(f"{kind}={times}" for kind, times in sorted(self.done.items()))
        return "\n".join(
            [
                f"troubles={self.done.total()} ({kinds})",
                f"{figures} doubled=0 lost=0",
                *self._times(),
            ]
        )

    def _times(self) -> list[str]:
        cluster = self.cluster
        holds, asked = cluster.holds(), list(cluster.street.asked)
        lanes = cluster.lanes
        killed = laws.find_take_overs(lanes, holds, asked, cluster.ends)
        alone = [
            each
            for pid, at in cluster.ends
            for each in laws.find_take_overs(lanes, holds, asked, [(pid, at)])
            if not any(at < other <= at + each for other in self.at)
        ]
        replaced = laws.find_take_overs(lanes, holds, asked, cluster.asked_to_stop)
        return [
            f"taken over after SIGKILL: {laws.show_times(killed)} ({len(killed)} lanes)",
            f"  with no other trouble meanwhile: {laws.show_times(alone)} ({len(alone)} lanes)",
            f"taken over after SIGTERM: {laws.show_times(replaced)} ({len(replaced)} lanes)",
        ]

    def _top_up(self) -> None:
        while len(self.cluster.workers) < self.workers:
            self.cluster.start()

    def _work_on(self, seconds: float) -> None:
        """Let time pass in which there is always something to do."""
        end_s = time.monotonic() + seconds
        self.cluster.keep_busy(self.count)
        while (left_s := end_s - time.monotonic()) > 0:
            self._sleep(min(left_s, _BUSY_S))
            self.cluster.keep_busy(self.count)

    def _sleep(self, seconds: float) -> None:
        """Let time pass, and those go on that have stood still for long enough."""
        end_s = time.monotonic() + seconds
        while True:
            now_s = time.monotonic()
            for pid, (until_s, worker) in list(self._still.items()):
                if now_s >= until_s:
                    del self._still[pid]
                    worker.go_on()
            if now_s >= end_s:
                return
            time.sleep(min(0.05, end_s - now_s))

    def _pick(self) -> Worker | None:
        moving = [each for each in self.cluster.workers if each.pid not in self._still]
        return self.dice.choice(moving) if moving else None

    def _kill(self) -> None:
        worker = self.dice.choice(self.cluster.workers)
        self._still.pop(worker.pid, None)
        worker.kill()

    def _stand_still(self) -> None:
        if worker := self._pick():
            worker.pause()
            until_s = time.monotonic() + self.dice.uniform(0.1, self.still_s)
            self._still[worker.pid] = (until_s, worker)

    def _replace(self) -> None:
        if worker := self._pick():
            if self.dice.random() < 0.5:
                self.cluster.start()
            worker.ask_to_stop()
            worker.wait()

    def _stop_database(self) -> None:
        server = self.cluster.server
        server.stop(self.dice.choice(["fast", "immediate"]))
        self._sleep(self.dice.uniform(0.0, self.away_s))
        server.start()

    def _hang_database(self) -> None:
        server = self.cluster.server
        server.pause()
        self._sleep(self.dice.uniform(0.0, self.away_s))
        server.unpause()

    def _cut_one_off(self) -> None:
        worker = self.dice.choice(self.cluster.workers)
        worker.wire.cut()
        self._sleep(self.dice.uniform(0.0, self.still_s))
        worker.wire.mend()

    def _cut_connections(self) -> None:
        if self.dice.random() < 0.5:
            with suppress(Exception):
                self.cluster.server.cut_connections()
            return
        self.cluster.cut_one_by_one(rounds=1, pause_s=self.dice.uniform(0.0, 0.2))

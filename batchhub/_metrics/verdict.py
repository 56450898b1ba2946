"""
What ``/healthz`` says: whether this process does what it is there for, each thing in a sentence.

Failing is what another process, or a restart, may do better: whoever asks may end this one for it.
What only a person can change is a warning: a restart would make it no better.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import frozen

from batchhub._base.secrets import blank
from batchhub._base.show import clean, count, duration
from batchhub._engine.health import GRACE_S
from batchhub._engine.open_hub import OpenHub

from .facts import Facts
from .sampler import SAMPLE_S, Sampler

_SILENT_S: Final = 4 * SAMPLE_S
"""Seconds without a sample after which the store, or the loop, hangs."""

_LONGEST: Final = 500
_MOST_LEFT: Final = 20
_MOST_WORKERS: Final = 50


class State(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"


@frozen(kw_only=True)
class Check:
    """
    One thing that was looked at.

    Attributes:
        name: What.
        state: How it is.
        message: That in a sentence.
        facts: More about it, as JSON values.
    """

    name: str
    state: State
    message: str
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        message = clean(blank(self.message), _LONGEST)
        return {"state": self.state.value, "message": message, **self.facts}


class Verdict:
    """
    All of it at one moment.

    Attributes:
        checks: What was looked at.
    """

    def __init__(self, opened: OpenHub, sampler: Sampler, facts: Facts | None) -> None:
        """
        Look at memory only.

        Args:
            opened: The open hub.
            sampler: What is known of the store.
            facts: What is known of whoever runs it; `None` where nobody tells.
        """
        self._opened = opened
        self._sampler = sampler
        self._now = opened.clock.now()
        self.checks = [*self._check_drive(facts), *self._check_settings(facts)]
        self.checks += [self._check_read(), self._check_write(), self._check_jobs()]
        self.checks += [*self._check_shards(), *self._check_workers()]

    @property
    def is_failing(self) -> bool:
        """Whether anything is failing."""
        return any(check.state is State.FAILING for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        worst = State.FAILING if self.is_failing else State.OK
        return {
            "status": worst.value,
            "checked_at": _time(self._now),
            "checks": {check.name: check.to_json() for check in self.checks},
        }

    def _check_drive(self, facts: Facts | None) -> Iterator[Check]:
        at_work = len(self._opened.driver.owned)
        shards = self._opened.shards
        paused = sum(lane.error is not None for lane in self._opened.lanes.made.values())
        told: dict[str, Any] = {"accounts_at_work": at_work, "accounts_paused": paused}
        works = f"works on {count(at_work, 'account')} now" if at_work else "has nothing to do now"
        if shards is not None:
            told["shards_owned"] = shards.owned
            works += f", and has {count(shards.owned, 'shard')}"
        if paused:
            # They wait, and have jobs to do.
            works = works if at_work else "works on no account now"
            works += f"; the credentials of {count(paused, 'account')} were refused"
        if facts is None:
            yield Check(name="drives", state=State.OK, message=works, facts=told)
            return
        told["since"] = _time(facts.driving_since)
        if facts.is_stopping:
            yield Check(name="drives", state=State.FAILING, message="it is stopping", facts=told)
        elif facts.driving_since is None:
            why = "it has not begun to drive"
            yield Check(name="drives", state=State.FAILING, message=why, facts=told)
        else:
            since_s = (self._now - facts.driving_since).total_seconds()
            why = f"drives for {duration(max(0.0, since_s))}; {works}"
            state = State.WARNING if paused else State.OK
            yield Check(name="drives", state=state, message=why, facts=told)

    def _check_settings(self, facts: Facts | None) -> Iterator[Check]:
        if facts is None or facts.settings_read_at is None:
            return
        told = {"taken_at": _time(facts.settings_read_at)}
        if facts.settings_error is None:
            why = "the settings were taken when they were last read"
            yield Check(name="settings", state=State.OK, message=why, facts=told)
        else:
            why = f"the settings were not taken when they were last read: {facts.settings_error}"
            yield Check(name="settings", state=State.WARNING, message=why, facts=told)

    def _check_read(self) -> Check:
        sample = self._sampler.sample
        at_s = self._sampler.began_s if sample is None else sample.taken_s
        silent_s = self._opened.clock.monotonic() - at_s
        told = {"read_at": None if sample is None else _time(sample.taken_at)}
        state, why = State.OK, "the store can be read"
        if self._sampler.error is not None:
            state, why = self._of_store, self._sampler.error
        elif silent_s > _SILENT_S:
            state, why = State.FAILING, f"the store has not answered for {duration(silent_s)}"
        elif sample is None:
            why = "the store was opened and not looked at yet"
        return Check(name="store_readable", state=state, message=why, facts=told)

    @property
    def _of_store(self) -> State:
        """What a store is that fails: another process would find the same database away."""
        return State.WARNING if self._opened.store.is_cluster else State.FAILING

    def _check_write(self) -> Check:
        error, counted = self._sampler.write_error, self._opened.measures.store
        told = {"commits": counted.commits, "commit_failures": counted.failures}
        if error is not None:
            return Check(name="store_writable", state=self._of_store, message=error, facts=told)
        why = "the last transaction was written" if counted.commits else "nothing was written yet"
        return Check(name="store_writable", state=State.OK, message=why, facts=told)

    def _check_jobs(self) -> Check:
        sample = self._sampler.sample
        oldest = None if sample is None else sample.oldest_undriven
        if sample is None or oldest is None:
            why = "every open job is driven by a process"
            return Check(name="jobs_driven", state=State.OK, message=why, facts={"undriven": 0})
        idle_s = (self._now - oldest.idle_since).total_seconds()
        undriven = sum(sample.undriven.values())
        told = {
            "undriven": undriven,
            "oldest": {
                "job_id": oldest.job_id,
                "account": clean(blank(oldest.account), _LONGEST),
                "created_at": _time(oldest.created_at),
                "idle_since": _time(oldest.idle_since),
            },
        }
        why = (
            f"no process drives {count(undriven, 'open job')}; the oldest is {oldest.job_id} of "
            f"account {clean(oldest.account, 100)}"
        )
        if idle_s <= GRACE_S:
            return Check(name="jobs_driven", state=State.OK, message=why, facts=told)
        state = State.FAILING if oldest.is_ours and not oldest.is_left else State.WARNING
        why = f"{why}, not driven for {duration(idle_s)}"
        return Check(name="jobs_driven", state=state, message=why, facts=told)

    def _check_shards(self) -> Iterator[Check]:
        """Name the lanes that this process leaves to others: it can't drive them."""
        if self._opened.shards is None:
            return
        left = self._opened.shards.not_drivable
        shown = dict(sorted(left.items())[:_MOST_LEFT])
        told: dict[str, Any] = {
            "not_drivable": len(left),
            "lanes": {clean(lane): clean(blank(why), _LONGEST) for lane, why in shown.items()},
        }
        if not left:
            why = "this process can drive every lane that has open jobs"
            yield Check(name="lanes_drivable", state=State.OK, message=why, facts=told)
            return
        lane, reason = next(iter(shown.items()))
        why = (
            f"{count(len(left), 'lane')} with open jobs, and all others of their shards, are left "
            f"to other workers; {clean(lane, 100)}: {reason}"
        )
        yield Check(name="lanes_drivable", state=State.WARNING, message=why, facts=told)

    def _check_workers(self) -> Iterator[Check]:
        """Say who else works on the store."""
        sample = self._sampler.sample
        if sample is None:
            return
        told = {"workers": [each.to_dict() for each in sample.workers[:_MOST_WORKERS]]}
        hosts = len({each.host for each in sample.workers})
        who = count(len(sample.workers), "worker")
        why = f"{who} on {count(hosts, 'machine')} work on it"
        if not sample.workers:
            why = "no process has said that it drives its accounts until it is stopped"
        yield Check(name="workers", state=State.OK, message=why, facts=told)


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")

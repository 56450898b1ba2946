"""
Calls by vendors (webhooks): checked by the adapter, kept in the store, and polls brought forward.

A call decides nothing. All it says is which batches may be worth a look, and the answer to that
look is believed, not the call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from batchhub._base.log import get_logger
from batchhub._base.secrets import Blanker
from batchhub._http.names import is_harmless, is_secret
from batchhub._store import Push
from batchhub.errors import AdapterError, BatchHubError, StoreError, UsageError

from .contact_writer import ContactWriter
from .guarded import GuardedAdapter
from .lane_context import LaneContext, log_ticket
from .lane_jobs import LaneJobs
from .schedule import Schedule

MAX_BODY_BYTES: Final = 1024 * 1024
"""The most bytes of a call's body."""

PACE_S: Final = 1.0
"""Seconds between two looks at a lane's calls, at least …"""

_MAX_PACE_S: Final = 30.0
"""… and at most, while one names a batch that nobody knows yet."""

_log = get_logger()


def check_push(headers: object, body: object) -> None:
    """
    Check a call before anything reads it.

    Raises:
        UsageError: It is too large, or is none.
    """
    if not isinstance(body, bytes | bytearray | memoryview):
        raise UsageError(f"the body of a push is bytes as they came, not {type(body).__name__}")
    size = body.nbytes if isinstance(body, memoryview) else len(body)
    if size > MAX_BODY_BYTES:
        raise UsageError(
            f"the body of a push has {size:,} bytes; more than {MAX_BODY_BYTES:,} are not read"
        )
    if not isinstance(headers, Mapping) or not all(
        isinstance(name, str) and isinstance(value, str) for name, value in headers.items()
    ):
        raise UsageError("the headers of a push are a mapping of texts")


def read_push(adapter: GuardedAdapter, headers: Mapping[str, str], body: bytes) -> tuple[str, ...]:
    """
    Have an adapter check a call; return the vendor's ids of the batches it names, each once.

    Raises:
        RefusedError: The signature is wrong, or it is no call of the vendor's.
        UnsupportedError: The vendor makes no calls.
        AdapterError: The adapter fails, or gives no ids.
    """
    from multidict import CIMultiDict, CIMultiDictProxy  # noqa: PLC0415  # only who gets calls

    try:
        refs = adapter.read_push(CIMultiDictProxy(CIMultiDict(headers)), body)
    except BatchHubError as error:
        # What authorises the call is no secret of the account's, and known to nobody else.
        blanked = _blanker({n: v for n, v in headers.items() if not is_harmless(n.lower())})
        error.args = tuple(blanked.value(list(error.args)))
        raise
    kept = list(dict.fromkeys(refs))
    secrets = _blanker({name: value for name, value in headers.items() if is_secret(name)})
    if adapter.transport.redact(kept) != kept or secrets.value(kept) != kept:
        raise AdapterError(f"{adapter.shown} failed in read_push: an id of a batch is a secret")
    return tuple(kept)


def _blanker(headers: Mapping[str, str]) -> Blanker:
    values = [part for value in headers.values() for part in (value, value.partition(" ")[2])]
    return Blanker(values)


class PushedPolls:
    """
    Brings the polls of tickets forward that their vendor has called about.

    Args:
        context: The lane.
        jobs: The lane's jobs.
        schedule: The steps to come.
        contacts: Learns of trouble with the store.
    """

    def __init__(
        self, context: LaneContext, jobs: LaneJobs, schedule: Schedule, contacts: ContactWriter
    ) -> None:
        self._context = context
        self._jobs = jobs
        self._schedule = schedule
        self._contacts = contacts
        self._began_s = self._looked_s = -math.inf
        self._next_s = math.inf
        self._pace_s = PACE_S

    def begin(self) -> None:
        """Take note that the lane is driven from now on: who knows what was polled just before."""
        self._began_s = self._context.clock.monotonic()

    def note(self) -> None:
        """Take note that the store may have calls."""
        now_s = self._context.clock.monotonic()
        self._pace_s = PACE_S
        self._next_s = min(self._next_s, max(now_s, self._looked_s + PACE_S))

    @property
    def is_due(self) -> bool:
        """Whether to look now."""
        return self._next_s <= self._context.clock.monotonic()

    def delay_s(self, most_s: float) -> float:
        """Return the seconds until the next look, at most `most_s`."""
        return min(most_s, self._next_s - self._context.clock.monotonic())

    async def look(self) -> None:
        """Look at what has come, and forget it unless it is to be looked at again."""
        self._looked_s, self._next_s = self._context.clock.monotonic(), math.inf
        store = self._context.store
        is_all = False
        try:
            found = await store.pushes.find(self._context.lane)
            taken = [push for push in found if self._take(push)]
            if taken:
                await store.pushes.drop(taken)
            is_all = len(taken) == len(found)
        except StoreError as error:
            self._contacts.note_store(error)
        if not is_all:
            self._next_s = min(self._next_s, self._looked_s + self._pace_s)
            self._pace_s = min(2 * self._pace_s, _MAX_PACE_S)

    def _take(self, push: Push) -> bool:
        """Bring forward what a call is about; return whether that was all."""
        if not push.tickets:
            # Its ticket may just be on its way into the store. Later it is none of ours.
            age_s = (self._context.clock.now() - push.received_at).total_seconds()
            return abs(age_s) > self._grace_s()
        done = [self._bring_forward(*key) for key in push.tickets]
        return all(done)

    def _bring_forward(self, job_no: int, position: int) -> bool:
        """Bring a ticket's next step forward; False if one is under way that may know less."""
        job = self._jobs.get(job_no)
        if job is None or job.ticket(position).state.is_terminal:
            return True
        due_s = job.notes.due_s(position)
        if math.isnan(due_s):
            return False
        now_s = self._context.clock.monotonic()
        asked_s = max(self._began_s, job.notes.asked_at_s(position))
        from_s = max(now_s, asked_s + self._context.capabilities(job).min_poll_s)
        if from_s < due_s:
            log_ticket("ticket.pushed", job, job.ticket(position))
            self._schedule.add(job, position, from_s - now_s)
        return True

    def _grace_s(self) -> float:
        adapter = self._context.adapter
        return max(adapter.capabilities(name).visibility_grace_s for name in adapter.operations)

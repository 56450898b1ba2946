"""How well a lane's vendor can be reached, worked out from what its steps came to."""

from __future__ import annotations

from typing import Final
from weakref import ref

from batchhub._base.log import get_logger
from batchhub.errors import (
    AdapterError,
    BatchHubError,
    ConnectError,
    ContactError,
    CredentialsError,
    RateLimitedError,
    StoreError,
)
from batchhub.models import Contact

from .change import Step

SILENCES_UNTIL_UNREACHABLE: Final = 3
"""How many requests in a row must go unanswered before the vendor is called unreachable."""

FIRST_PAUSE_S: Final = 60.0
"""Seconds after refused credentials until one request is tried; it doubles each time …"""

LONGEST_PAUSE_S: Final = 900.0
"""… up to this."""

_log = get_logger()


class LaneContact:
    """
    The contact of one lane and of each of its jobs.

    Refused credentials, a broken store and silence concern the whole lane. Any other trouble
    is that of one job: the vendor answers, only not usefully for this job.

    Attributes:
        error: What paused the lane, refused credentials or an adapter that fails each time; `None`
            while it may send.
    """

    def __init__(self, lane: str) -> None:
        self.error: CredentialsError | AdapterError | None = None
        self._refusals = 0
        self._refusal: str | None = None
        self._lane = lane
        self._silences = 0
        self._unanswered: ref[ContactError] | None = None  # not to keep its traceback
        self._silence: tuple[Contact, str] | None = None
        self._store_note: str | None = None
        self._notes: dict[int, str] = {}

    def note_step(self, job_no: int, step: Step) -> None:
        """Take in what a step of a job's ticket came to."""
        trouble = step.trouble
        if trouble is None and self.is_well:
            return
        if isinstance(trouble, AdapterError) and not trouble.is_lasting:
            self._notes[job_no] = str(trouble)
        elif isinstance(trouble, CredentialsError | AdapterError) and self.error is None:
            self.error, self._refusal = trouble, str(trouble)
            self._refusals += 1
            _log.error("lane.paused", lane=self._lane, error=str(trouble))
        elif isinstance(trouble, ContactError):
            self._note_silence(trouble)
        elif trouble is not None and not isinstance(trouble, RateLimitedError | StoreError):
            self._notes[job_no] = str(trouble)
        # A refusal is an answer too: the vendor was reached.
        if step.answered or (trouble is not None and not _is_silence(trouble)):
            self._silences, self._silence = 0, None
        if step.answered:
            self._notes.pop(job_no, None)
            if self.error is None:  # else the answer is to a request sent before the refusal
                self._refusals, self._refusal = 0, None

    def note_store(self, error: StoreError | None) -> bool:
        """Take in whether the store can be used; return whether that has changed."""
        before, self._store_note = self._store_note, None if error is None else str(error)
        return before != self._store_note

    @property
    def is_well(self) -> bool:
        """Whether there is nothing but answers."""
        return not (
            self._notes or self._silences or self._refusals or self.error or self._store_note
        )

    @property
    def is_trying(self) -> bool:
        """Whether one request is tried after the credentials were refused."""
        return self.error is None and self._refusals > 0

    @property
    def pause_s(self) -> float | None:
        """Seconds from a refusal until one request is tried; `None` if nothing was refused."""
        if self.error is None:
            return None
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (min(self._refusals, 9) - 1))

    def try_again(self) -> None:
        """Let one request show whether the credentials are taken now."""
        self.error = None

    def forget(self, job_no: int) -> None:
        """Forget a job that has ended."""
        self._notes.pop(job_no, None)

    def of_lane(self) -> tuple[Contact, str | None] | None:
        """Return what holds for all jobs of the lane; `None` where each has its own."""
        if self._refusal is not None:  # also while one request is tried
            return Contact.PAUSED, self._refusal
        # The store comes before the vendor: without it nothing is sent, so silence means nothing.
        if self._store_note is not None:
            return Contact.PAUSED, self._store_note
        return self._silence

    def of_job(self, job_no: int) -> tuple[Contact, str | None]:
        """Return the contact of a job, and why it is not OK."""
        everywhere = self.of_lane()
        if everywhere is not None:
            return everywhere
        note = self._notes.get(job_no)
        return (Contact.OK, None) if note is None else (Contact.STALE, note)

    def _note_silence(self, trouble: ContactError) -> None:
        # A refused connection is certain; a time-out may be one slow answer, about many tickets.
        if self._unanswered is None or self._unanswered() is not trouble:
            self._unanswered = ref(trouble)
            self._silences += 1
        is_gone = isinstance(trouble, ConnectError)
        is_gone = is_gone or self._silences >= SILENCES_UNTIL_UNREACHABLE
        self._silence = (Contact.UNREACHABLE if is_gone else Contact.STALE, str(trouble))


def _is_silence(trouble: BatchHubError) -> bool:
    return isinstance(trouble, ContactError | StoreError)

"""
What an operator may do, worked out before it is done: what will happen, or why it can't.

What a plan was made of is looked at again when it is carried out: who has seen another job than
there is now is asked once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from attrs import field, frozen

from batchhub._base.show import count, words
from batchhub._store import JobRecord
from batchhub.errors import NotKnownError, UsageError
from batchhub.hub import BatchJob
from batchhub.models import BatchState, BatchStatus, FailureGroup, ItemState
from batchhub.models.failures import FAILS_AGAIN
from batchhub.models.status import stand_text, tally_of

_LONGEST_REF: Final = 500
_ASKED_FIRST: Final = (
    "The vendor is asked about the id first. Nothing changes if it does not know it, or if that "
    "batch is another one."
)
_AT_VENDOR: Final = (BatchState.QUEUED, BatchState.IN_PROGRESS)


@frozen(kw_only=True)
class Plan:
    """
    What will happen, before it does.

    Attributes:
        heading: What is asked.
        sentences: What will happen.
        button: What one presses.
        command: The words of the command that does the same.
        refusal: Why it can't be done now; `None` if it can.
        is_risky: Whether something may run twice, or is given up.
        fields: What the form brings back besides: names and values.
        asks_ref: Whether one has to give the vendor's id.
        facts: What it depends on; another text when that has changed.
    """

    heading: str
    button: str
    command: Sequence[str]
    sentences: Sequence[str] = ()
    refusal: str | None = None
    is_risky: bool = False
    fields: Mapping[str, str] = field(factory=dict)
    asks_ref: bool = False
    facts: str = ""

    @property
    def seen(self) -> str:
        """What tells it from the plan of another state of the job."""
        told = "\n".join([self.facts, self.heading, *self.sentences])
        return hashlib.sha256(told.encode()).hexdigest()[:32]


@frozen(kw_only=True)
class Done:
    """
    What came of it.

    Attributes:
        job_id: The job to look at now.
        said: Which of the sentences of `DONE` says so.
    """

    job_id: str
    said: str


DONE: Final = {
    "retried": "This new job sends the items again.",
    "retried-before": "These items had been retried already, by this job; nothing new was made.",
    "cancelled": "The job was asked to stop: nothing more of it is sent.",
    "adopted": "The vendor knows the batch; the ticket is followed to its results now.",
}
"""What is said on the page of the job afterwards."""


@frozen(kw_only=True)
class Asked:
    """
    What is asked for.

    Attributes:
        job: The job.
        record: What the store has of it besides its status.
        parts: The parts of the path that its pattern names.
        values: What came with the address, or with the form.
    """

    job: BatchJob
    record: JobRecord
    parts: Mapping[str, str]
    values: Mapping[str, str]


class Action(Protocol):
    """Something an operator may do with a job."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    @property
    def needs_account(self) -> bool:
        """Whether it can't be done without the account and its secrets."""
        ...

    async def plan(self, asked: Asked) -> Plan:
        """Work out what will happen."""
        ...

    async def act(self, asked: Asked) -> Done:
        """Do it, as the command does."""
        ...


class Retry:
    """A new job of the items that did not succeed: all of them, of a code, or unknown ones too."""

    name: Final = "retry"
    needs_account: Final = True

    async def plan(self, asked: Asked) -> Plan:
        """Count the items that would be sent again."""
        job = asked.job
        code, unknown = _read_code(asked.values.get("code")), asked.values.get("unknown") == "yes"
        status = job.status
        groups = await job.failures()
        taken = [group for group in groups if _takes(group, code, unknown=unknown)]
        sentences = list(_retry_sentences(status, groups, taken, unknown=unknown, code=code))
        items = sum(group.open for group in taken)
        ids = ["--unknown"] * unknown + (["--code", str(code)] if code is not None else [])
        held = _unconfirmed(status) if status.is_held and unknown else 0
        named = count(items, "item") if items or not held else count(held, "ticket")
        refusal = _refuse_retry(status, items or held, unknown=unknown, code=code)
        return Plan(
            heading=f"Retry {named if refusal is None else 'items'} of job {job.id}?",
            button=f"Retry {named}",
            command=("retry", job.id, *ids),
            sentences=sentences,
            refusal=refusal,
            is_risky=unknown,
            fields={
                **({"code": str(code)} if code is not None else {}),
                **({"unknown": "yes"} if unknown else {}),
            },
            facts=f"{status.state} {items} {held}",
        )

    async def act(self, asked: Asked) -> Done:
        """Make the new job, or find the one that has the items already."""
        job, code = asked.job, _read_code(asked.values.get("code"))
        before = {each.id for each in await job.find_retries()}
        new = await job.retry(
            unknown=asked.values.get("unknown") == "yes",
            code=code,
            but_code=() if code is not None else FAILS_AGAIN,
        )
        return Done(job_id=new.id, said="retried-before" if new.id in before else "retried")


class Cancel:
    """The end of a job that goes on."""

    name: Final = "cancel"
    needs_account: Final = False
    """The wish is kept in the store; whoever drives the account sees it."""

    async def plan(self, asked: Asked) -> Plan:
        """Say what becomes of what is not sent, of what is, and of what nobody knows."""
        job = asked.job
        status, tally = job.status, tally_of(job.status)
        waiting = tally.number(BatchState.PENDING)
        at_vendor = sum(map(tally.number, _AT_VENDOR))
        lost = tally.number(BatchState.UNCONFIRMED)
        sentences = []
        if waiting:
            sentences.append(f"{count(waiting, 'ticket')} not sent yet: not sent any more.")
        if at_vendor:
            sentences.append(
                f"{count(at_vendor, 'ticket')} with the vendor: cancelled there, if the vendor "
                "can; what has run stays."
            )
        if lost:
            sentences.append(
                f"{count(lost, 'ticket')} of which nobody can tell whether the vendor has it: "
                "given up. The result of those items stays unknown, and they may have run."
            )
        refusal = None
        if status.state.is_terminal:
            refusal = f"Job {job.id} has already ended: {stand_text(status)}."
        elif asked.record.cancelled_at is not None:
            refusal = f"Job {job.id} was asked to stop already; it ends once its tickets have."
        return Plan(
            heading=f"Cancel job {job.id}?",
            button="Cancel the job",
            command=("cancel", job.id),
            sentences=sentences,
            refusal=refusal,
            is_risky=True,
            facts=f"{status.state} {lost}",
        )

    async def act(self, asked: Asked) -> Done:
        """Ask it to stop."""
        await asked.job.cancel()
        return Done(job_id=asked.job.id, said="cancelled")


class Adopt:
    """The vendor's id for a ticket of which nobody knows whether the vendor has it."""

    name: Final = "adopt"
    needs_account: Final = True

    async def plan(self, asked: Asked) -> Plan:
        """Say which ticket is meant, so that it can be found at the vendor."""
        job, position = asked.job, _read_position(asked)
        status = job.status
        ticket = status.tickets[position - 1]
        refusal = None
        if ticket.state is not BatchState.UNCONFIRMED:
            refusal = (
                f"Ticket {position} of job {job.id} is {words(ticket.state)}: there is nothing to "
                "adopt."
            )
        sent = f", sent {ticket.attempted_at:%Y-%m-%d %H:%M:%S} UTC" if ticket.attempted_at else ""
        look = (
            f"Look at the vendor for a batch of {count(ticket.counts.total, 'item')}{sent}, and "
            "enter its id here."
        )
        return Plan(
            heading=f"Adopt ticket {position} of job {job.id}?",
            button="Adopt the ticket",
            command=("adopt", job.id, "--ticket", str(position), "--ref", "ID"),
            sentences=(look, _ASKED_FIRST),
            refusal=refusal,
            asks_ref=True,
            facts=f"{ticket.state} {ticket.attempt_id}",
        )

    async def act(self, asked: Asked) -> Done:
        """Have the vendor asked, and the ticket followed."""
        refs = asked.values.get("ref", "").split()
        if not refs or any(len(ref) > _LONGEST_REF for ref in refs):
            raise UsageError("enter the vendor's id of the batch; several with spaces in between")
        await asked.job.adopt(refs, ticket=_read_position(asked))
        return Done(job_id=asked.job.id, said="adopted")


def _takes(group: FailureGroup, code: int | None, *, unknown: bool) -> bool:
    if not group.open or (group.state is ItemState.UNKNOWN and not unknown):
        return False
    return not group.fails_again if code is None else group.code == code


def _retry_sentences(
    status: BatchStatus,
    groups: Sequence[FailureGroup],
    taken: Sequence[FailureGroup],
    *,
    unknown: bool,
    code: int | None,
) -> list[str]:
    sentences = []
    if items := sum(group.open for group in taken):
        sentences.append(
            f"A new job sends {count(items, 'item')} again, as they were. Items stay out where a "
            "newer job has changed the same since."
        )
    if status.is_held and unknown and (held := _unconfirmed(status)):
        sentences.append(
            f"The job is held: {count(held, 'ticket')} may be with the vendor or not. It is given "
            "up first, and then sent again in a new job. What the vendor has after all runs twice."
        )
    elif unknown and (risky := sum(g.open for g in taken if g.state is ItemState.UNKNOWN)):
        sentences.append(
            f"{count(risky, 'item')} of unknown outcome may have run already, and may run twice."
        )
    if code is None and (
        wrong := sum(g.open for g in groups if g.fails_again and g.state is not ItemState.UNKNOWN)
    ):
        sentences.append(
            f"{count(wrong, 'item')} stay out: by their code the same again fails the same."
        )
    elif any(group.fails_again for group in taken):
        sentences.append(f"Code {code} says that the same again fails the same.")
    return sentences


def _refuse_retry(
    status: BatchStatus, taken: int, *, unknown: bool, code: int | None
) -> str | None:
    job_id = status.job_id
    if status.is_held and status.held_by is not None:
        return f"Job {job_id} waits for job {status.held_by}: decide about that one first."
    if not status.state.is_terminal and not (status.is_held and unknown and code is None):
        return f"Job {job_id} is {stand_text(status)}: its items can be retried once it has ended."
    if not taken:
        return f"Job {job_id} has nothing of this to retry: it may have been retried already."
    return None


def _unconfirmed(status: BatchStatus) -> int:
    return tally_of(status).number(BatchState.UNCONFIRMED)


def _read_code(text: str | None) -> int | None:
    """
    Return a code that an address or a form gives.

    Raises:
        UsageError: It is no HTTP status.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):  # noqa: PLR2004
        raise UsageError(f"code takes an HTTP status such as 404, not {text!r:.40}")
    return int(text)


def _read_position(asked: Asked) -> int:
    """
    Return the position of a ticket.

    Raises:
        NotKnownError: The job has no such ticket.
    """
    text, tickets = asked.parts["position"], asked.job.status.tickets
    is_number = text.isascii() and text.isdecimal() and len(text) <= 9  # noqa: PLR2004
    if not is_number or not 1 <= int(text) <= len(tickets):
        has = f"job {asked.job.id} has {count(len(tickets), 'ticket')}"
        raise NotKnownError("ticket", text[:20], hint=has)
    return int(text)

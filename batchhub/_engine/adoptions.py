"""Tickets whose fate is unknown, taken over by the vendor's ids that users have found for them."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from attrs import evolve, field, frozen

from batchhub._adapter.exchange import Observation
from batchhub._base.show import count, words
from batchhub._http.guard import right
from batchhub._http.journal import about
from batchhub._store import RefOwner, TicketRecord, Wish
from batchhub.errors import BatchHubError, NotFoundError, RefusedError, StoreError, UsageError
from batchhub.models import BatchState, Finding

from .asking import Asking
from .change import Step
from .contact_writer import ContactWriter
from .interpret import interpret
from .job_state import JobState
from .lane_context import LaneContext, log_ticket
from .lane_jobs import LaneJobs
from .order import SendOrder
from .wish_kinds import ANSWER_S, UNCHANGED, kind_of

_PATIENCE_S: Final = 30.0
"""Seconds to wait for the answers to other tickets."""

_LOOK_S: Final = 0.1

_STORE_RETRY_S: Final = 1.0


@frozen(kw_only=True, eq=False)
class Adoption:
    """
    The wish that a ticket be the batch a vendor knows by some ids.

    Attributes:
        job_id: The job.
        ticket: The ticket as whoever wishes it has seen it.
        refs: The vendor's ids.
        answer: Done once the ticket has them, or with the error why it has not.
        wish_no: Its number, if another process has asked for it through the store.
    """

    job_id: str
    ticket: TicketRecord
    refs: tuple[str, ...]
    answer: asyncio.Future[None] = field(repr=False)
    wish_no: int | None = None

    @property
    def named(self) -> str:
        """The ids, for messages."""
        return ", ".join(repr(ref) for ref in self.refs)

    @property
    def shown(self) -> str:
        """The ticket, for messages."""
        return f"ticket {self.ticket.position} of job {self.job_id}"

    def fail(self, error: BatchHubError) -> None:
        """Answer with an error, unless there is an answer."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Adoptions:
    """
    Asks the vendor about what users say is a ticket's, and believes the vendor.

    The request is one of the lane's: it waits for the budget, and only the lane's owner makes it.

    Args:
        context: The lane.
        jobs: The lane's jobs.
        order: Learns that a ticket is with the vendor.
        contacts: Learns that the vendor has answered.
    """

    def __init__(
        self, context: LaneContext, jobs: LaneJobs, order: SendOrder, contacts: ContactWriter
    ) -> None:
        self._context = context
        self._jobs = jobs
        self._order = order
        self._contacts = contacts
        self._asking = Asking(context)
        self._wanted: deque[Adoption] = deque()
        self._may_have_more = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is wished for."""
        return not (self._wanted or self._may_have_more)

    def note(self) -> None:
        """Say that the store may have wishes of other processes."""
        self._may_have_more = True

    def add(self, adoption: Adoption) -> None:
        """Take a wish; it is looked at as soon as the lane is driven."""
        self._wanted.append(adoption)

    def take_from(self, other: Adoptions) -> None:
        """Take over what is wished of the same account with other settings."""
        self._wanted.extend(other._wanted)  # of this class
        other._wanted.clear()
        self._may_have_more = True  # it may have heard of wishes, and not looked at them

    async def give_up(self, error: BatchHubError, *, is_lasting: bool) -> None:
        """
        Answer the wishes with an error: the lane is not driven here any more.

        Args:
            error: The error.
            is_lasting: Whether another process would fare no better. If not, the wishes of other
                processes stay in the store, where the next driver finds them.
        """
        while self._wanted:
            adoption = self._wanted.popleft()
            adoption.fail(error)
            if adoption.wish_no is not None and is_lasting:
                with suppress(StoreError):
                    await self._answer(adoption.wish_no, error)

    async def look(self) -> None:
        """Look at all wishes, one after the other."""
        right.set(self._context.hold)  # of this task, which does nothing else
        while not self.is_idle:
            await self._find_more()
            if not self._wanted:
                continue
            adoption = self._wanted[0]  # stays until it is answered: the drive may end meanwhile
            if not adoption.answer.done():
                try:
                    await self._adopt(adoption)
                except BatchHubError as error:
                    adoption.fail(error)
                except Exception as error:  # a fault of the adapter, or ours: nobody else's
                    adoption.fail(self._context.adapter.faults.blame(error))
                else:
                    if not adoption.answer.done():
                        adoption.answer.set_result(None)
            if adoption.wish_no is not None:
                await self._tell(adoption.wish_no, adoption.answer)
            if self._wanted and self._wanted[0] is adoption:
                self._wanted.popleft()

    # Wishes of other processes.

    async def _find_more(self) -> None:
        """Take up what other processes wish."""
        if not self._may_have_more:
            return
        self._may_have_more = False
        if self._context.is_closing:
            return  # for the next driver
        context, known = self._context, {adoption.wish_no for adoption in self._wanted}
        try:
            found = await context.store.wishes.find(context.lane)
            new = [wish for wish in found if wish.wish_no not in known]
            oldest = context.clock.now() - timedelta(seconds=ANSWER_S)
            stale = [wish.wish_no for wish in new if wish.asked_at < oldest]
            fresh = [wish for wish in new if wish.wish_no not in stale]
            if new:
                await context.store.wishes.note_seen([each.wish_no for each in fresh], stale)
        except StoreError as error:
            self._contacts.note_store(error)
            self._may_have_more = True
            await context.clock.sleep(_STORE_RETRY_S)
            return
        for wish in fresh:
            await self._take_up(wish)

    async def _take_up(self, wish: Wish) -> None:
        job = self._jobs.find(wish.job_id)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if job is None or not 1 <= wish.position <= job.size:
            why = UsageError(f"job {wish.job_id} has ended meanwhile; {UNCHANGED}")
            await self._context.persist(partial(self._answer, wish.wish_no, why))
            return
        seen = evolve(job.ticket(wish.position), attempt_id=wish.attempt_id)
        self._wanted.append(
            Adoption(
                job_id=wish.job_id,
                ticket=seen,
                refs=wish.vendor_refs,
                answer=answer,
                wish_no=wish.wish_no,
            )
        )

    async def _tell(self, wish_no: int, answer: asyncio.Future[None]) -> None:
        """Write the answer to a wish of another process; one that was withdrawn gets none."""
        error = answer.exception() if answer.done() and not answer.cancelled() else None
        if self._context.hold.is_lost:
            return  # the next driver does it, or finds that it is done
        if isinstance(error, BatchHubError):
            await self._context.persist(partial(self._answer, wish_no, error))
        else:
            await self._context.persist(partial(self._answer, wish_no, None))

    async def _answer(self, wish_no: int, error: BatchHubError | None) -> None:
        context = self._context
        await context.store.wishes.answer(
            wish_no,
            context.hold.row,
            context.clock.now(),
            None if error is None else kind_of(error),
            "" if error is None else str(error),
        )

    async def _adopt(self, adoption: Adoption) -> None:
        job = self._jobs.find(adoption.job_id)
        if job is None or job.is_cancelled:
            why = "has ended" if job is None else "was cancelled"
            raise UsageError(f"job {adoption.job_id} {why} meanwhile; {UNCHANGED}")
        ticket = job.ticket(adoption.ticket.position)
        if self._is_settled(ticket, adoption):
            return
        store = self._context.store.tickets
        owner = await store.find_ref_owner(self._context.lane, adoption.refs, ticket)
        _check_owner(owner, adoption)
        taken = await self._ask(job, ticket, adoption)
        await self._wait_for_answers(adoption)
        if adoption.answer.cancelled():
            return  # nobody waits any more, so nobody would be told
        if self._context.hold.is_lost:
            raise lost(self._context.lane)
        adopted = await store.adopt(
            job.record,
            taken,
            self._context.hold.row,
            wish_no=adoption.wish_no,
            at=self._context.clock.now(),
        )
        if adopted.is_withdrawn:
            return
        if not adopted.is_held:
            self._context.hold.lose()
            raise lost(self._context.lane)
        _check_owner(adopted.owner, adoption)
        self._take(job, adopted.ticket)
        await self._contacts.note_step(job, Step(delay_s=None))
        if adopted.ticket.vendor_refs != adoption.refs:
            raise _too_late(adopted.ticket, adoption)

    def _is_settled(self, ticket: TicketRecord, adoption: Adoption) -> bool:
        """Whether a ticket has these ids already; raises if it can't get them any more."""
        if ticket.vendor_refs == adoption.refs:
            return True  # the same wish twice is one
        if (
            ticket.state is not BatchState.UNCONFIRMED
            or ticket.attempt_id != adoption.ticket.attempt_id
        ):
            raise _too_late(ticket, adoption)
        return False

    async def _ask(self, job: JobState, ticket: TicketRecord, adoption: Adoption) -> TicketRecord:
        """Return a ticket as the vendor describes what has these ids."""
        context = self._context
        now = context.ages.now()
        wished = evolve(
            ticket,
            state=BatchState.QUEUED,
            vendor_refs=adoption.refs,
            accepted_at=ticket.attempted_at or now,
            message=None,
        )
        vendor = context.adapter.name
        before = about.set(((job, ticket.position),))
        try:
            answer = await self._asking.ask(job, wished)
        except NotFoundError as error:
            why = f"{vendor} knows no batch {adoption.named}: {error}"
            raise UsageError(f"{why}; {UNCHANGED}") from error
        except RefusedError as error:
            why = f"{vendor} tells nothing of batch {adoption.named}: {error}"
            raise UsageError(f"{why}; {UNCHANGED}") from error
        finally:
            about.reset(before)
        if answer is None:
            why = f"the answer of {vendor} says nothing of batch {adoption.named}"
            raise UsageError(f"{why}; {UNCHANGED}")
        seen = interpret(
            wished,
            answer,
            words=context.states,
            capabilities=context.capabilities(job),
            now=now,
        )
        if (why_not := _find_mismatch(answer, seen, adoption)) is not None:
            raise UsageError(f"{vendor} {why_not}; {UNCHANGED}")
        return seen.with_findings([_adopted(adoption.refs)])

    async def _wait_for_answers(self, adoption: Adoption) -> None:
        """
        Wait until the vendor has said which batch each ticket is that was sent before.

        The id may be that of one of these: then nobody has it yet, and two would be one batch.
        """
        waiting = {
            (job.job_id, ticket.position): ticket.attempt_id
            for job in self._jobs
            for ticket in job.find_unanswered()
        }
        end_s = self._context.clock.monotonic() + _PATIENCE_S
        while True:
            for (job_id, position), attempt_id in list(waiting.items()):
                job = self._jobs.find(job_id)
                ticket = None if job is None else job.ticket(position)
                if ticket is None or not ticket.is_in_doubt or ticket.attempt_id != attempt_id:
                    del waiting[job_id, position]
            if not waiting or adoption.answer.done():
                return
            if self._context.clock.monotonic() >= end_s:
                job_id, position = next(iter(waiting))
                raise UsageError(
                    f"batch {adoption.named} may be ticket {position} of job {job_id}, which was "
                    f"sent and has no answer yet; try again later; {UNCHANGED}"
                )
            await self._context.clock.sleep(_LOOK_S)

    def _take(self, job: JobState, ticket: TicketRecord) -> None:
        """Take a ticket as it is in the store now into memory, and go on with it."""
        if ticket == job.ticket(ticket.position):
            return
        job.replace(ticket)
        job.notes.forget_troubles(ticket.position)
        self._order.note(job, ticket.position)
        self._jobs.note_doubt(job)
        self._jobs.changed.add(job.job_no)
        self._context.announce(job.job_id)
        log_ticket("ticket.adopted", job, ticket, vendor_refs=list(ticket.vendor_refs))


def lost(lane: str) -> UsageError:
    """Return the error for a lane that is another process's by now."""
    return UsageError(f"another process has taken over {lane}; {UNCHANGED}")


def _check_owner(owner: RefOwner | None, adoption: Adoption) -> None:
    if owner is not None:
        raise UsageError(
            f"batch {owner.ref!r} is ticket {owner.position} of job {owner.job_id}, so it can't be "
            f"{adoption.shown} too; {UNCHANGED}"
        )


def _too_late(ticket: TicketRecord, adoption: Adoption) -> UsageError:
    if ticket.state is BatchState.CANCELLED and ticket.attempt_id == adoption.ticket.attempt_id:
        return UsageError(
            f"{adoption.shown} was given up meanwhile; a finding (late_ticket) says that the "
            f"vendor has it as {adoption.named}"
        )
    has = f", as {', '.join(map(repr, ticket.vendor_refs))}" if ticket.vendor_refs else ""
    return UsageError(f"{adoption.shown} is {words(ticket.state)} by now{has}; {UNCHANGED}")


def _find_mismatch(answer: Observation, seen: TicketRecord, adoption: Adoption) -> str | None:
    """Return what shows that a batch is not the one that was sent; `None` if nothing does."""
    sent = count(seen.total, "item")
    if len(adoption.refs) > 1 and len(answer.words) != len(adoption.refs):
        return f"answers about one batch, not about {len(adoption.refs)}: name one id"
    if answer.total is not None and answer.total != seen.total:
        has = count(answer.total, "item")
        return f"says that batch {adoption.named} has {has}, and {adoption.shown} has {sent}"
    counts = [answer.done, answer.succeeded, answer.failed]
    done = answer.done
    if answer.succeeded is not None or answer.failed is not None:
        done = (answer.succeeded or 0) + (answer.failed or 0)
    if all(each is None for each in counts) or done is None:
        return None
    # Of a batch that is finished the count is the total, but for one that is seconds old.
    is_over = seen.finished_as is BatchState.COMPLETED or seen.settling_since is not None
    if done > seen.total or (is_over and done != seen.total):
        has = count(done, "item")
        return f"counts {has} in batch {adoption.named}, and {adoption.shown} has {sent}"
    return None


def _adopted(refs: tuple[str, ...]) -> Finding:
    return Finding(
        code="adopted",
        message="tickets without an answer whose batch at the vendor was named by hand",
        examples=refs,
    )

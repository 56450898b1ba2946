"""One ticket, one step: end it, send it, cancel it, or follow what the vendor makes of it."""

from __future__ import annotations

from attrs import evolve

from batchhub._store import StoreMovedError, TicketRecord
from batchhub.errors import BatchHubError, CredentialsError
from batchhub.models import BatchState

from .asking import Asking
from .change import Step
from .finish import end_unsent
from .job_state import AT_VENDOR, JobState
from .lane_context import LaneContext
from .ticket_follower import TicketFollower
from .ticket_notes import Mark
from .ticket_sender import TicketSender
from .ticket_writer import TicketWriter


class TicketStep:
    """
    Takes the tickets of one lane a step further.

    Args:
        lane: The lane.
        asking: Asks the vendor about tickets.
    """

    def __init__(self, lane: LaneContext, asking: Asking) -> None:
        self._lane = lane
        self._asking = asking
        self._writer = TicketWriter(lane)
        self._sender = TicketSender(lane, self._writer)
        self._follower = TicketFollower(lane, asking, self._writer)

    def forget(self) -> None:
        """Forget what an earlier drive was told: another process may have driven since."""
        self._follower.forget()

    def asks(self, job: JobState, position: int) -> bool:
        """Whether a ticket's next step asks the vendor about it, and does nothing before."""
        ticket = job.ticket(position)
        return (
            ticket.state in AT_VENDOR
            and not _is_to_cancel(job, position)
            and self._follower.needs_answer(job, ticket)
        )

    async def step(self, job: JobState, position: int) -> Step:
        """Do what a ticket needs next. Vendor and network trouble is returned, never raised."""
        try:
            step = await self._step(job, job.ticket(position))
        except StoreMovedError:
            raise  # no later try can help: the lane ends
        except BatchHubError as error:
            return self._writer.postpone(job, position, error)
        except Exception as error:  # one ticket's oddity must not stop the lane
            return self._writer.postpone(job, position, self._lane.adapter.faults.blame(error))
        finally:
            self._asking.drop(job, position)
        self._lane.adapter.faults.clear_blame()
        return step

    async def _step(self, job: JobState, ticket: TicketRecord) -> Step:
        # A cancelled ticket that was never confirmed ends at once: there is nothing to poll.
        if job.is_cancelled and not ticket.vendor_refs:
            return await self._writer.write(job, end_unsent(ticket, "cancelled before it was sent"))
        if ticket.state is BatchState.PENDING and job.previous_ended_unclean(ticket):
            why = "not sent: an item before it did not succeed"
            return await self._writer.write(job, end_unsent(ticket, why))
        if ticket.state is BatchState.PENDING:
            return await self._sender.submit(job, ticket)
        trouble: BatchHubError | None = None
        if _is_to_cancel(job, ticket.position):
            try:
                await self._follower.cancel(job, ticket)
            except CredentialsError:
                raise
            except BatchHubError as error:
                trouble = error  # tried again with the next step; the ticket is polled meanwhile
            else:
                # With a step of its own: polls that hang are to hold up no other cancel.
                return Step(delay_s=0.0)
            ticket = job.ticket(ticket.position)
        step = await self._follower.follow(job, ticket)
        return step if trouble is None else evolve(step, trouble=step.trouble or trouble)


def _is_to_cancel(job: JobState, position: int) -> bool:
    return job.is_cancelled and not job.notes.has(position, Mark.CANCEL_SENT)

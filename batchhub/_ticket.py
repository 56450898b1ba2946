"""
One ticket, one step: submit it, ask about it, fetch its results, or end it.

Every step writes what it learns before it goes on. A request that could have an
effect is preceded by a durable intent and is repeated only when it is certain
that it did not run, or when the vendor deduplicates it.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import uuid4

from attrs import evolve, frozen

from ._backoff import backoff_s
from ._clock import Clock
from ._job_run import JobRun, new_findings
from ._join import join_report
from ._logging import get_logger
from .adapter import Accepted, Adapter, Capabilities, Observation, Submission, TicketRef
from .errors import (
    AdapterError,
    BatchHubError,
    CredentialsError,
    NotFoundError,
    RefusedError,
    ReplyTooLargeError,
    ResultsMissingError,
    StoreError,
)
from .models import BatchState, Finding, ItemState
from .polling import Known, interpret, next_delay_s
from .store import ResultRow, Store, TicketRecord

T = TypeVar("T")

MISSES_UNTIL_LOST: Final = 3
"""How many polls in a row must find a ticket unknown, past its grace, before it is lost."""

_DEDUP_MARGIN: Final = 0.9
"""The share of a deduplication window that is relied on; clocks differ, requests take time."""

_log = get_logger()


@frozen(kw_only=True)
class Step:
    """
    What a step came to.

    Attributes:
        delay_s: Seconds until the ticket's next step; `None` when it has none.
        trouble: What went wrong with vendor, network or store, if anything did.
        answered: Whether the vendor gave an answer of use.
    """

    delay_s: float | None
    trouble: BatchHubError | None = None
    answered: bool = True


class TicketDriver:
    """Takes the tickets of one lane a step further, one at a time each."""

    def __init__(
        self,
        *,
        adapter: Adapter[Any],
        store: Store,
        clock: Clock,
        rng: random.Random,
        on_store_trouble: Callable[[StoreError | None], None],
    ) -> None:
        self._adapter = adapter
        self._store = store
        self._clock = clock
        self._rng = rng
        self._on_store_trouble = on_store_trouble
        self._states = {word.casefold(): state for word, state in adapter.states.items()}

    async def step(self, run: JobRun, position: int) -> Step:
        """Do what a ticket needs next. Vendor and network trouble is returned, never raised."""
        try:
            return await self._step(run, run.ticket(position))
        except BatchHubError as error:
            return self._postpone(run, position, error)

    async def _step(self, run: JobRun, ticket: TicketRecord) -> Step:
        if run.is_cancelled and not ticket.vendor_refs:
            return await self._end_unsent(run, ticket, "cancelled before it was sent")
        if ticket.state is BatchState.PENDING and run.previous_ended_unclean(ticket):
            return await self._end_unsent(
                run, ticket, "not sent: an item before it did not succeed"
            )
        if ticket.state is BatchState.PENDING:
            return await self._submit(run, ticket)
        if run.is_cancelled and ticket.position not in run.cancel_sent:
            await self._cancel(run, ticket)
            ticket = run.ticket(ticket.position)
        if ticket.finished_as is not None:
            return await self._fetch(run, ticket)
        return await self._poll(run, ticket)

    # Submit.

    async def _submit(self, run: JobRun, ticket: TicketRecord) -> Step:
        capabilities = self._capabilities(run)
        if ticket.is_in_doubt and not self._may_resend(ticket, capabilities):
            return await self._hold(run, ticket)
        was_in_doubt = ticket.is_in_doubt
        items = await self._store.get_items(ticket)
        if not was_in_doubt:
            ticket = await self._intend(run, ticket)
        assert ticket.attempt_id is not None  # noqa: S101  # just written, or in doubt
        submission = Submission(
            operation=run.job.operation,
            items=items,
            options=run.job.options,
            stop_on_first_failure=run.job.stop_on_first_failure,
            group=_group(run),
            key=run.job.key,
            idempotency_key=ticket.attempt_id,
        )
        try:
            accepted = await self._ask(self._adapter.submit(submission))
        except BatchHubError as error:
            return await self._not_accepted(run, ticket, error, was_in_doubt=was_in_doubt)
        return await self._accepted(run, ticket, accepted)

    async def _intend(self, run: JobRun, ticket: TicketRecord) -> TicketRecord:
        intent = evolve(ticket, attempt_id=str(uuid4()), attempted_at=self._clock.now())
        await self._save(run, intent)
        self._log("ticket.intended", run, intent, attempt_id=intent.attempt_id)
        return intent

    async def _accepted(self, run: JobRun, ticket: TicketRecord, accepted: Accepted) -> Step:
        if not accepted.vendor_refs:
            raise AdapterError(f"adapter {self._adapter.name!r} accepted a batch without an id")
        now = self._clock.now()
        taken = evolve(
            ticket,
            state=BatchState.QUEUED,
            vendor_refs=accepted.vendor_refs,
            vendor=dict(accepted.vendor),
            accepted_at=now,
        )
        self._touch(run, observed=True)
        await self._save(run, taken)
        run.failures[ticket.position] = 0
        self._log("ticket.accepted", run, taken, vendor_refs=list(taken.vendor_refs))
        return Step(delay_s=self._delay_s(run, ticket.position))

    async def _not_accepted(
        self, run: JobRun, ticket: TicketRecord, error: BatchHubError, *, was_in_doubt: bool
    ) -> Step:
        """Sort a failed submit: certain that nothing ran, refused for good, or nobody knows."""
        certain = not getattr(error, "may_have_run", True)
        if certain and not was_in_doubt:
            if error.retryable or isinstance(error, CredentialsError):
                await self._save(run, evolve(ticket, attempt_id=None, attempted_at=None))
                raise error
            return await self._refuse(run, ticket, error)
        if self._may_resend(ticket, self._capabilities(run)):
            self._log("ticket.unanswered", run, ticket, error=str(error))
            raise error
        step = await self._hold(run, ticket, str(error))
        return evolve(step, trouble=error)

    async def _refuse(self, run: JobRun, ticket: TicketRecord, error: BatchHubError) -> Step:
        refused = evolve(ticket, state=BatchState.FAILED, message=str(error))
        self._log("ticket.refused", run, ticket, error=str(error))
        return await self._end(run, refused, rest=ItemState.FAILED, rest_message=str(error))

    async def _hold(self, run: JobRun, ticket: TicketRecord, why: str = "no answer came") -> Step:
        held = evolve(
            ticket,
            state=BatchState.UNCONFIRMED,
            message=f"sent, and nobody can tell whether the vendor has it: {why}",
        )
        self._touch(run)
        await self._save(run, held)
        self._log("ticket.unconfirmed", run, held, attempt_id=held.attempt_id)
        return Step(delay_s=None, answered=False)

    def _may_resend(self, ticket: TicketRecord, capabilities: Capabilities) -> bool:
        if capabilities.resends_unanswered:
            return True
        if capabilities.dedup_window_s is None or ticket.attempted_at is None:
            return False
        age = self._clock.now() - ticket.attempted_at
        return age < timedelta(seconds=capabilities.dedup_window_s * _DEDUP_MARGIN)

    # Poll, cancel.

    async def _poll(self, run: JobRun, ticket: TicketRecord) -> Step:
        try:
            answers = await self._ask(self._adapter.poll([self._ref(run, ticket)]))
        except NotFoundError as error:
            return await self._missed(run, ticket, error)
        if len(answers) != 1:
            raise AdapterError(
                f"adapter {self._adapter.name!r} gave {len(answers)} answers for one"
            )
        return await self._observed(run, ticket, answers[0])

    async def _observed(self, run: JobRun, ticket: TicketRecord, answer: Observation) -> Step:
        run.failures[ticket.position] = run.misses[ticket.position] = 0
        step = Step(delay_s=self._delay_s(run, ticket.position))
        now = self._clock.now()
        made_at = now - timedelta(seconds=answer.age_s or 0.0)
        if made_at < run.answered_at.get(ticket.position, made_at):
            return step  # from a cache, and older than what is known
        run.answered_at[ticket.position] = made_at
        seen = self._learn(run, ticket, answer)
        is_late = self._note_overdue(run)
        run.job = evolve(run.job, observed_at=now)
        if seen != ticket or is_late:
            self._touch(run)
            self._log("ticket.observed", run, seen, word=seen.vendor_state, progress=seen.progress)
            await self._save(run, seen)
        return step if seen.finished_as is None else await self._fetch(run, seen)

    def _learn(self, run: JobRun, ticket: TicketRecord, answer: Observation) -> TicketRecord:
        """Return a ticket with what an answer says of it."""
        now = self._clock.now()
        known = Known(
            state=ticket.state,
            progress=ticket.progress,
            settling_since=ticket.settling_since,
            total=ticket.total,
        )
        meaning = interpret(
            known, answer, words=self._states, capabilities=self._capabilities(run), now=now
        )
        findings = new_findings(ticket, meaning.findings)
        if findings != ticket.findings:
            codes = [finding.code for finding in meaning.findings]
            self._log("ticket.doubted", run, ticket, findings=codes, words=list(answer.words))
        is_finished = meaning.state.is_terminal
        return evolve(
            ticket,
            # Terminal only together with the results; until then the vendor has merely begun.
            state=BatchState.IN_PROGRESS if is_finished else meaning.state,
            finished_as=meaning.state if is_finished else None,
            finished_at=now if is_finished else None,
            settling_since=meaning.settling_since,
            vendor_state=meaning.vendor_state,
            vendor=dict(answer.vendor),
            progress=meaning.progress,
            findings=findings,
        )

    async def _missed(self, run: JobRun, ticket: TicketRecord, error: NotFoundError) -> Step:
        """The vendor does not know the ticket: not yet within its grace, no longer after it."""
        accepted_at = ticket.accepted_at or run.job.created_at
        grace = timedelta(seconds=self._capabilities(run).visibility_grace_s)
        if self._clock.now() - accepted_at <= grace:
            return Step(delay_s=self._delay_s(run, ticket.position))
        run.misses[ticket.position] += 1
        if run.misses[ticket.position] < MISSES_UNTIL_LOST:
            raise error
        lost = evolve(ticket, state=BatchState.LOST, message=str(error))
        message = "the vendor no longer knows the ticket"
        return await self._end(run, lost, rest=ItemState.UNKNOWN, rest_message=message)

    async def _cancel(self, run: JobRun, ticket: TicketRecord) -> None:
        refusal: str | None = "this vendor can't cancel"
        if self._capabilities(run).can_cancel:
            try:
                await self._ask(self._adapter.cancel(self._ref(run, ticket)))
                refusal = None
            except RefusedError as error:
                refusal = str(error)
        run.cancel_sent.add(ticket.position)
        if refusal is not None:
            finding = Finding(
                code="not_cancelled",
                message="tickets the vendor has and did not cancel; they go on",
                examples=(refusal,),
            )
            await self._save(run, evolve(ticket, findings=new_findings(ticket, [finding])))

    # Results, and the end.

    async def _fetch(self, run: JobRun, ticket: TicketRecord) -> Step:
        items = await self._store.get_items(ticket)
        try:
            report = await self._ask(self._adapter.fetch_results(self._ref(run, ticket), items))
        except NotFoundError as error:
            return await self._missed(run, ticket, error)
        except (ResultsMissingError, ReplyTooLargeError) as error:
            return await self._results_missing(run, ticket, error)
        if ticket.finished_as is not BatchState.COMPLETED and report.rest is ItemState.SUCCEEDED:
            # Of a batch that failed as a whole nobody can claim that the rest succeeded.
            report = evolve(report, rest=ItemState.UNKNOWN)
        results, findings = join_report([item.id for item in items], report, _only_ref(ticket))
        rows = [
            ResultRow(
                position=ticket.first_item + n,
                state=result.state,
                code=result.code,
                message=result.message,
                vendor_ref=result.vendor_ref,
                raw=result.raw,
            )
            for n, result in enumerate(results)
        ]
        state = self._end_state(run, ticket, rows)
        ended = evolve(
            ticket,
            state=state,
            progress=1.0 if state is BatchState.COMPLETED else ticket.progress,
            findings=new_findings(ticket, findings),
        )
        return await self._end(run, ended, rows=rows, rest=report.rest)

    async def _results_missing(
        self, run: JobRun, ticket: TicketRecord, error: BatchHubError
    ) -> Step:
        grace = timedelta(seconds=self._capabilities(run).results_grace_s)
        since = ticket.finished_at or self._clock.now()
        if self._clock.now() - since <= grace:
            raise error
        finding = Finding(code="results_missing", message=f"finished without results: {error}")
        ended = evolve(
            ticket,
            state=self._end_state(run, ticket, ()),
            findings=new_findings(ticket, [finding]),
        )
        return await self._end(run, ended, rest=ItemState.UNKNOWN, rest_message=str(error))

    @staticmethod
    def _end_state(run: JobRun, ticket: TicketRecord, rows: Sequence[ResultRow]) -> BatchState:
        if run.is_cancelled and any(row.state is ItemState.NOT_EXECUTED for row in rows):
            return BatchState.CANCELLED
        return ticket.finished_as or BatchState.COMPLETED

    async def _end_unsent(self, run: JobRun, ticket: TicketRecord, why: str) -> Step:
        """End a ticket the vendor never confirmed: not executed if never sent, else unknown."""
        rest = ItemState.NOT_EXECUTED if ticket.attempt_id is None else ItemState.UNKNOWN
        message = why if ticket.attempt_id is None else "cancelled while unconfirmed"
        ended = evolve(ticket, state=BatchState.CANCELLED, message=message)
        step = await self._end(run, ended, rest=rest, rest_message=message)
        return evolve(step, answered=False)

    async def _end(
        self,
        run: JobRun,
        ticket: TicketRecord,
        *,
        rows: Sequence[ResultRow] = (),
        rest: ItemState,
        rest_message: str | None = None,
    ) -> Step:
        self._touch(run, observed=bool(ticket.vendor_refs))
        ended, job = await self._persist(
            lambda: self._store.end_ticket(
                run.job, ticket, rows, rest, rest_message, at=self._clock.now()
            )
        )
        run.put(ended)
        run.job = evolve(run.job, ended_at=job.ended_at)
        self._log("ticket.ended", run, ended, state=ended.state.value)
        if job.ended_at is not None:
            self._log("job.ended", run, ended, state=run.status().state.value)
        return Step(delay_s=None)

    # What every step needs.

    async def _ask(self, call: Awaitable[T]) -> T:
        """Call the adapter; a fault of its own becomes an `AdapterError`."""
        try:
            return await call
        except BatchHubError:
            raise
        except Exception as error:
            # Told by type and message alone: a traceback's locals could show a secret.
            raise AdapterError(
                f"adapter {self._adapter.name!r} failed: {type(error).__name__}: {error}"
            ) from None

    async def _save(self, run: JobRun, ticket: TicketRecord) -> None:
        await self._persist(lambda: self._store.save_ticket(run.job, ticket))
        run.put(ticket)

    async def _persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write until it is written: what the vendor said must not be lost to a full disk."""
        tries = 0
        while True:
            try:
                written = await write()
            except StoreError as error:
                self._on_store_trouble(error)
                _log.error("store.failed", error=str(error))
                await self._clock.sleep(backoff_s(tries, base_s=0.5, cap_s=15.0, rng=self._rng))
                tries += 1
            else:
                self._on_store_trouble(None)
                return written

    def _postpone(self, run: JobRun, position: int, trouble: BatchHubError) -> Step:
        run.failures[position] += 1
        _log.warning("ticket.postponed", job_id=run.job.job_id, ticket=position, error=str(trouble))
        delay_s = self._delay_s(run, position, trouble)
        return Step(delay_s=delay_s, trouble=trouble, answered=False)

    def _delay_s(self, run: JobRun, position: int, trouble: BatchHubError | None = None) -> float:
        delay_s = next_delay_s(
            self._capabilities(run),
            age_s=self._age_s(run.ticket(position)),
            failures=run.failures[position],
            is_overdue=run.has_finding("overdue"),
            spread=self._rng.random(),
        )
        return max(delay_s, getattr(trouble, "retry_after_s", None) or 0.0)

    def _age_s(self, ticket: TicketRecord) -> float:
        """Return the seconds since the vendor took a ticket; 0 while it has not."""
        if ticket.accepted_at is None:
            return 0.0
        return (self._clock.now() - ticket.accepted_at).total_seconds()

    def _note_overdue(self, run: JobRun) -> bool:
        """Say once that a job is past its deadline."""
        age = self._clock.now() - run.job.created_at
        if run.has_finding("overdue") or age <= timedelta(seconds=run.job.deadline_s):
            return False
        message = f"not finished {run.job.deadline_s:.0f} s after it was handed over"
        run.add_findings([Finding(code="overdue", message=message)])
        return True

    def _touch(self, run: JobRun, *, observed: bool = False) -> None:
        now = self._clock.now()
        observed_at = now if observed else run.job.observed_at
        run.job = evolve(run.job, updated_at=now, observed_at=observed_at)

    def _capabilities(self, run: JobRun) -> Capabilities:
        return self._adapter.capabilities(run.job.operation)

    def _ref(self, run: JobRun, ticket: TicketRecord) -> TicketRef:
        return TicketRef(
            vendor_refs=ticket.vendor_refs,
            operation=run.job.operation,
            total=ticket.total,
            group=_group(run),
            options=run.job.options,
            state=ticket.state,
            submitted_at=ticket.accepted_at or run.job.created_at,
        )

    @staticmethod
    def _log(event: str, run: JobRun, ticket: TicketRecord, **facts: Any) -> None:
        _log.info(
            event,
            job_id=run.job.job_id,
            lane=run.job.lane,
            ticket=ticket.position,
            **facts,
        )


def _group(run: JobRun) -> str:
    return f"batchhub-{run.job.job_id}"


def _only_ref(ticket: TicketRecord) -> str | None:
    return ticket.vendor_refs[0] if len(ticket.vendor_refs) == 1 else None

"""The adapter that works by a description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final, NoReturn

from batchhub._adapter.account import Account
from batchhub._adapter.answers import one_line
from batchhub._adapter.capabilities import JSONMapping
from batchhub._adapter.exchange import (
    Accepted,
    Credentials,
    Observation,
    Report,
    Steps,
    Submission,
    TicketRef,
    WireItem,
)
from batchhub._adapter.kinds import Kind, read_key, write_fields
from batchhub._adapter.plain import encode_json, plain_json
from batchhub._adapter_class import Adapter
from batchhub._base.json import loads
from batchhub._http.reply import Reply
from batchhub._http.transport import Transport
from batchhub._http.words import describe_page
from batchhub.errors import (
    InputError,
    RepeatedError,
    ReplyError,
    ResultsMissingError,
    VendorError,
)
from batchhub.models import BatchItem, BatchState, Finding

from .description import Description, Operation, Poll, Request
from .figures import read_count, read_message, read_share, read_text, read_word
from .places import Place, PlaceError
from .requests import (
    fill_body,
    find_values,
    make_credentials,
    make_submit_body,
    measure_envelope,
)
from .results import Counted, NoResultsError, find_entries, fold, make_report
from .templates import IDEMPOTENCY_KEY, REF

_KEPT: Final = "description"
"""What the digest of the description is kept as, with each batch that was sent."""


class DeclaredAdapter(Adapter[Account]):
    """
    An adapter that a description makes.

    Attributes:
        description: What it works by.
    """

    description: ClassVar[Description]

    def __init__(self, account: Account, transport: Transport) -> None:
        super().__init__(account, transport)
        self._values = find_values(account)
        self._envelopes = {
            name: measure_envelope(each.submit, self._values)
            for name, each in self.description.operations.items()
        }

    # Plain translation.

    @classmethod
    def fields(cls, operation: str, item: JSONMapping) -> Mapping[str, Kind]:
        """Return what kind of value the fields of an item take."""
        del item
        return cls.description.operations[operation].fields

    def item_id(self, operation: str, payload: JSONMapping) -> str | None:
        """Return what an item without an id is called."""
        return self._read_key(operation, payload)

    def target(self, operation: str, item: BatchItem) -> str | None:
        """Return what an item changes."""
        return self._read_key(operation, item.payload)

    def key_value(self, operation: str, item: WireItem) -> str | None:
        """Return what names an item, as it was sent, at the vendor."""
        key_field = self.description.operations[operation].key_field
        return None if key_field is None else read_key(loads(item.wire), key_field)

    def encode(self, operation: str, item: BatchItem, options: JSONMapping) -> bytes:
        """Give an item the form it is sent in."""
        del options
        described = self.description.operations[operation]
        written = write_fields(plain_json(item.payload), described.fields)
        if not described.sends_id:  # another operation of the adapter may
            written.pop("id", None)
        if described.key_field is not None and read_key(written, described.key_field) is None:
            what = f"{described.key_field} is missing: it names the item at the vendor"
            raise InputError(what)
        _check_effect(written, described.needs_one_of)
        return encode_json(written)

    def envelope_bytes(self, operation: str, items: int) -> int:
        """Return the bytes of a request's body in addition to its items."""
        return self._envelopes[operation] + max(items - 1, 0)

    def may_repeat(self, operation: str, items: Sequence[WireItem], options: JSONMapping) -> bool:
        """Whether a batch may run twice without any more effect than once."""
        del items, options
        return self.description.operations[operation].may_repeat

    @classmethod
    def explain(
        cls, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, str | None]:
        """Read the vendor's error code and message from an error."""
        errors = cls.description.errors
        code, message = super().explain(status, headers, body)
        try:
            answer = loads(body)
            if errors.code is not None:
                code = read_text(errors.code.find(answer))
            if errors.message is not None:
                message = read_message(errors.message.find(answer))
        except (ValueError, PlaceError):
            return None, None
        return code, message

    # The verbs.

    async def authorize(self, *, again: bool) -> Credentials:
        """Give the headers that the account's fields make."""
        del again  # there are no others
        return Credentials(headers=make_credentials(self.description.auth, self._values))

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """Send one batch."""
        described = self.description.operations[submission.operation]
        if _KEPT not in steps.kept:
            await steps.keep(**{_KEPT: described.digest})
        values = {**self._values, IDEMPOTENCY_KEY: submission.idempotency_key}
        body = make_submit_body(described.submit, submission.json_array(), values)
        try:
            reply = await self._send(described.submit.request, values, body=body)
        except VendorError as error:
            self._raise_repeated(described, error)
            raise
        answer = reply.json()
        if described.submit.ref is None:
            report = self._read_results(
                described,
                reply,
                submission.items,
                state=BatchState.COMPLETED,
                kept=steps.kept,
            )
            return Accepted(vendor=_keep_plain(answer), report=report)
        ref = read_text(self._find(described.submit.ref, answer, reply))
        if ref is None:
            self._refuse(reply, f"without an id of the batch at {described.submit.ref.text}")
        return Accepted(vendor_refs=(ref,), vendor=_keep_plain(answer))

    def can_ask(self, operation: str) -> bool:
        """Whether the description says how a batch is asked about."""
        return self.description.operations[operation].poll is not None

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """Ask about one ticket."""
        described = self.description.operations[ticket.operation]
        if described.poll is None:
            return await super().poll_one(ticket)
        values = self._with_ref(ticket.vendor_refs[0])
        reply = await self._send(described.poll.request, values, is_question=True)
        findings = list(self._find_change(described, ticket.kept))
        if described.poll.word is None:
            return self._fold(described, reply, ticket, findings)
        return self._read_word(described, described.poll, reply, ticket, findings)

    # Answers.

    def _read_word(
        self,
        described: Operation,
        poll: Poll,
        reply: Reply,
        ticket: TicketRef,
        findings: list[Finding],
    ) -> Observation:
        answer = reply.json()

        def find(place: Place | None) -> Any:
            return None if place is None else self._find(place, answer, reply)

        word = read_word(find(poll.word))
        done = read_count(find(poll.done), findings)
        succeeded = read_count(find(poll.succeeded), findings)
        failed = read_count(find(poll.failed), findings)
        progress = read_share(find(poll.progress), 1, findings)
        if poll.percent is not None:
            progress = read_share(find(poll.percent), 100, findings)
        if word is None and all(each is None for each in (done, succeeded, failed, progress)):
            place = "nowhere" if poll.word is None else f"at {poll.word.text}"
            self._refuse(reply, f"without a word for the batch ({place})")
        return Observation(
            words=(word,),
            total=read_count(find(poll.total), findings),
            done=done,
            succeeded=succeeded,
            failed=failed,
            progress=progress,
            message=read_message(find(poll.message)),
            vendor=_keep_plain(answer),
            report=None
            if described.results.request is not None
            else partial(
                self._read_results,
                described,
                reply,
                state=self._find_state(word),
                counted=Counted(succeeded, failed),
                kept=ticket.kept,
            ),
            findings=tuple(findings),
            age_s=reply.age_s,
        )

    def _fold(
        self, described: Operation, reply: Reply, ticket: TicketRef, findings: list[Finding]
    ) -> Observation:
        """Ask the words of the items whether their batch has ended: of each, and of all sent."""
        answer = reply.json()
        try:
            folded = fold(described.results, find_entries(described.results, answer))
        except (NoResultsError, PlaceError) as error:
            self._refuse(reply, f"without the items: {error}")
        has_ended = folded.named >= ticket.total and folded.ended == folded.named
        state = BatchState.IN_PROGRESS if folded.named else None
        place = None if described.poll is None else described.poll.total
        total = None if place is None else read_count(self._find(place, answer, reply), findings)
        if total is None and folded.named > ticket.total:
            total = folded.named
        return Observation(
            words=(),
            state=BatchState.COMPLETED if has_ended else state,
            total=total,
            done=min(folded.ended, ticket.total),
            vendor=_keep_plain(answer),
            report=partial(self._read_folded, ticket, reply),
            findings=(*findings, *folded.findings),
            age_s=reply.age_s,
        )

    def _read_folded(self, ticket: TicketRef, reply: Reply, items: Sequence[WireItem]) -> Report:
        """Read the results of a batch that its items ended, if all that were sent are there."""
        return self._read_results(
            self.description.operations[ticket.operation],
            reply,
            items,
            state=BatchState.COMPLETED,
            kept=ticket.kept,
            needed=[(item.id, self.key_value(ticket.operation, item)) for item in items],
        )

    def _find_state(self, word: str | None) -> BatchState | None:
        """Return what the vendor's word for a batch means; `None` if nobody described it."""
        states = {each.casefold(): state for each, state in self.states.items()}
        return states.get((word or "").strip().casefold())

    def _read_results(
        self,
        described: Operation,
        reply: Reply,
        items: Sequence[WireItem],
        *,
        state: BatchState | None,
        kept: Mapping[str, str],
        counted: Counted | None = None,
        needed: Sequence[tuple[str, str | None]] = (),
    ) -> Report:
        try:
            entries = find_entries(described.results, reply.json(), state)
            # Of a batch that was finished before, the core only takes what the report says.
            changed = self._find_change(described, kept)
            return make_report(
                described.results,
                entries,
                total=len(items),
                state=state,
                counted=counted or Counted(),
                needed=needed,
                findings=changed,
            )
        except NoResultsError as error:
            raise ResultsMissingError(
                f"{self.name} answered without results: {error}{self._find_says(reply)}",
                vendor=self.name,
                account=self.account.identity,
                status=reply.status,
            ) from None
        except PlaceError as error:
            self._refuse(reply, f"something that can't be read: {error}")

    # Requests.

    async def _send(
        self,
        request: Request,
        values: Mapping[str, str],
        *,
        body: bytes | None = None,
        is_question: bool = False,
    ) -> Reply:
        headers = {**self.description.headers, **request.headers}
        if body is None and request.body is not None:
            body = encode_json(fill_body(request.body, values))
        return await self.transport.request(
            request.method,
            request.path.fill(values, quoted=True),
            headers={name: each.fill(values) for name, each in headers.items()},
            body=body,
            effect=False if is_question else None,
        )

    def _with_ref(self, ref: str) -> Mapping[str, str]:
        return {**self._values, REF: ref}

    def _raise_repeated(self, described: Operation, error: VendorError) -> None:
        repeated = described.submit.repeated
        if repeated is None:
            return
        code, message = self.explain(error.status or 0, {}, error.raw)
        if repeated.fits(error.status, code, message):
            raise RepeatedError(
                f"{self.name} has had this body a short while ago: {error}",
                vendor=self.name,
                account=self.account.identity,
                status=error.status,
                code=code,
            ) from error

    def _find_change(self, described: Operation, kept: Mapping[str, str]) -> tuple[Finding, ...]:
        """Return what is to be said of a batch that was sent by another description."""
        if kept.get(_KEPT, described.digest) == described.digest:
            return ()
        message = "sent by another version of the description; followed by the present one"
        example = self.description.source
        return (Finding(code="description_changed", message=message, examples=(example,)),)

    def _find(self, place: Place, answer: Any, reply: Reply) -> Any:
        try:
            return place.find(answer)
        except PlaceError as error:
            self._refuse(reply, f"something that can't be read: {error}")

    def _read_key(self, operation: str, payload: JSONMapping) -> str | None:
        """Return what names an item; a number in one spelling, if it is a whole number."""
        described = self.description.operations[operation]
        if described.key_field is None:
            return None
        if described.fields.get(described.key_field) is Kind.INTEGER:
            payload = write_fields(payload, {described.key_field: Kind.INTEGER})
        return read_key(payload, described.key_field)

    def _find_says(self, reply: Reply) -> str:
        """Return the vendor's words, of an answer that has nothing where the description looks."""
        code, message = self.explain(reply.status, reply.headers, reply.body)
        says = one_line(message) or one_line(code) or describe_page(reply.body)
        return f"; it says: {says}" if says else ""

    def _refuse(self, reply: Reply, what: str) -> NoReturn:
        raise ReplyError(
            f"{self.name} answered {reply.status} {what}{self._find_says(reply)}",
            vendor=self.name,
            account=self.account.identity,
            status=reply.status,
        )


def _keep_plain(answer: Any) -> JSONMapping:
    """Return the fields of an answer that are neither lists nor objects: those can be large."""
    if not isinstance(answer, dict):
        return {}
    return {name: each for name, each in answer.items() if not isinstance(each, list | dict)}


def _check_effect(item: JSONMapping, names: Sequence[str]) -> None:
    """Refuse an item that has none of the fields of which it needs one."""
    for name in names:
        value: Any = item
        for key in name.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            return
    if names:
        raise InputError(f"there is nothing to change: one of {', '.join(names)} is needed")

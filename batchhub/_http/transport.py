"""
HTTP for adapters: one `Transport` per lane, over one aiohttp session per hub.

A transport waits for the lane's budget, sends once, limits time and size, and turns every error
answer and every missing one into one of our errors. It repeats nothing by itself, except what the
vendor says it did not run. It stops the lane for as long as the vendor asks (429, 503), and until
somebody tries again when the credentials are refused (401, 403).
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from batchhub._adapter.account import Account, Budget
from batchhub._adapter.bodies import Form, Multipart
from batchhub._base.clock import Clock
from batchhub._base.measures import AdapterMeasures
from batchhub.errors import BusyError, CredentialsError, RateLimitedError

from .credentials import Authorize
from .download import Download
from .gate import LaneGate
from .journal import READ_BYTES, ExchangeNotes, Journal
from .limits import Limits, bound_retry_after
from .reply import Reply
from .request import RequestMaker
from .sender import Pace, Sender
from .spent import Spent

if TYPE_CHECKING:
    from .errors import Explain
    from .session import Session

_DEFAULT_LIMITS: Final = Limits()


class Transport:
    """
    All traffic of one account.

    Args:
        session: What `open_session` gave; shared by all lanes.
        clock: For the budget, cool-downs and waits; time limits are in real time.
        vendor: The adapter's name.
        account: Whose traffic it is; gives the address and the secrets.
        budget: How much the account may send.
        rates: How much of what has a rate of its own, by its name.
        explain: Reads the vendor's error code and message: `Adapter.explain`.
        not_executed_statuses: HTTP statuses by which the vendor says it did not run a request.
        limits: How long and how large an answer may be.
        rng: Where the jitter comes from.
        measures: Where its requests are counted.
    """

    def __init__(
        self,
        *,
        session: Session,
        clock: Clock,
        vendor: str,
        account: Account,
        budget: Budget,
        rates: Mapping[str, Budget] | None = None,
        explain: Explain,
        not_executed_statuses: frozenset[int] = frozenset(),
        limits: Limits = _DEFAULT_LIMITS,
        rng: random.Random | None = None,
        measures: AdapterMeasures | None = None,
    ) -> None:
        from .exchange import Exchange  # noqa: PLC0415  # aiohttp is slow to import

        self._clock = clock
        self._vendor = vendor
        self._account = account
        self._requests = RequestMaker(vendor, account)
        rng = rng if rng is not None else random.Random()  # noqa: S311  # jitter, no secret
        self._exchange = Exchange(
            session=session,
            vendor=vendor,
            account=account,
            explain=explain,
            not_executed_statuses=not_executed_statuses,
            limits=limits,
            measures=measures or AdapterMeasures(),
        )
        self._gate = LaneGate(lane=account.lane, budget=budget, rates=rates, clock=clock, rng=rng)
        self._sender = Sender(
            vendor=vendor,
            account=account,
            requests=self._requests,
            exchange=self._exchange,
            gate=self._gate,
            clock=clock,
            rng=rng,
        )

    def bind(self, authorize: Authorize, pace: Pace | None = None) -> None:
        """
        Say how the requests to the account's own host are authorised, and what their answers teach.

        Args:
            authorize: `Adapter.authorize`. Called one at a time, when credentials are first needed,
                shortly before they end, and once with ``again=True`` after the vendor has refused
                what it gave. Without other headers then, and where it raises `CredentialsError` or
                `RefusedError`, nothing more is sent until `try_again`.
            pace: `Adapter.pace`. What it raises is logged once, and changes no budget.
        """
        self._sender.credentials.authorize = authorize
        self._sender.pace = pace

    def watch_budget(self, on_budget: Callable[[Budget], None]) -> None:
        """
        Say who is to know how many requests the lane may make: now, and when that changes.

        Args:
            on_budget: Called with the account's budget, or with what takes its place because an
                answer says so. It must not raise.
        """
        self._gate.watch_budget(on_budget)

    def keep_exchanges(self, journal: Journal, name: str) -> None:
        """
        Say who keeps a record of the requests and their answers.

        Args:
            journal: Takes what was exchanged, without waiting or raising.
            name: The account's name.
        """
        self._sender.notes = ExchangeNotes(
            journal,
            name=name,
            account=self._account,
            vendor=self._vendor,
            exchange=self._exchange,
            clock=self._clock,
        )

    def leave(self) -> None:
        """Give its share of the connections back; it sends nothing more."""
        self._exchange.leave()

    @property
    def cooled_until(self) -> datetime | None:
        """Until when the lane sends nothing; `None` outside a cool-down."""
        return self._gate.cooled_until

    @property
    def budget_left(self) -> int:
        """How many requests may go at once; none in a cool-down or with refused credentials."""
        return self._gate.left

    def under_way(self, more_s: float) -> float:
        """
        Return how many requests are under way at a time while the whole budget is used.

        Args:
            more_s: Seconds that pass between an answer and the next request in its place.
        """
        return self._gate.under_way(more_s)

    @property
    def connections(self) -> int:
        """How many requests may be under way at a time."""
        return self._exchange.share.size

    @property
    def cool_downs(self) -> Mapping[str, datetime]:
        """Until when nothing is sent of which rate; ``""`` is the whole lane."""
        return self._gate.cool_downs

    def cool_down(self, error: RateLimitedError | BusyError, rate: str = "") -> None:
        """
        Send nothing for a while, since an adapter says that the vendor asks for it.

        As after an answer of 429: for the error's `retry_after_s` or, without one, for a time that
        grows each time. An error that the transport itself has raised changes nothing more.

        Args:
            error: What the adapter raised, of an answer of 200 for instance.
            rate: The rate that is not sent; by default nothing is.
        """
        if self._sender.has_noted(error):
            return
        self._gate.cool_down(
            rate,
            status=error.status,
            retry_after_s=bound_retry_after(error.retry_after_s),
            sent_at_s=self._clock.monotonic(),
        )

    @property
    def paused(self) -> CredentialsError | None:
        """Why the lane sends nothing more; `None` while it may."""
        return self._gate.closed_by

    def try_again(self) -> None:
        """Let one request go although the credentials were refused; its answer decides."""
        self._gate.try_again()

    def redact(self, value: Any) -> Any:
        """
        Return a JSON-like value as it may be kept and shown: every secret of the account in its
        texts, what `Adapter.authorize` gave included, and the query of every address are ``***``.
        """
        return self._exchange.redact(value)

    def redact_body(self, body: bytes) -> bytes:
        """Return a body, or a part of one, with every secret of the account as ``***``."""
        return self._exchange.redact_body(body)

    def spent(self) -> Spent:
        """Return what was sent in the last seconds, and until when the lane cools, as of now."""
        return self._gate.spent()

    def restore(self, spent: Spent, unseen_since: datetime | None = None) -> None:
        """
        Go on as if this process had sent what the lane's earlier owners have.

        Args:
            spent: What the last owner left behind.
            unseen_since: The last sign of life, in UTC, of an owner that died. What it could have
                sent from then until now counts as sent.
        """
        self._gate.restore(spent, unseen_since)

    async def wait_turn(self) -> None:
        """
        Wait until the next request may go; the next one of this task then goes without a wait, if
        it comes soon.

        Of requests that the task makes at the same time, in tasks of its own, only the first does.

        For a caller that has to do something right before it sends.

        Raises:
            CredentialsError: The lane sends nothing more.
        """
        await self._sender.wait_turn()

    async def request(
        self,
        method: str,
        target: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | Multipart | Form | None = None,
        headers: Mapping[str, str] | None = None,
        auth: bool | None = None,
        effect: bool | None = None,
        rate: str = "",
        decompress: bool | None = None,
    ) -> Reply:
        """
        Send one request, when the budget allows, and return the answer.

        A target is the account's own if its scheme, host and port are those of `base_url`. Only
        there do credentials go. A request without them counts as one to elsewhere, whatever its
        host: what is refused there (401, 403, 404, 410, 429) is an `OtherHostError`, which pauses
        nothing, and an address loses its query in every error. Redirects are not followed.

        Args:
            method: The HTTP method.
            target: From the ``/`` after the host, percent-encoded and sent exactly as it is; or a
                whole address, as a vendor gives for a file.
            params: The query, not encoded yet.
            body: JSON, unless `headers` have another ``Content-Type``; a `Form`; or a `Multipart`,
                whose files are read from disk while they are sent.
            headers: In addition to the usual ones, or in place of them.
            auth: Whether it carries the credentials and its answer concerns the account; by
                default every request to the own host. False for a presigned address.
            effect: Whether it can change anything at the vendor that must not happen twice; by
                default that is any but GET and HEAD which carries the credentials. Before the first
                request with an effect, whatever goes wrong in `Adapter.submit` is certain to have
                done nothing, and the batch is sent again.
            rate: What it counts as besides, where the vendor limits some requests by themselves
                (`Account.rates`, `Adapter.pace`), such as ``"createFeed"``. If the vendor asks for
                silence only requests of the same rate wait. By default all of the account's do.
            decompress: Whether an answer that is a gzip file is decompressed, in addition to what
                its ``Content-Encoding`` says; by default it is not.

        Raises:
            VendorError: The vendor answered with an error.
            ContactError: There was no answer.
            AdapterError: The target is invalid, or not encrypted while `base_url` is, or there are
                more rates than a vendor can have. Nothing was sent.
            SettingsError: A header can't be sent. Nothing was sent.
        """
        call = self._requests.make(
            method,
            target,
            params=params,
            body=body,
            headers=headers,
            auth=auth,
            effect=effect,
            rate=rate,
            unpacks=bool(decompress),
            for_credentials=self._sender.credentials.is_asking,
        )
        if headers:
            self._exchange.note_headers(headers)
        return await self._sender.perform(call)

    @asynccontextmanager
    async def download(
        self,
        target: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: bool | None = None,
        rate: str = "",
        decompress: bool | None = None,
    ) -> AsyncIterator[Download]:
        """
        Get a large answer to disk, then read it line by line, or in parts if it is JSON.

        As ``async with transport.download(url) as lines: async for line in lines: …``. The whole
        answer is there when the block is entered, so nothing waits for whoever reads it, and what
        breaks off is an error before its first line. It is in a temporary file that nobody else can
        read; the file is gone when the block ends, and however this process ends. In memory is
        about a megabyte of it, also if it is one JSON document (`Download.parts`). Bounds are those
        of `Limits`: seconds without a byte, seconds and bytes in all, and the longest line.

        Args:
            target: As for `request`.
            params: As for `request`.
            headers: As for `request`.
            auth: As for `request`.
            rate: As for `request`.
            decompress: Whether a gzip file is decompressed, in addition to what its
                ``Content-Encoding`` says; by default it is.

        Raises:
            ReplyTooLargeError: It, or one of its lines, is larger than the limits, as what was
                compressed to do harm.
            ReplyError: Its compression is damaged.
            StoreError: There is no room for it.
            VendorError: As for `request`.
            ContactError: There was no answer, or it broke off. Get it again with the next step.
        """
        notes = self._sender.notes
        head_bytes = READ_BYTES if notes is not None and notes.keeps_bodies else 0
        async with self._exchange.open_spool(
            unpacks=decompress is not False, head_bytes=head_bytes
        ) as spool:
            call = self._requests.make(
                "GET",
                target,
                params=params,
                body=None,
                headers={"Accept": "*/*", **(headers or {})},
                auth=auth,
                effect=False,
                rate=rate,
                spool=spool,
                for_credentials=self._sender.credentials.is_asking,
            )
            self._exchange.note_headers(headers or {})
            reply = await self._sender.perform(call)
            yield Download(
                reply,
                spool,
                lambda: self._exchange.lines(call, spool),
                lambda places: self._exchange.parts(call, spool, places),
            )

"""The adapter that speaks for an account: of a lane, or for a moment."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from batchhub._adapter.account import Account
from batchhub._base.clock import Clock
from batchhub._base.measures import Measures
from batchhub._http.transport import Transport
from batchhub._settings.account_check import check_limits, check_names
from batchhub._settings.registry import Registry
from batchhub.adapter import Adapter
from batchhub.errors import AdapterError

from .guarded import GuardedAdapter
from .verb_calls import VerbCalls

if TYPE_CHECKING:
    from batchhub._http.session import Session


@asynccontextmanager
async def open_adapter(
    registry: Registry, account: Account, *, clock: Clock, rng: random.Random
) -> AsyncIterator[GuardedAdapter]:
    """
    Have an account's adapter without a lane, in an HTTP session of its own; then close it.

    Raises:
        NotKnownError: It is not installed.
        AdapterError: It does not load, or can't be made.
    """
    from batchhub._http.session import open_session  # noqa: PLC0415  # slow to import

    async with open_session() as session:
        calls = VerbCalls()
        adapter = make_adapter(registry, account, session, calls, clock=clock, rng=rng)
        try:
            yield adapter
        finally:
            try:
                with suppress(AdapterError):  # what it keeps open is no reason to fail
                    await adapter.aclose()
            finally:
                calls.close()


def make_adapter(
    registry: Registry,
    account: Account,
    session: Session,
    calls: VerbCalls,
    *,
    clock: Clock,
    rng: random.Random,
    measures: Measures | None = None,
) -> GuardedAdapter:
    """
    Make the adapter that speaks for an account, with a transport of its own.

    With `measures` its requests are counted there.

    Raises:
        NotKnownError: It is not installed.
        AdapterError: It does not load, or can't be made.
    """
    adapter_type = registry.get_for(account)
    source = registry.source_for(account)
    check_names(account, source)
    check_limits(account, source)
    transport = Transport(
        session=session,
        clock=clock,
        vendor=adapter_type.name,
        account=account,
        budget=account.budget,
        rates=account.rates,
        explain=adapter_type.explain,
        not_executed_statuses=adapter_type.not_executed_statuses,
        rng=rng,
        measures=None if measures is None else measures.of(adapter_type.name),
    )
    try:
        guarded = GuardedAdapter.make(
            lambda: adapter_type(account, transport),
            transport,
            f"{adapter_type.name!r} ({source})",
            calls,
        )
    except BaseException:
        transport.leave()
        raise
    # Most vendors say nothing of their limits: their answers need not be looked at.
    says_pace = adapter_type.pace is not Adapter.pace or adapter_type.rate_header is not None
    transport.bind(guarded.authorize, guarded.pace if says_pace else None)
    return guarded

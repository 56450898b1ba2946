"""Laws 1 to 4 over any sequence of Mircate answers: any word, any counts, any order."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.reports import read
from support.verbs import make_ticket

from batchhub._engine.interpret import interpret
from batchhub._engine.join import join_report
from batchhub._store import TicketRecord
from batchhub.adapter import TicketRef, WireItem
from batchhub.errors import ReplyError
from batchhub.models import BatchState, ItemState
from batchhub.transport import Reply
from batchhub_mircate import MircateAccount, MircateAdapter

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SKUS = [f"A-{n}" for n in range(1, 7)]
SENT = [
    WireItem(id=f"i{n}", wire=json.dumps({"sku": sku, "price": n}).encode())
    for n, sku in enumerate(SKUS, 1)
]

failures = st.lists(
    st.builds(
        lambda sku, key: {key: sku, "message": "no"},
        st.sampled_from([*SKUS, "Z-9"]),
        st.sampled_from(["sku", "barcode", "what"]),
    ),
    max_size=4,
)
answers = st.fixed_dictionaries(
    {},
    optional={
        "batchStatus": st.sampled_from(["RUNNING", "done", "QUEUED", "FAILED", "ODD", ""]),
        "successCount": st.integers(-2, 9) | st.just("4"),
        "failCount": st.integers(-2, 9),
        "failedProducts": failures | st.none(),
        "ratio": st.sampled_from(["50%", "3/6", "0.5", "99", "x", "-1", "700%"]),
        "pushPriceFrequency": st.integers(0, 10),
    },
)


@st.composite
def honest_answers(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an answer that agrees with itself, as a good vendor's last one does."""
    failed = draw(st.lists(st.sampled_from(SKUS), unique=True, max_size=3))
    return {
        "batchStatus": draw(st.sampled_from(["RUNNING", "done", "FINITO"])),
        "successCount": len(SKUS) - len(failed),
        "failCount": len(failed),
        "failedProducts": [{"sku": sku} for sku in failed],
    }


class Vendor:
    """A transport that answers what comes next."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}

    async def request(self, *_: Any, **__: Any) -> Reply:
        """Answer whatever was asked."""
        return Reply(status=200, body=json.dumps(self.answer).encode())


async def play(sequence: list[dict[str, Any]]) -> None:
    """Fold a sequence of answers, and hold the laws at every step and at the end."""
    vendor: Any = Vendor()
    account = MircateAccount(project_id="p", merchant_project_id="m", api_key="secret_key_1")
    adapter = MircateAdapter(account, vendor)
    words = {word.casefold(): state for word, state in adapter.states.items()}
    known = TicketRecord(
        job_no=1,
        position=1,
        first_item=1,
        total=len(SENT),
        state=BatchState.QUEUED,
        vendor_refs=("b1",),
    )
    ticket = make_ticket("b1", operation="receive-price", total=len(SENT))
    for number, answer in enumerate(sequence):
        vendor.answer = answer
        try:
            seen = await adapter.poll_one(ticket)
        except ReplyError:
            continue
        now = NOW + timedelta(seconds=25 * number)
        capabilities = adapter.capabilities("receive-price")
        after = interpret(known, seen, words=words, capabilities=capabilities, now=now)
        assert known.state.may_become(after.finished_as or after.state)
        if known.progress is not None:
            assert after.progress is not None
            assert after.progress >= known.progress
        if answer.get("batchStatus") in {"ODD", ""} and after.finished_as is not None:
            assert "completed_by_counts" in {f.code for f in after.findings}
        known = after
        if after.finished_as is not None:
            await check_results(adapter, ticket, answer)
            return


async def check_results(adapter: MircateAdapter, ticket: TicketRef, answer: dict[str, Any]) -> None:
    """Law 1: one result per item; a success only where the counts leave no other reading."""
    report = await adapter.fetch_results(ticket, SENT)
    results, findings = join_report([item.id for item in SENT], read(report), "b1")
    assert [result.id for result in results] == [item.id for item in SENT]
    succeeded = sum(result.state is ItemState.SUCCEEDED for result in results)
    if succeeded:
        assert succeeded == int(answer["successCount"])
        assert int(answer["successCount"]) + int(answer.get("failCount", 0)) == len(SENT)
        assert not {f.code for f in findings} & {"failures_differ", "unmatched_failure"}


@settings(deadline=None, max_examples=200)
@given(st.lists(answers | honest_answers(), min_size=1, max_size=10))
def test_any_sequence_of_answers_keeps_the_laws(sequence: list[dict[str, Any]]) -> None:
    """States forward, progress never back, no word ends anything by itself, nothing is claimed."""
    asyncio.run(play(sequence))

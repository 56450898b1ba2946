"""Laws 2, 3 and 4 at their root: what any sequence of answers makes of a ticket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchhub._engine.interpret import interpret
from batchhub._store import TicketRecord
from batchhub.adapter import Capabilities, Observation
from batchhub.models import BatchState

S = BatchState
WORDS = {"queued": S.QUEUED, "running": S.IN_PROGRESS, "done": S.COMPLETED, "error": S.FAILED}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAIN = Capabilities(max_items=10)
COUNTING = Capabilities(max_items=10, counts_items=True, count_grace_s=60.0)
TOTAL = 10

words = st.sampled_from([None, "QUEUED", "Running", " done ", "ODD", "", "Error"])
counts = st.none() | st.integers(-3, 15)
answers = st.builds(
    Observation,
    words=st.lists(words, min_size=1, max_size=3).map(tuple),
    done=counts,
    succeeded=counts,
    failed=counts,
    progress=st.none() | st.floats(-1, 2),
)


def make_ticket(state: BatchState, settling_since: datetime | None = None) -> TicketRecord:
    """Make the only ticket of a job, which the vendor has."""
    return TicketRecord(
        job_no=1,
        position=1,
        first_item=1,
        total=TOTAL,
        state=state,
        settling_since=settling_since,
        vendor_refs=("r1",),
    )


def state_of(ticket: TicketRecord) -> BatchState:
    """Return the state a ticket is in at the vendor: terminal before its results are fetched."""
    return ticket.finished_as or ticket.state


def read(
    answer: Observation,
    ticket: TicketRecord | None = None,
    *,
    plain: bool = False,
    later_s: float = 0.0,
) -> TicketRecord:
    """Interpret an answer, by default at a vendor that counts, of a ticket that has begun."""
    ticket, now = ticket or make_ticket(S.IN_PROGRESS), NOW + timedelta(seconds=later_s)
    return interpret(
        ticket,
        answer,
        words=WORDS,
        capabilities=PLAIN if plain else COUNTING,
        now=now,
        settled_s=(now - (ticket.settling_since or now)).total_seconds(),
    )


@given(st.lists(answers, max_size=20), st.booleans())
def test_answers_move_a_ticket_forward_only(sequence: list[Observation], plain: bool) -> None:
    """States go forward and progress never back, whatever is said in whatever order."""
    known = make_ticket(S.QUEUED)
    for second, answer in enumerate(sequence):
        seen = read(answer, known, plain=plain, later_s=second * 30.0)
        assert known.state.may_become(state_of(seen))
        if known.progress is not None:
            assert seen.progress is not None
            assert seen.progress >= known.progress
        assert seen.progress is None or 0.0 <= seen.progress <= 1.0
        if seen.finished_as is S.COMPLETED and not plain:
            counted = (answer.succeeded or 0) + (answer.failed or 0)
            counted = counted or (answer.done or 0)
            explained = {f.code for f in seen.findings}
            word_says_so = all(
                (w or "").strip().casefold() in {"done", "error"} for w in answer.words
            )
            assert (word_says_so and counted == TOTAL) or explained & {
                "counts_short",
                "completed_by_counts",
            }
        if seen.finished_as is not None:
            return  # its results are fetched, and nothing is polled any more
        known = seen


@given(st.text().filter(lambda w: w.strip().casefold() not in WORDS))
def test_an_undocumented_word_ends_nothing(word: str) -> None:
    """A word nobody documented is kept and shown, and changes no state."""
    seen = read(Observation(words=(word,)), plain=True)
    assert state_of(seen) is S.IN_PROGRESS
    assert seen.vendor_state == (word or None)
    assert [f.code for f in seen.findings] == ["unknown_word"]


@pytest.mark.parametrize(
    ("word", "succeeded", "failed", "waited_s", "state", "code"),
    [
        ("DONE", 8, 2, 0, S.COMPLETED, None),
        ("DONE", 8, None, 0, S.IN_PROGRESS, None),
        ("DONE", 8, None, 60, S.COMPLETED, "counts_short"),
        ("DONE", None, None, 59, S.IN_PROGRESS, None),
        ("DONE", None, None, 60, S.COMPLETED, "counts_short"),
        ("ODD", 10, 0, 0, S.COMPLETED, "completed_by_counts"),
        (None, 10, 0, 0, S.COMPLETED, "completed_by_counts"),
        ("RUNNING", 10, 0, 0, S.IN_PROGRESS, None),
        ("RUNNING", 10, 0, 60, S.COMPLETED, "completed_by_counts"),
        ("RUNNING", 9, 0, 600, S.IN_PROGRESS, None),
        ("ERROR", 3, 0, 0, S.FAILED, None),
        ("DONE", 11, 0, 0, S.IN_PROGRESS, None),
        ("DONE", 11, 0, 60, S.COMPLETED, "counts_short"),
    ],
)
def test_word_against_counts(
    word: str | None,
    succeeded: int | None,
    failed: int | None,
    waited_s: float,
    state: BatchState,
    code: str | None,
) -> None:
    """Two signals complete a ticket; one alone does after its grace, and the status says so."""
    known = make_ticket(S.IN_PROGRESS, NOW - timedelta(seconds=waited_s) if waited_s else None)
    answer = Observation(words=(word,), succeeded=succeeded, failed=failed)
    seen = read(answer, known)
    assert state_of(seen) is state
    codes = {f.code for f in seen.findings}
    assert codes - {"unknown_word", "impossible_count"} == ({code} if code else set())
    assert ("impossible_count" in codes) == (succeeded == TOTAL + 1)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (("DONE", "DONE"), S.COMPLETED),
        (("DONE", "RUNNING"), S.IN_PROGRESS),
        (("DONE", "QUEUED"), S.IN_PROGRESS),
        (("QUEUED", "QUEUED"), S.QUEUED),
        (("ERROR", "ERROR"), S.FAILED),
        (("DONE", "ERROR"), S.COMPLETED),
        (("DONE", "ODD"), S.IN_PROGRESS),
    ],
)
def test_a_ticket_of_several_refs_ends_when_all_have(
    said: tuple[str, ...], state: BatchState
) -> None:
    """The words of a ticket's refs fold into one state."""
    seen = read(Observation(words=said), make_ticket(S.QUEUED), plain=True)
    assert state_of(seen) is state


def test_progress_is_counts_first_ratio_next() -> None:
    """Counts beat the vendor's own ratio; without either nothing is invented."""
    assert read(Observation(succeeded=2, failed=1, progress=0.9)).progress == 0.3
    assert read(Observation(progress=0.5)).progress == 0.5
    assert read(Observation()).progress is None
    assert read(Observation(progress=7.0)).progress is None

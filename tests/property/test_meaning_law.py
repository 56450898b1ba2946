"""Laws 2, 3 and 4 at their root: what any sequence of answers makes of a ticket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batchhub.adapter import Observation
from batchhub.models import BatchState
from batchhub.polling import interpret

WORDS = {
    "queued": BatchState.QUEUED,
    "running": BatchState.IN_PROGRESS,
    "done": BatchState.COMPLETED,
}
answers = st.lists(
    st.builds(
        Observation,
        word=st.none() | st.sampled_from(["QUEUED", "Running", " done ", "ODD", ""]),
        done=st.none() | st.integers(-3, 15),
    ),
    max_size=20,
)


@given(answers)
def test_answers_move_a_ticket_forward_only(sequence: list[Observation]) -> None:
    """States go forward, progress never back and never beyond what the vendor counted."""
    state, progress = BatchState.QUEUED, None
    best = None
    for answer in sequence:
        meaning = interpret(state, progress, answer, words=WORDS, total=10)
        assert state.may_become(meaning.state)
        if progress is not None:
            assert meaning.progress is not None
            assert meaning.progress >= progress
        if answer.done is not None and 0 <= answer.done <= 10:
            best = max(best or 0.0, answer.done / 10)
        assert meaning.progress == best
        state, progress = meaning.state, meaning.progress


@given(st.text().filter(lambda w: w.strip().casefold() not in WORDS))
def test_an_undocumented_word_ends_nothing(word: str) -> None:
    """A word nobody documented is kept and shown, and changes no state."""
    meaning = interpret(BatchState.IN_PROGRESS, 0.5, Observation(word=word), words=WORDS, total=10)
    assert meaning.state is BatchState.IN_PROGRESS
    assert meaning.vendor_state == word
    assert [f.code for f in meaning.findings] == ["unknown_word"]

"""What was learned, kept between two processes."""

from __future__ import annotations

import math
import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from batchhub.polling import Adaptive, Lessons, Poll

JUNK = st.binary(max_size=3000) | st.none() | st.text() | st.integers()


def make_poll(operation: str = "batch", items: int = 100) -> Poll:
    """Make what a rule sees of a ticket that was just sent."""
    return Poll(
        adapter="acme", account="shop", operation=operation, items=items, usual_s=5, least_s=0
    )


def teach(lessons: Lessons, operation: str = "batch", count: int = 60, items: int = 100) -> None:
    """Let some batches of about a minute end, with progress in half of them."""
    rule, rng = Adaptive(lessons), random.Random(1)
    for number in range(count):
        poll, ends_s = make_poll(operation, items), rng.gauss(60, 3)
        while poll.age_s < ends_s:
            delay_s = rule.next_delay_s(poll)
            poll.last_age_s, poll.age_s = poll.age_s, poll.age_s + delay_s
            poll.polls += 1
            if number % 2:
                poll.done, poll.total = math.floor(100 * min(1.0, poll.age_s / ends_s)), 100
        rule.ended(poll)


def delays(lessons: Lessons, operation: str = "batch") -> list[float]:
    """Return what a rule makes of what was learned."""
    rule, poll = Adaptive(lessons), make_poll(operation)
    found = [rule.next_delay_s(poll)]
    for age_s, done in ((20.0, 30.0), (30.0, 50.0), (55.0, 95.0), (60.0, 100.0)):
        poll.age_s, poll.done, poll.total = age_s, done, 100.0
        poll.polls += 1
        found.append(rule.next_delay_s(poll))
    return found


def test_the_next_process_knows_it_too() -> None:
    """What is loaded gives the delays that it gave before, but for the rounding."""
    lessons, loaded = Lessons(), Lessons()
    teach(lessons)
    loaded.load(lessons.dump())

    pairs = list(zip(delays(lessons), delays(loaded), strict=True))
    assert all(math.isclose(a, b, rel_tol=0.02) for a, b in pairs), pairs
    assert not math.isclose(delays(loaded)[0], delays(Lessons())[0], rel_tol=0.5)


def test_a_class_is_small() -> None:
    """Less than 2 KB, however much was learned."""
    lessons = Lessons()
    teach(lessons, count=1000)

    assert all(len(data) <= 2000 for data in lessons.dump().values())


def test_only_what_changed_is_written() -> None:
    """A class is named from when something was learned until it is dumped."""
    lessons = Lessons()
    teach(lessons, "a")
    teach(lessons, "b")
    assert len(lessons.changed()) == 2

    lessons.dump()
    assert lessons.changed() == []

    teach(lessons, "b", count=1)
    (key,) = lessons.changed()
    assert list(lessons.dump(lessons.changed())) == [key]
    assert lessons.changed() == []


def test_what_is_asked_or_loaded_has_not_changed() -> None:
    """Nothing is written of a class that taught nothing."""
    lessons, loaded = Lessons(), Lessons()
    teach(lessons)
    loaded.load(lessons.dump())
    Adaptive(loaded).next_delay_s(make_poll("other"))

    assert loaded.changed() == []


def test_a_vendor_that_counts_in_larger_steps_from_now_on_is_believed() -> None:
    """Some hundred counts later, and at once where it counts in smaller ones again."""
    lessons, loaded = Lessons(), Lessons()
    rule, steps = Adaptive(lessons), []
    for step in (1, 50, 10):
        for _ in range(60):
            poll = make_poll()
            for number in range(1, 8):
                poll.last_age_s, poll.age_s = poll.age_s, poll.age_s + 10.0
                poll.polls, poll.done, poll.total = number, number * step, 8.0 * step
                rule.next_delay_s(poll)
            rule.ended(poll)
        steps.append(lessons.of(make_poll()).step)
    loaded.load(lessons.dump())

    assert steps == [1, 50, 10]
    assert loaded.of(make_poll()).step == 10


def test_operations_and_sizes_are_apart() -> None:
    """A batch of 10,000 items says nothing of one of 100, and no operation of another."""
    lessons = Lessons()
    teach(lessons, items=10_000)

    assert delays(lessons) == delays(Lessons())
    assert delays(lessons, "other") == delays(Lessons())


def test_classes_are_bounded() -> None:
    """Those used longest ago are forgotten."""
    lessons = Lessons()
    teach(lessons, "first")
    for number in range(1000):
        teach(lessons, f"operation {number}", count=1)
        teach(lessons, "first", count=1)

    assert len(lessons.dump()) <= 256
    assert any("first" in key for key in lessons.dump())


@given(st.dictionaries(JUNK, JUNK, max_size=5))
def test_junk_is_ignored(junk: dict[str, bytes]) -> None:
    """What nobody dumped changes nothing."""
    lessons = Lessons()
    lessons.load(junk)

    assert delays(lessons) == delays(Lessons())


def test_another_version_is_ignored() -> None:
    """What a newer or older batchhub learned is learned anew."""
    lessons, loaded = Lessons(), Lessons()
    teach(lessons)
    ((key, data),) = lessons.dump().items()
    loaded.load({key: bytes([data[0] + 1]) + data[1:]})

    assert delays(loaded) == delays(Lessons())


@given(st.integers(0, 1400), st.binary(min_size=1, max_size=40))
def test_damaged_lessons_are_ignored_or_harmless(at: int, junk: bytes) -> None:
    """Whatever was written over a part of them, delays stay sane."""
    data = TAUGHT[KEY]
    lessons = Lessons()
    lessons.load({KEY: (data[:at] + junk + data[at + len(junk) :])[: len(data)]})

    assert all(0.1 <= delay_s <= 86400 for delay_s in delays(lessons))


def test_numbers_that_are_none_are_ignored() -> None:
    """A NaN or an infinity among them is damage."""
    for wrong in (math.nan, math.inf, -1.0):
        lessons = Lessons()
        lessons.load({KEY: TAUGHT[KEY][:-2] + struct.pack("<e", wrong)})
        assert delays(lessons) == delays(Lessons())


_lessons = Lessons()
teach(_lessons)
TAUGHT = _lessons.dump()
KEY = next(iter(TAUGHT))

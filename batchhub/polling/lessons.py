"""What was learned of a vendor's batches, and how it is kept between two processes."""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Mapping
from typing import Final

from .hazard import HALF_LIFE, Hazard, Scale
from .poll import Poll

VERSION: Final = 1
"""The version of a dump: one more for each change of its form or of what its numbers mean."""

MOST_CLASSES: Final = 256
"""How many classes are remembered; beyond that, those that were used longest ago are forgotten."""

DURATIONS: Final = Scale(0.1, 7 * 86400.0)
"""Bins of the age at which a ticket ends, in seconds."""

FORECASTS: Final = Scale(0.05, 50.0, even_until=1.0)
"""Bins of the time that was really left, in units of the forecast."""

STAGES: Final = 7
"""How many stages of progress have forecast errors of their own."""

FINISHING: Final = 2 * STAGES
"""The stage of what is all done and has not ended; there the unit is a second."""

STEP_COUNTS: Final = 200
"""After so many counts, those before them say no more about the step: vendors change."""

_STEPS_PER_1: Final = 1000
_MOST_STEP: Final = 2**53
_MOST_LOG: Final = 50.0
_HEAD: Final = struct.Struct("<BffQ")
_ENDS: Final = struct.Struct(f"<{DURATIONS.count + (FINISHING + 1) * FORECASTS.count}e")


class Lesson:
    """
    What was learned of one class of tickets: one operation of one adapter, about one size.

    Attributes:
        durations: How old tickets become.
        forecasts: How wrong forecasts were, by stage: first those of tickets whose pace was seen,
            then those by the class's pace alone, then `FINISHING`.
        step: By how much the count of what is done grows, as far as is known; 0 if it is not.
        changed: Whether something was learned since the last dump.
    """

    __slots__ = (
        "_counts",
        "_log_pace",
        "_new_step",
        "_paces",
        "_step",
        "changed",
        "durations",
        "forecasts",
        "step",
    )

    def __init__(self) -> None:
        """Begin without knowing anything."""
        self.durations = Hazard(DURATIONS)
        self.forecasts = [Hazard(FORECASTS) for _ in range(FINISHING + 1)]
        self.changed = False
        self._paces = 0.0
        self._log_pace = 0.0
        self._step = self._new_step = self._counts = 0
        self.step = 0.0

    @property
    def pace(self) -> float | None:
        """How much a ticket gets done a second, in the middle; `None` if that is not known."""
        return math.exp(self._log_pace) if self._paces else None

    def learn_pace(self, pace: float) -> None:
        """Note how much one got done a second."""
        self._paces = min(self._paces + 1, HALF_LIFE)
        self._log_pace += (math.log(pace) - self._log_pace) / self._paces

    def learn_step(self, done: float) -> None:
        """Note how much was done: a multiple of the step, and of the one of the last counts."""
        if not self._new_step == self._step > 0 or done % self.step:
            whole = round(done * _STEPS_PER_1)
            self._new_step = math.gcd(self._new_step, whole)
            self._set_step(math.gcd(self._step, whole))
        self._counts += 1
        if self._counts >= STEP_COUNTS:
            self._set_step(self._new_step)
            self._new_step = self._counts = 0

    def _set_step(self, step: int) -> None:
        self._step, self.step = step, step / _STEPS_PER_1

    def dump(self) -> bytes:
        """Pack it: some 1.4 KB."""
        known = (self.durations, *self.forecasts)
        for hazard in known:
            hazard.settle()
        head = _HEAD.pack(VERSION, self._paces, self._log_pace, min(self._step, _MOST_STEP))
        return head + _ENDS.pack(*(n for hazard in known for n in hazard.ends))

    @staticmethod
    def may_be(data: object) -> bool:
        """Whether something looks like a dump of this version."""
        is_whole = isinstance(data, bytes) and len(data) == _HEAD.size + _ENDS.size
        return isinstance(data, bytes) and is_whole and data[0] == VERSION

    @classmethod
    def load(cls, data: bytes) -> Lesson | None:
        """Unpack one; `None` if it is of another version, or broken."""
        if not cls.may_be(data):
            return None
        version, paces, log_pace, step = _HEAD.unpack_from(data)
        ends = _ENDS.unpack_from(data, _HEAD.size)
        is_sane = (
            0 <= paces <= HALF_LIFE
            and abs(log_pace) < _MOST_LOG
            and step <= _MOST_STEP
            and all(0 <= n < 2 * HALF_LIFE for n in ends)
        )
        if version != VERSION or not is_sane:
            return None
        lesson = cls()
        lesson._paces, lesson._log_pace = paces, log_pace
        lesson._set_step(step)
        lesson.durations = Hazard(DURATIONS, list(ends[: DURATIONS.count]))
        lesson.forecasts = [
            Hazard(FORECASTS, list(ends[at : at + FORECASTS.count]))
            for at in range(DURATIONS.count, len(ends), FORECASTS.count)
        ]
        return lesson


def name_class(adapter: str, operation: str, items: int) -> str:
    """Return the key of the class that a ticket of so many items is of."""
    # A vendor needs another time for other sizes, but not for the last item: factors of four.
    return f"{adapter}/{operation}/{(max(items, 1).bit_length() - 1) // 2}"


class Lessons:
    """
    What was learned, by class. One object a hub, shared by its lanes.

    It is safe to lose: then polls are a little dearer until some dozens of tickets have ended.
    """

    def __init__(self) -> None:
        """Begin without knowing anything."""
        self._classes: dict[str, Lesson] = {}
        self._packed: dict[str, bytes] = {}

    def of(self, poll: Poll) -> Lesson:
        """Return what is known of a ticket's class; what is learned there stays here."""
        key = name_class(poll.adapter, poll.operation, poll.items)
        lesson = self._classes.pop(key, None) or self._unpack(key) or Lesson()
        self._classes[key] = lesson
        if len(self._classes) > MOST_CLASSES:
            del self._classes[next(iter(self._classes))]
        return lesson

    def changed(self) -> list[str]:
        """Return the keys of the classes of which something was learned since they were dumped."""
        return [key for key, lesson in self._classes.items() if lesson.changed]

    def dump(self, keys: Collection[str] | None = None) -> dict[str, bytes]:
        """
        Return what is known, packed, by key: less than 2 KB a class.

        Args:
            keys: Only these; by default all.
        """
        found = {}
        for key in list(self._classes if keys is None else keys):
            if (lesson := self._classes.get(key)) is not None:
                found[key] = lesson.dump()
                lesson.changed = False
        if keys is None:
            found |= self._packed
        return found

    def load(self, dumped: Mapping[str, bytes]) -> list[str]:
        """
        Take over what `dump` returned once.

        It is unpacked when it is first asked for, which takes a while. What is known of a class
        already stays.

        Returns:
            The keys of what was ignored: another version wrote it, or nobody.
        """
        ignored: list[str] = []
        for key, data in dumped.items():
            if not Lesson.may_be(data):
                ignored.append(key)
            elif key not in self._classes:
                self._packed[key] = data
        return ignored

    def _unpack(self, key: str) -> Lesson | None:
        data = self._packed.pop(key, None)
        return None if data is None else Lesson.load(data)

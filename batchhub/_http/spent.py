"""What a lane has sent lately and how long it is silent: handed from one process to the next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeVar

from attrs import evolve, field, frozen

from batchhub._adapter.account import Budget
from batchhub._base.json import loads
from batchhub._base.log import get_logger

WHOLE_LANE: Final = ""
"""The rate that every request of a lane belongs to."""

_MAX_ENTRIES: Final = 1024
_MAX_COUNT: Final = 10**9
_MAX_SECOND: Final = 2**38

T = TypeVar("T")

_log = get_logger()


@frozen(kw_only=True)
class Spent:
    """
    What the lane of an account sent in the last seconds, and until when it is silent.

    All times are those of the wall clock. How long ago `at` is, the clock of the machine's start
    says, if it is still the same start. Else nobody can say, since a wall clock may have been set
    meanwhile: it then counts as written now, so that a silence is too long rather than too short.

    Attributes:
        at: As of when. `None`: nothing is known, as for a lane that never sent.
        boot_id: Which start of the machine that was.
        boot_s: Seconds since that start.
        sent: By rate: how many requests went in each Unix second. A request stands in the second
            in which it went or, where a budget's window is long, in a later one.
        cooled: By rate: until when nothing of it is sent.
        refusals: By rate: how many cool-downs in a row came without a time.
        budgets: By rate: how many requests may go, as far as the vendor's answers said so.
    """

    at: datetime | None = None
    boot_id: str = ""
    boot_s: float = 0.0
    sent: Mapping[str, Mapping[int, int]] = field(factory=dict)
    cooled: Mapping[str, datetime] = field(factory=dict)
    refusals: Mapping[str, int] = field(factory=dict)
    budgets: Mapping[str, Budget] = field(factory=dict)

    def sent_json(self) -> dict[str, Any]:
        """Return all but the cool-downs as plain JSON values, for `read`."""
        return {
            "at": None if self.at is None else self.at.isoformat(),
            "boot": [self.boot_id, self.boot_s],
            "sent": {
                rate: {str(second): count for second, count in counts.items()}
                for rate, counts in self.sent.items()
            },
            "refusals": dict(self.refusals),
            "budgets": {
                rate: [budget.requests, budget.per_s, budget.burst]
                for rate, budget in self.budgets.items()
            },
        }

    def cooled_json(self) -> dict[str, Any]:
        """Return the cool-downs as plain JSON values, for `read`."""
        return {rate: until.isoformat() for rate, until in self.cooled.items()}

    @classmethod
    def read(cls, sent: object, cooled: object, *, lane: str) -> Self:
        """
        Read what a store kept: `sent_json` and `cooled_json`, decoded or as JSON text, or `None`.

        A store may be damaged, or of another version: what can't be read is left out and logged,
        and never an error.
        """
        reader = _Reader()
        counts, times = reader.mapping(sent), reader.mapping(cooled)
        at = reader.time(counts.get("at"))
        boot_id, boot_s = reader.boot(counts.get("boot"))
        spent = cls(
            sent={
                rate: reader.counts(seconds)
                for rate, seconds in reader.mapping(counts.get("sent")).items()
            },
            cooled={
                rate: until
                for rate, text in times.items()
                if (until := reader.time(text)) is not None
            },
            refusals={
                rate: count
                for rate, count in reader.mapping(counts.get("refusals")).items()
                if reader.is_number(count, _MAX_COUNT)
            },
            budgets={
                rate: budget
                for rate, values in reader.mapping(counts.get("budgets")).items()
                if (budget := reader.budget(values)) is not None
            },
        )
        if reader.has_skipped:
            _log.warning("lane.history_ignored", lane=lane)
            return spent  # not all is known of it, so nothing is said to be left over
        return evolve(spent, at=at, boot_id=boot_id, boot_s=boot_s)


class _Reader:
    """Reads JSON values that may be anything."""

    def __init__(self) -> None:
        self.has_skipped = False

    def mapping(self, value: object) -> Mapping[str, Any]:
        """Return an object of JSON, empty for what is none."""
        if isinstance(value, str | bytes):
            try:
                value = loads(value)
            except ValueError:
                return self._skip({})
        if value is None:
            return {}
        if not isinstance(value, Mapping) or len(value) > _MAX_ENTRIES:
            return self._skip({})
        return {str(key): inner for key, inner in value.items()}

    def counts(self, value: object) -> dict[int, int]:
        """Return counts by second, without those that are none."""
        counts: dict[int, int] = {}
        for text, count in self.mapping(value).items():
            is_second = text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_SECOND))
            if is_second and int(text) < _MAX_SECOND and self.is_number(count, _MAX_COUNT):
                counts[int(text)] = count
            else:
                self._skip(None)
        return counts

    def time(self, value: object) -> datetime | None:
        """Return a time in UTC; `None` for what is none."""
        if value is None:
            return None
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
            if at is not None and at.tzinfo is not None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        return self._skip(None)

    def boot(self, value: object) -> tuple[str, float]:
        """Return a start of the machine and the seconds since then; none for what is none."""
        if value is None:
            return "", 0.0
        if isinstance(value, list) and len(value) == len(("id", "s")):
            boot_id, boot_s = value
            is_time = isinstance(boot_s, int | float) and not isinstance(boot_s, bool)
            if isinstance(boot_id, str) and is_time and 0 <= boot_s < _MAX_SECOND:
                return boot_id, float(boot_s)
        return self._skip(("", 0.0))

    def budget(self, value: object) -> Budget | None:
        """Return a budget; `None` for what is none."""
        if isinstance(value, list) and len(value) == len(("requests", "per_s", "burst")):
            requests, per_s, burst = value
            is_time = isinstance(per_s, int | float) and not isinstance(per_s, bool)
            if is_time and 0 < per_s < _MAX_SECOND:
                if self.is_number(requests, _MAX_COUNT) and self.is_number(burst, _MAX_COUNT):
                    return Budget(requests=requests, per_s=float(per_s), burst=burst)
                return None
        return self._skip(None)

    def is_number(self, value: object, most: int) -> bool:
        """Return whether a value is a whole number from 1 to `most`."""
        is_number = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most
        return is_number or bool(self._skip(False))

    def _skip(self, value: T) -> T:
        self.has_skipped = True
        return value

"""Whether the database can be reached: said once when it can't be, and once when it can again."""

from __future__ import annotations

from batchhub._base.log import get_logger

_log = get_logger()


class Reach:
    """
    Keeps whether the engine's statements go through.

    Attributes:
        is_away: Whether the last one did not.

    Args:
        place: What the database is called.
    """

    def __init__(self, place: str) -> None:
        self.is_away = False
        self._place = place

    def lost(self, error: BaseException) -> None:
        """Take note that a statement failed."""
        if not self.is_away:
            self.is_away = True
            _log.warning("cluster.unreachable", store=self._place, error=describe(error))

    def found(self) -> None:
        """Take note that a statement went through."""
        if self.is_away:
            self.is_away = False
            _log.info("cluster.reached", store=self._place)


def describe(error: BaseException) -> str:
    """Return the first line of what lies behind an error of Procrastinate's."""
    behind = error.__cause__ or error
    return (str(behind).strip().splitlines() or [type(behind).__name__])[0]

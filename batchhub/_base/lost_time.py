"""
Time in which this process did not run: it was stopped, or had no turn on a busy machine.

Whoever asks how long something has stood still does not count it, as it is nobody's doing.
"""

from __future__ import annotations

import time


class LostTime:
    """
    Counts the seconds by which a look comes late without that anybody computed meanwhile.

    Its `look` is called by a thread that does nothing else: what keeps another thread, or the event
    loop, does not make that one late. It may be read in any thread, and where a signal came.

    Args:
        every_s: Seconds from one look to the next.

    Attributes:
        lost_s: The seconds lost so far, as of the last look.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._seen: tuple[float, float, float] | None = None
        self.lost_s = 0.0

    def begin(self) -> None:
        """Begin to look, at first or after a rest: the time until now was not lost."""
        self._seen = time.monotonic(), time.process_time(), self.lost_s

    def look(self) -> None:
        """Take note of what was lost since the last look."""
        self.lost_s = self.read_s()
        self.begin()

    def rest(self) -> None:
        """Look no more until the next beginning."""
        self.lost_s, self._seen = self.read_s(), None

    def read_s(self) -> float:
        """Return the seconds lost so far, also those that the next look will find."""
        seen = self._seen  # another thread may look at this moment
        if seen is None:
            return self.lost_s
        looked_s, ran_s, lost_s = seen
        late_s = time.monotonic() - looked_s - self._every_s
        return lost_s + max(0.0, late_s - (time.process_time() - ran_s))

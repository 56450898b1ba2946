"""Procrastinate and psycopg write to the log as they like; what matters of it, batchhub says."""

from __future__ import annotations

import logging
from typing import Final

NAME: Final = "batchhub"
"""What our worker and our pool of connections are called, in their lines."""


class _NotOurs(logging.Filter):
    """Lets the lines pass that are about another worker or pool than ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is shown."""
        worker = getattr(record, "worker", None)
        if isinstance(worker, dict) and worker.get("name") == NAME:
            return False
        return NAME not in (record.args or ())


_filter: Final = _NotOurs()


def quieten() -> None:
    """Keep what they say of our worker and our connections out of a program's log."""
    everything = logging.getLogger("procrastinate")
    if everything.level == logging.NOTSET:  # else the program uses it, and says what it wants
        everything.setLevel(logging.WARNING)
    for name in ("procrastinate.worker", f"procrastinate.worker.{NAME}", "psycopg.pool"):
        logging.getLogger(name).addFilter(_filter)  # once, however often
    logging.getLogger(f"procrastinate.worker.{NAME}").propagate = False
    logging.getLogger(f"procrastinate.worker.{NAME}").addHandler(logging.NullHandler())

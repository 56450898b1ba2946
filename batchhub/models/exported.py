"""A file that results were written to."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen


@frozen(kw_only=True)
class ExportedFile:
    """
    What the store knows of a file that results were written to.

    Attributes:
        path: Where it is, without links.
        job_id: The job whose results were written there.
        written_at: When.
        is_unchanged: Whether it still has what was written, so that nobody's work is in it.
    """

    path: str
    job_id: str
    written_at: datetime
    is_unchanged: bool

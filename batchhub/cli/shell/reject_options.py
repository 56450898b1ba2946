"""The options of `run` and `submit` for rows that can't be sent."""

from __future__ import annotations

from attrs import frozen

from .job_options import InputOptions
from .parameters import make_option


@frozen(kw_only=True)
class RejectOptions(InputOptions):
    """
    The options of `run` and `submit` that say how items are read, and what becomes of those that
    can't be sent.

    Attributes:
        rejects: The file they are set aside in; `None` to send nothing then.
        max_rejects: How many may be set aside, as given.
    """

    rejects: str | None = make_option(
        "--rejects FILE",
        "Write the rows that can't be sent to FILE, to be corrected, and send the others. FILE is "
        "of the kind of the input (.csv, .tsv, .xlsx or .jsonl) and is never overwritten.",
    )
    max_rejects: str | None = make_option(
        "--max-rejects N|P%",
        "With --rejects, send nothing if more rows than this can't be sent: a number, or a share "
        "of all. Default: 50%.",
    )

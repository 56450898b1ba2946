"""The options of `exchanges`."""

from __future__ import annotations

from attrs import frozen

from .options import JobOptions
from .parameters import make_option


@frozen(kw_only=True)
class ExchangeOptions(JobOptions):
    """
    The options of `exchanges`.

    Attributes:
        ticket: The ticket to show; `None` for all.
        bodies: Whether to show what was sent and answered.
        limit: How many to show at most; 0 for all.
    """

    ticket: int | None = make_option(
        "--ticket N", "Show only requests about ticket N of the job.", min=1
    )
    bodies: bool = make_option(
        "--bodies",
        "Also show bodies, where the account's settings have them kept.",
        default=False,
    )
    limit: int = make_option(
        "--limit N",
        "Show at most N requests, the newest; 0 for all. Default: 50.",
        default=50,
        min=0,
    )

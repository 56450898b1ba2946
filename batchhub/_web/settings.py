"""What the page is started with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from batchhub.hub import BatchHub, BatchJob

from .reach import Reach

OpenOwner = Callable[[BatchJob], BatchHub]
"""Makes a hub that drives nothing and has the account of a job, with its secrets."""


@frozen(kw_only=True)
class WebSettings:
    """
    What the page is started with.

    Attributes:
        store: The store's path or URL.
        store_mode: Who may use its files.
        tokens: The folder of the tokens.
        reach: Where the page is reached.
        open_owner: Makes the hub that an action goes through.
    """

    store: str
    store_mode: str = "private"
    tokens: Path
    reach: Reach
    open_owner: OpenOwner

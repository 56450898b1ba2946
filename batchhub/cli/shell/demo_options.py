"""The options of `demo`."""

from __future__ import annotations

from attrs import frozen

from .parameters import make_option


@frozen(kw_only=True)
class DemoOptions:
    """
    The options of `demo`.

    Attributes:
        cluster: Whether it shows several workers on PostgreSQL, in place of several vendors.
    """

    cluster: bool = make_option(
        "--cluster",
        "Show three workers on a PostgreSQL of its own that drive forty shops, and how the others "
        "go on when one is killed. Nothing is kept.",
        default=False,
    )

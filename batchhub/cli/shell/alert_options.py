"""What `alerts` takes."""

from __future__ import annotations

from attrs import frozen

from .parameters import make_argument


@frozen(kw_only=True)
class AlertOptions:
    """The arguments of `alerts`, as given."""

    action: str | None = make_argument(
        "ACTION", "test sends a test message. Default: list the alerts.", default=None
    )
    channels: list[str] | None = make_argument(
        "CHANNEL", "With test: the channels. Default: all.", default=None
    )

"""The options of the commands about a store as a whole."""

from __future__ import annotations

from attrs import frozen

from .parameters import make_argument, make_option


@frozen(kw_only=True)
class CopyOptions:
    """
    The options of `store copy`.

    Attributes:
        source: The store that is copied.
        target: The one it is copied to; `None` for the one of the settings.
        keep: Whether the source can still be used afterwards.
        restart: Whether what an earlier copy has left in the target is deleted first.
    """

    source: str = make_argument("FROM", "Store to copy, by path or URL.")
    target: str | None = make_argument(
        "TO", "Empty store to copy it to. Default: the store of the settings.", default=None
    )
    keep: bool = make_option(
        "--keep",
        "Leave FROM usable, such as for a rehearsal. Never go on with both: batches would be sent "
        "twice.",
        default=False,
    )
    restart: bool = make_option(
        "--restart",
        "Delete what an earlier, incomplete copy of FROM has left in TO, and begin anew.",
        default=False,
    )


@frozen(kw_only=True)
class ReopenOptions:
    """The argument of `store reopen`: a store that was copied."""

    store_name: str = make_argument("STORE", "Store that was copied, by path or URL.")

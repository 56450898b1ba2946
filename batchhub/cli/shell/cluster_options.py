"""What `cluster` takes."""

from __future__ import annotations

from attrs import frozen

from .parameters import make_argument, make_option


@frozen(kw_only=True)
class ClusterOptions:
    """The argument and the option of `cluster`, as given."""

    action: str = make_argument(
        "ACTION", "init makes the tables, or updates them; status shows who drives what."
    )
    name: str | None = make_option(
        "--name NAME",
        "With init: what the cluster is called. "
        "Default: the name in the settings, else the schema's.",
    )

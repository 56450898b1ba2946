"""The options of `worker`."""

from __future__ import annotations

from attrs import frozen

from .parameters import make_option


@frozen(kw_only=True)
class WorkerOptions:
    """
    The options of `worker`.

    Attributes:
        grace_s: Seconds that requests under way have to end.
        metrics_listen: Where figures of the worker and its health are served; `None` for nowhere.
        web: Whether the page is served beside it.
    """

    grace_s: float = make_option(
        "--grace SECONDS",
        "When stopped, how long requests that are under way may take to end.",
        default=30.0,
        min=0.0,
        max=3600.0,
    )
    metrics_listen: str | None = make_option(
        "--metrics-listen ADDRESS:PORT",
        "Serve figures for Prometheus at /metrics, and /healthz. They hold no secret.",
        envvar="BATCHHUB_METRICS_LISTEN",
    )
    web: bool = make_option(
        "--web",
        "Serve the page too, in a process beside this one; see 'batchhub web'.",
        default=False,
    )

"""
Figures of a process that drives, for whoever watches it: ``/metrics`` and ``/healthz``.

It may import the hub and below; needs the extra `metrics`, which only `exposition` and `collector`
import. Begin with `server`, which listens. What needs the store is read in the background by
`sampler`, never by a scrape, and kept as a `sample`; what this process counts itself is read from
the hub at each scrape. `families` names every metric, `collector` makes them of both, `labels`
bounds how many there are, `exposition` writes them down, and `verdict` is what ``/healthz`` says.
"""

from .server import MetricsServer

__all__ = ["MetricsServer"]

"""
Figures of a process that drives, for whoever watches it: ``/metrics`` and ``/healthz``.

It may import the hub and below; needs the extra `metrics`, loaded when it begins to listen. Begin
with `server`, which does. What needs the store is read in the background by `sampler`, never by a
scrape, and kept as a `sample`; what this process counts itself is read from the hub at each scrape.
`families` names every metric; `sampled` and `collector` make them of these two, with `making`;
`labels` bounds how many there are, `exposition` writes them down, with `budget_lines`. `verdict` is
what ``/healthz`` says, of the same and of the `facts` that whoever runs the hub tells.
"""

from .server import MetricsServer

__all__ = ["MetricsServer"]

"""
`BatchHub` and `BatchJob` for code that is not async: Django views, Celery tasks, notebooks.

    with BatchHub(store="jobs.db", accounts={"shop": account}) as hub:
        job = hub.submit("shop", items)
        status = job.wait()
        for result in job.results():
            ...

Every call is passed to the async hub, which runs in a thread of its own, and waits for the answer.
A hub can be used by any number of threads at once, and where an event loop is already running, as
in a notebook. Between the calls it goes on sending and asking, until it is closed.

Methods have the arguments and errors of the async ones; `help` shows their documentation too.
"""

from ._sync.event import BatchEvent
from ._sync.hub import BatchHub
from ._sync.job import BatchJob

__all__ = ["BatchEvent", "BatchHub", "BatchJob"]

"""
The rooms below the public door `batchhub.sync`: hub, jobs and events for plain threads.

`hub`, `job` and `event` pass each call on to the async ones. Begin with `bridge`, which runs a
hub's event loop in a thread of its own; `iterators` read across the two threads.
"""

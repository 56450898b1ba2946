"""
The thread behind `batchhub.sync`: `bridge` runs a hub's event loop in it.

Nothing here is for use from outside.
"""

"""
Items from a file, a pipe or standard input, one at a time: JSON Lines, CSV or a JSON array.

The way of the bytes: `source` opens and unpacks them, `table` or `objects` cut them, `mapping`
makes items by the `settings`, `reader` hands these over. All of it is plain iterators. `background`
runs them in a thread, so that neither a slow pipe nor a large record holds up an event loop.
"""

from __future__ import annotations

from .reader import ItemReader
from .settings import ReadSettings

__all__ = ["ItemReader", "ReadSettings"]

"""
Copying a store to another one: from SQLite to PostgreSQL, back, or from file to file.

It may import `_store`, `_engine` for who drives, and below. Begin with `copying`, which says what
is done in which order; `rows` is about the rows and their digests, `columns` about what becomes of
each value, `ends` about what both kinds of database can do, with `sqlite_end` and `postgres_end`;
`drivers` finds who uses a store, `reports` has what comes of it all, and `store_copy` is the door.
"""

from .reports import CopyReport, CopyStep, Replaced, TableCopy
from .store_copy import copy_store, reopen_store

__all__ = [
    "CopyReport",
    "CopyStep",
    "Replaced",
    "TableCopy",
    "copy_store",
    "reopen_store",
]

"""
Results as JSON Lines, CSV, JSON, Parquet or Excel; to a file, complete or not at all, or a stream.

`writer` checks all that can be checked before anything is sent, then writes a result at a time.
`columns` says what a result has in each column, `types` what a column holds; `lines`,
`parquet` and `sheets` write rows, `place` takes the bytes.
"""

from __future__ import annotations

from .writer import ResultsWriter, Written

__all__ = ["ResultsWriter", "Written"]

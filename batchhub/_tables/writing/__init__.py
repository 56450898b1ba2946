"""
Writing results: JSON Lines, CSV, JSON or Parquet; to a file, whole or not at all, or a pipe.

`ResultsWriter` checks all that can be checked before anything is sent, then writes a result at
a time, so that a job of any size takes little memory.
"""

from __future__ import annotations

from .place import STDOUT
from .writer import ResultsWriter

__all__ = ["STDOUT", "ResultsWriter"]

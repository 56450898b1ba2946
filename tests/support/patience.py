"""How long a test waits for what has to come."""

from __future__ import annotations

from typing import Final

PATIENCE_S: Final = 300.0
"""Seconds after which a test that hangs fails, in place of never ending. Nothing that works takes
this long on any machine, however busy: a few seconds do pass, now and then."""

"""The one bound on what is held in memory at once."""

from __future__ import annotations

from typing import Final

from batchhub.errors import InputError

MAX_BYTES: Final = 64 * 1024 * 1024
"""The longest line, record or array; without a bound a file without ends would be read whole."""


def too_long(line: int, hint: str = "") -> InputError:
    """Make the error for a line or record that has no end within the bound."""
    return InputError(f"longer than {MAX_BYTES >> 20} MiB{hint}", line=line)

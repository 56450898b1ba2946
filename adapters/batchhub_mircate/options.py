"""The options of a Mircate job: how fast the vendor works, and what kind its products are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from batchhub.errors import InputError

from .items import UPSERT

FREQUENCY: Final = "frequency"
DATA_TYPE: Final = "data_type"
MAX_FREQUENCY: Final = 10
"""The longest pause between two items in seconds. Source: page "Receive Price", frequency."""


def deadline_s(items: int, options: Mapping[str, Any]) -> float:
    """
    Seconds a job may take: ten minutes, and for each item its pause and a second of work.

    So 500 items may take 1600 s at a frequency of 1, and 6100 s at 10. All items are taken to
    come one after another, although some batches may run side by side.

    Source: page "Receive Price", frequency (the seconds between two items; at 1 a batch of 500
    takes about 500 s). Assumed: the ten minutes, and the second of work.
    """
    frequency: int = options.get(FREQUENCY, 0)
    return 600.0 + items * (frequency + 1.0)


def check_options(operation: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Check and complete a job's options: each operation knows one.

    Raises:
        InputError: An option is not known or its value is wrong.
    """
    known = DATA_TYPE if operation == UPSERT else FREQUENCY
    for option in options:
        if option != known:
            near = difflib.get_close_matches(str(option), [known], n=1)
            hint = "did you mean" if near else "there is only"
            raise InputError(f"mircate {operation} takes no option {option!r}; {hint} {known}")
    if operation != UPSERT:
        return {FREQUENCY: _check_frequency(options.get(FREQUENCY, 0))}
    return {DATA_TYPE: _check_data_type(options[DATA_TYPE])} if options else {}


def _check_frequency(value: Any) -> int:
    """
    Read the seconds between two items.

    Source: page "Receive Price", frequency (0 to 10). Assumed: 0 is no pause; the field is
    always sent, since the vendor's own default is not published and a deadline rests on it.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 2:  # noqa: PLR2004  # digits of 10
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_FREQUENCY:
        raise InputError(f"frequency must be a whole number from 0 to {MAX_FREQUENCY}: seconds")
    return value


def _check_data_type(value: Any) -> str:
    """Read the type of products. Source: page "Upsert Product", body; its words are unknown."""
    if not isinstance(value, str) or not value.strip():
        raise InputError("data_type must be text that is not empty")
    return value

"""What all types of the Order page have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field

from batchhub.wire import record

Texts = Mapping[str, str | None]
"""Texts by name or by language. Assumed: a value may be null, as any field of an order may."""

vendor_record = record(time_form="%Y-%m-%d %H:%M:%S %z")
"""Lay out a class for Ecwid's JSON. Source: newer page "Get order", createDate (the form)."""


def not_shown() -> Any:
    """Declare an optional field that `repr` does not show: who has its value can use it."""
    return field(default=None, repr=False)

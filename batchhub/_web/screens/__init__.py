"""
The screens: what is at which path.

`SCREENS` has a function for each pattern of a path, such as ``/jobs/{job_id}``; `FILTERS` what the
templates may use besides the filters of `rendering`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from batchhub._web.look import Show

SCREENS: Final[Mapping[str, Show]] = {}
"""The screens, by the patterns of their paths."""

FILTERS: Final[Mapping[str, Callable[..., Any]]] = {}
"""Filters of the templates, by name."""

"""
The screens: what is at which path.

`SCREENS` has a function for each pattern of a path, such as ``/jobs/{job_id}``; `FILTERS` what the
templates may use besides the filters of `rendering`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from batchhub._web.look import Show
from batchhub.models.status import stand_text

from . import words
from .accounts import show_accounts
from .failures import show_failures
from .items import search_items, show_items
from .job import show_job
from .jobs import show_jobs
from .ticket import show_ticket
from .tickets import show_tickets

SCREENS: Final[Mapping[str, Show]] = {
    "/": show_accounts,
    "/jobs": show_jobs,
    "/jobs/{job_id}": show_job,
    "/jobs/{job_id}/tickets": show_tickets,
    "/jobs/{job_id}/tickets/{position}": show_ticket,
    "/jobs/{job_id}/items": show_items,
    "/failures": show_failures,
    "/items": search_items,
}
"""The screens, by the patterns of their paths."""

FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "ago": words.ago,
    "finding": words.finding,
    "iso": words.iso,
    "item_tone": words.item_tone,
    "sentence": words.sentence,
    "shell": words.shell,
    "stand": stand_text,
    "state_tone": words.state_tone,
    "text": words.text,
    "took": words.took,
    "tone": words.tone,
    "utc": words.utc,
    "vendor_done": words.vendor_done,
}
"""Filters of the templates, by name."""

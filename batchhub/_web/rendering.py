"""HTML of what is shown: the templates, and what all of them may use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from batchhub._base.show import clean, count, duration, moment, number, words

from .screens import FILTERS
from .statics import SCRIPTS, Statics

FOLDER: Final = Path(__file__).parent / "templates"

NAV: Final = (
    ("/", "Accounts"),
    ("/jobs", "Jobs"),
    ("/failures", "Failures"),
    ("/items", "Items"),
)
"""The screens that every page leads to: path and name."""

LAST_RESORT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>batchhub</title></head><body>
<h1>This page could not be made</h1>
<p>Why is in the log of the process that serves it.</p>
</body></html>
"""
"""A page for where no template can be used."""

HTMX: Final = {
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "selfRequestsOnly": True,
    "historyEnabled": False,  # nothing of a page is kept by the browser when it is left
    "historyCacheSize": 0,
    "timeout": 30_000,
    # An error is shown where it happened: it has a sentence of its own.
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "...", "swap": True},
    ],
}
"""How the scripts behave; as the pages' own, no text of a page is ever run."""


class Renderer:
    """
    Makes pages of templates.

    Args:
        prefix: What is before each path behind a proxy, such as ``/batchhub``; mostly nothing.
        statics: The files that pages name.
        folders: Where templates are looked for before the own ones.

    Attributes:
        prefix: As given.
        statics: The files that pages name.
    """

    def __init__(self, prefix: str = "", statics: Statics | None = None, *folders: Path) -> None:
        self.prefix = prefix
        self.statics = statics or Statics()
        self._templates = Environment(
            loader=FileSystemLoader([*folders, FOLDER]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        self._templates.filters |= {
            "clean": clean,
            "count": count,
            "duration": duration,
            "moment": _moment,
            "number": number,
            "words": words,
            **FILTERS,
        }
        self._templates.globals |= {
            "url": self.url,
            "static": self.static,
            "scripts": [self.static(name) for name in SCRIPTS],
            "htmx": json.dumps(HTMX),
        }

    def url(self, path: str, /, **query: object) -> str:
        """
        Return the address of a page.

        Args:
            path: Its path, as text that is not percent-encoded yet.
            query: What comes after the question mark; `None` and empty text are left out.
        """
        wanted = [(name, str(value)) for name, value in query.items() if value not in {None, ""}]
        asked = f"?{urlencode(wanted)}" if wanted else ""
        return f"{self.prefix}{quote(path)}{asked}"

    def static(self, name: str) -> str:
        """Return the address of a file in `static`; a missing one is an error of ours."""
        return f"{self.prefix}{self.statics.get(name).path}"

    def render(self, template: str, facts: Mapping[str, Any], *, is_fragment: bool = False) -> str:
        """
        Make HTML.

        Args:
            template: The template's file; it extends `layout`.
            facts: What its names stand for.
            is_fragment: Whether only the part that refreshes itself is wanted.

        Raises:
            jinja2.TemplateError: The template is wrong, or names what it is not given.
        """
        layout = "fragment.html" if is_fragment else "base.html"
        return self._templates.get_template(template).render({**facts, "layout": layout})


def make_nav(path: str) -> list[tuple[str, str, bool]]:
    """Return the screens that every page leads to: path, name, and whether the page is of it."""
    at = max((one for one, _ in NAV if path == one or path.startswith(f"{one}/")), default="")
    return [(one, name, one == at) for one, name in NAV]


def _moment(at: datetime) -> str:
    return moment(at)

"""The grammar of descriptions: one table, which the page for authors is made of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import fields

from batchhub._declared.grammar import LIMITS, Key, Part, list_keys
from batchhub.adapter import Capabilities

DOCS = Path(__file__).parent.parent.parent / "docs"
KEYS = dict(list_keys())


@pytest.mark.skipif(not DOCS.is_dir(), reason="needs the source tree")
@pytest.mark.parametrize(("name", "part"), KEYS.items(), ids=KEYS)
def test_every_key_is_on_the_page(name: str, part: Part) -> None:
    """With its meaning, or, if it is a table, at least by its name."""
    text = (DOCS / "declare-an-adapter.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    about = re.sub(r"(\{\w+\})", r"`\1`", part.about)
    steps = name.split(".")
    shown = {".".join(steps[start:]) for start in range(len(steps))}
    if isinstance(part, Key):
        assert any(about in row and row.split("`")[1] in shown for row in rows)
    else:
        assert any(f"`{each}`" in text or f"[{each}." in text for each in shown)


def test_limits_are_those_of_capabilities() -> None:
    """By the same names; what is left out has another key, or needs code."""
    named = {field.name for field in fields(Capabilities)}
    others = {
        "can_cancel",  # the table `cancel`
        "names_targets",  # `key_field`
        "finds_attempts",
        "resends_unanswered",
        "stops_on_first_failure",
        "max_polled_at_once",
        "verb_s",
        "deadline_s",
    }
    assert named - others == set(LIMITS)

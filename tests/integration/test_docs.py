"""What the pages show is what happens: each block is run, and what it prints is compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import DOCS, PAGES, RUN, Stage, name_of, on_stage, read_blocks

RUNNABLE = [
    page
    for page in PAGES
    if DOCS in page.parents
    and any(block.language in RUN and not block.why_not for block in read_blocks(page))
]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One thread for the stand-ins of all pages."""
    stage = Stage()
    yield stage
    stage.aclose()


@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_the_blocks_of_a_page(
    stage: Stage, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of a page, run in their order in a folder of their own, print what it shows."""
    with on_stage(stage, tmp_path, monkeypatch) as run:
        for block in read_blocks(page):
            run.take(block)

"""The page of a bad night shows what its commands print: they run with a smaller sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from support.pages import (
    DOCS,
    PageRun,
    Stage,
    make_pattern,
    on_stage,
    read_blocks,
    split_console,
    squeeze,
)

from batchhub_ecwid.sandbox import EcwidSandbox

PAGE: Final = DOCS / "howto" / "a-bad-night.md"
ROWS: Final = 1_200
MISSING: Final = 32
_JOB: Final = re.compile(r"\b\d{6}-[a-z0-9]{8}\b")
_REF: Final = re.compile(r"\b[0-9a-f]{9}-[0-9a-f]{4}-[0-9a-f-]{20,}")
_SPAN: Final = re.compile(r"\b\d+ (?:s|min|h)\b")
_NUMBER: Final = re.compile(r"\d[\d,.]*")


@pytest.fixture
def night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[PageRun, EcwidSandbox]]:
    """A user's folder, and the shop of that night."""
    sandbox = EcwidSandbox(products=ROWS - MISSING)
    sandbox.change_switches(
        {
            "item_time_s": 0.0001,
            "item_fails": 40,
            "item_fails_status": 429,
            "item_fails_message": "Too many requests",
            "requests_per_minute": 1_000_000,
        }
    )
    stage = Stage()
    try:
        with on_stage(stage, tmp_path, monkeypatch) as run, stage.running(sandbox) as url:
            settings = tmp_path / "batchhub.toml"
            text = re.sub(
                r'base_url = "[^"]*"', f'base_url = "{url}"', settings.read_text(), count=1
            )
            settings.write_text(text)
            yield run, sandbox
    finally:
        stage.aclose()


def shape(text: str) -> str:
    """Return a text without its figures, ids and times, and without lines of progress."""
    for what, name in ((_JOB, "JOB"), (_REF, "REF"), (_SPAN, "SPAN"), (_NUMBER, "N")):
        text = what.sub(name, text)
    lines = [line for line in text.splitlines() if ": in progress, " not in line and line != "…"]
    return squeeze("\n".join(lines))


def test_the_page(night: tuple[PageRun, EcwidSandbox]) -> None:
    """Each command prints what the page shows, figures aside, and nothing is open at the end."""
    run, sandbox = night
    ran = 0
    for block in read_blocks(PAGE):
        if block.title:
            (run.folder / block.title).write_text(block.text.replace("20_000", str(ROWS)))
        elif block.language == "console":
            for command, shown in split_console(block.text):
                if command == "batchhub retry night --wait":
                    sandbox.change_switches({"products": ROWS})
                printed = run._run(command)
                assert re.fullmatch(make_pattern(shape(shown)), shape(printed)), (
                    f"$ {command}\n--- shown:\n{shape(shown)}\n--- printed:\n{shape(printed)}"
                )
                ran += 1
                if command.startswith(("batchhub run prices.csv", "batchhub health")):
                    assert run.code == int("prices" in command)
    assert ran == 18
    assert "no open failures" in run._run("batchhub failures")

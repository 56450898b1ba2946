"""The README's blocks do what it says, in a folder of their own, against the stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from support.pages import README, Block, PageRun, Stage, on_stage, read_blocks


def blocks(language: str) -> list[Block]:
    """Return the README's blocks in a language."""
    return [block for block in read_blocks(README) if block.language == language]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageRun]:
    """A user's folder: the README's settings and items, with a stand-in for the shop."""
    stage = Stage()
    with on_stage(stage, tmp_path, monkeypatch) as run:
        run.take(evolve(blocks("toml")[0], title="batchhub.toml"))
        run.take(evolve(blocks("csv")[0], title="prices.csv"))
        yield run
    stage.aclose()


def test_the_shell_blocks(run: PageRun) -> None:
    """The commands run, show which item failed, and write a line for each item."""
    make, commands = blocks("sh")
    assert make.text.split("\n")[:2] == ["make demo", "make test"]
    run.take(commands)
    assert "exit code 1" in run.printed
    lines = (run.folder / "results.jsonl").read_text().splitlines()
    results = [json.loads(line) for line in lines]
    assert [(r["id"], r["state"]) for r in results] == [
        ("1", "succeeded"),
        ("2", "succeeded"),
        ("999999", "failed"),
    ]
    shown = json.loads(blocks("json")[0].text.replace("…", results[0]["vendor_ref"]))
    assert results[0] == shown
    assert list(results[0]) == list(shown)


def test_the_python_blocks(run: PageRun) -> None:
    """The first program runs as it stands and names the item that failed; so do all others."""
    first, *others = blocks("python")
    run.take(first)
    assert run.printed.startswith("partial Counts(total=3, succeeded=2, failed=1")
    assert "price-999999 404 " in run.printed
    for block in others:
        run.take(block)

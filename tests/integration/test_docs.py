"""What the pages under docs/ show is what happens: their commands are run and compared."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import environment, running_sandbox

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = {"quickstart.md": ["changes.jsonl", "prices.jsonl"]}
"""The files that a page's JSON blocks are, in order."""

PAGES = sorted(path.name for path in DOCS.glob("*.md"))


def blocks(page: str, language: str) -> list[str]:
    """Return a page's code blocks in a language."""
    text = (DOCS / page).read_text()
    return [block for kind, block in BLOCK.findall(text) if kind == language]


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Split a console block into commands and the lines they print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.rstrip("\n").split("\n")
        yield command, lines


def matches(shown: str, printed: str) -> bool:
    """Whether a line was printed as shown; … stands for anything, spaces for any number of them."""
    pattern = ".*?".join(re.escape(part) for part in " ".join(shown.split()).split("…"))
    return re.fullmatch(pattern, " ".join(printed.split())) is not None


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")])
def test_the_consoles_of_a_page(page: str, tmp_path: Path) -> None:
    """Each command of a page, run in order, prints what the page shows."""
    with running_sandbox("ecwid") as shop, running_sandbox("mircate") as supplier:
        (settings,) = blocks(page, "toml")
        settings = settings.replace("https://app.ecwid.com", shop)
        settings = settings.replace("https://api.b2b.retter.io", supplier)
        (tmp_path / "batchhub.toml").write_text(settings)
        for name, block in zip(FILES[page], blocks(page, "json"), strict=True):
            (tmp_path / name).write_text(block)
        for block in blocks(page, "console"):
            for command, shown in commands(block):
                done = subprocess.run(
                    ["bash", "-c", f"{command} 2>&1"],
                    cwd=tmp_path,
                    env=environment(tmp_path) | {"MIRCATE_API_KEY": "mircate-sandbox-key"},
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                printed = done.stdout.rstrip("\n").split("\n")
                assert len(printed) == len(shown), done.stdout
                for expected, line in zip(shown, printed, strict=True):
                    assert matches(expected, line), (
                        f"{command}\nshown:   {expected}\nprinted: {line}"
                    )


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """A page links only to pages that are there."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (DOCS / page).read_text()):
        assert (DOCS / target).exists(), target

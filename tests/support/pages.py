"""The pages of the documentation: their blocks, their links, and what running them prints."""

from __future__ import annotations

import asyncio
import io
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field, frozen
from typer.testing import CliRunner

from batchhub.cli.app import app
from batchhub.sandbox import Sandbox

from . import described_vendor
from .patience import PATIENCE_S
from .stand_ins import STAND_INS

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
README: Final = ROOT / "README.md"
PAGES: Final = (
    README,
    *(page for page in sorted(DOCS.rglob("*.md")) if DOCS / "examples" not in page.parents),
)
"""Every page, by its path; examples have some of their own."""

RUN: Final = frozenset({"console", "sh", "python"})
"""The languages of blocks that are run."""

_FENCE: Final = re.compile(r"^```(\w*)(?: +([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ATTRIBUTE: Final = re.compile(r'([\w-]+)="([^"]*)"')
_HEADING: Final = re.compile(r"^#{1,6} +(.*?)(?: +\{#([\w-]+)\})?$", re.MULTILINE)
_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_VARYING: Final = re.compile(
    r"(?P<any>…)"
    r"|(?P<job>\b\d{6}-[a-z0-9]{8}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?)"
    r"|(?P<span>(?:(?<=; )|(?<=\())\d+ (?:s|min|h|d)\b)"
    r"|(?P<port>(?<=127\.0\.0\.1:)\d+)"
)
_PATTERNS: Final = {
    "any": r".*?",
    "job": r"(\d{6}-[a-z0-9]{8})",
    "time": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?",
    "span": r"\d+ (?:s|min|h|d)",
    "port": r"\d+",
}


@frozen(kw_only=True)
class Block:
    """
    A fenced block of a page.

    Attributes:
        page: The page.
        line: The line its fence is in, from 1.
        language: The word after the fence.
        title: The file it is, which a later block uses; or ``prints`` for what the block before
            it prints.
        why_not: Why it is not run; empty if it is.
        text: What stands in it.
    """

    page: Path
    line: int
    language: str
    title: str
    why_not: str
    text: str

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """Return a page's path from the root of the tree."""
    return page.relative_to(ROOT).as_posix()


def read_blocks(page: Path) -> list[Block]:
    """Return a page's blocks, in their order."""
    text = page.read_text(encoding="utf-8")
    return [_make_block(page, text, match) for match in _FENCE.finditer(text)]


def _make_block(page: Path, text: str, match: re.Match[str]) -> Block:
    info = match[2] or ""
    attributes = dict(_ATTRIBUTE.findall(info))
    why_not = attributes.get("data-why", "")
    if (".no-run" in info) is not bool(why_not):
        raise ValueError(f"{page}: .no-run and data-why belong together: {info}")
    return Block(
        page=page,
        line=text.count("\n", 0, match.start()) + 1,
        language=match[1],
        title=attributes.get("title", ""),
        why_not=why_not,
        text=match[3],
    )


def prose(page: Path) -> str:
    """Return a page's text without its blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def read_links(page: Path) -> list[str]:
    """Return where the links of a page lead."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "``", prose(page)))


def read_anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    return {slug or make_slug(text) for text, slug in _HEADING.findall(prose(page))}


def make_slug(heading: str) -> str:
    """Make the anchor of a heading, as the site does."""
    text = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


# The stand-ins.


class Stage:
    """A thread with an event loop, on which stand-ins run beside the test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage", daemon=True)
        self._thread.start()

    def aclose(self) -> None:
        """Stop the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def running(self, sandbox: Sandbox) -> Iterator[str]:
        """Run a stand-in; gives its URL."""
        url = asyncio.run_coroutine_threadsafe(sandbox.start(), self._loop).result()
        try:
            yield url
        finally:
            asyncio.run_coroutine_threadsafe(sandbox.aclose(), self._loop).result()


# Running.


@define
class PageRun:
    """
    The run of one page, in a folder of its own, its blocks one after another.

    Attributes:
        folder: The folder, which is also the working one.
        environ: The environment of commands.
        addresses: The addresses that the page names, and those that stand in for them.
        jobs: The ids of jobs the page shows, and those they really have.
        names: What the Python blocks have made so far: a later one may use it.
        code: The exit code of the last command.
        printed: What the last block printed.
    """

    folder: Path
    environ: dict[str, str]
    addresses: dict[str, str]
    jobs: dict[str, str] = field(factory=dict)
    names: dict[str, object] = field(factory=lambda: {"__name__": "__main__"})
    code: int = 0
    printed: str = ""

    def take(self, block: Block) -> None:
        """Write the file a block is, or run it, or compare it with what the one before printed."""
        if block.title == "prints":
            self._compare(block.place, block.text, self.printed)
        elif block.title:
            self._write(block.title, block.text)
        elif block.why_not or block.language not in RUN:
            return
        elif block.language == "console":
            for command, shown in split_console(block.text):
                self._compare(f"{block.place}: $ {command}", shown, self._run(command))
        elif block.language == "sh":
            self.printed = self._shell(block.text, "-eu")
            assert self.code == 0, f"{block.place}: exit code {self.code}\n{self.printed}"
        else:
            self._python(block)

    def _write(self, name: str, text: str) -> None:
        for address, stand_in in self.addresses.items():
            text = text.replace(address, stand_in)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if name == "pyproject.toml":
            self._install(tomllib.loads(text)["project"])

    def _install(self, project: dict[str, Any]) -> None:
        """Have an adapter found, as ``pip install -e .`` would: the folder is on the path."""
        info = self.folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        lines = [
            line
            for group, entries in project["entry-points"].items()
            for line in [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))

    def _run(self, command: str) -> str:
        for shown, real in self.jobs.items():
            command = command.replace(shown, real)
        if re.match(r"batchhub [^|&;<>$`*?]*$", command):
            result = CliRunner().invoke(app, shlex.split(command)[1:], prog_name="batchhub")
            if result.exception and not isinstance(result.exception, SystemExit):
                raise result.exception
            self.code = result.exit_code
            return result.output
        return self._shell(f"(exit {self.code})\n{command}")

    def _shell(self, script: str, *options: str) -> str:
        done = subprocess.run(
            ["bash", *options, "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        self.code = done.returncode
        return done.stdout

    def _python(self, block: Block) -> None:
        code = compile(
            "\n" * block.line + block.text, block.page, "exec", dont_inherit=True
        )  # lines as in the page
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            exec(code, self.names)
        self.printed = out.getvalue()

    def _compare(self, place: str, shown: str, printed: str) -> None:
        match = re.fullmatch(make_pattern(shown), squeeze(printed))
        assert match, f"{place}\n--- shown:\n{shown}\n--- printed:\n{printed}"
        found = [m[0] for m in _VARYING.finditer(squeeze(shown)) if m.lastgroup == "job"]
        self.jobs.update(zip(found, match.groups(), strict=True))


@contextmanager
def on_stage(stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageRun]:
    """
    Make a folder ready for the run of one page: settings, stand-ins, environment.

    The settings are those of the quickstart, until the page brings its own.
    """
    environ = shell_environment(folder, Path(sys.executable).parent)
    for name in set(os.environ) - set(environ):
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    known = set(sys.modules)
    with ExitStack() as stack:
        addresses = {
            address: url
            for stand_in in STAND_INS.values()
            for url in [stack.enter_context(stage.running(stand_in.make_quick()))]
            for address in stand_in.addresses
        }
        acme = stack.enter_context(stage.running(described_vendor.make_quick()))
        addresses[described_vendor.ADDRESS] = acme
        run = PageRun(folder=folder, environ=environ, addresses=addresses)
        for block in read_blocks(DOCS / "quickstart.md"):
            if block.title == "batchhub.toml":
                run.take(block)
        try:
            yield run
        finally:
            for name in set(sys.modules) - known:
                if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                    del sys.modules[name]


def split_console(text: str) -> Iterator[tuple[str, str]]:
    """Split a console block into commands and what they print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *lines = part.split("\n")
        while command.endswith("\\"):
            command = command[:-1] + lines.pop(0).removeprefix(">").strip()
        yield command, "\n".join(lines)


def squeeze(text: str) -> str:
    """Bring each run of spaces down to one, drop those at the ends, and end each line."""
    return "".join(" ".join(line.split()) + "\n" for line in text.strip("\n").splitlines())


def make_pattern(shown: str) -> str:
    """
    Make the pattern of what may be printed where a page shows a text.

    A … in a line stands for anything in it, a line of its own for any number of lines. Ids of
    jobs, times and how long something took may be others.
    """
    return "".join(_line_pattern(line) for line in squeeze(shown).splitlines())


def _line_pattern(line: str) -> str:
    if line == "…":
        return r"(?:.*\n)*?"
    parts, end = [], 0
    for match in _VARYING.finditer(line):
        parts += [re.escape(line[end : match.start()]), _PATTERNS[str(match.lastgroup)]]
        end = match.end()
    return "".join([*parts, re.escape(line[end:]), "\n"])


def shell_environment(folder: Path, bin_folder: Path) -> dict[str, str]:
    """Return what a user's shell has: the command on the path, the secrets, a home of its own."""
    secrets = dict(pair for vendor in STAND_INS.values() for pair in vendor.environment.items())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BATCHHUB_")}
    return {
        **kept,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        **secrets,
        "ACME_TOKEN": described_vendor.TOKEN,
        "XDG_DATA_HOME": str(folder / "home"),
        "COLUMNS": "120",
        # For pages that run tests: no plug-ins of ours, a user need not have them.
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def not_run(pages: Sequence[Path] = PAGES) -> dict[str, str]:
    """Return the blocks that say of themselves that they are not run, and why."""
    blocks = (block for page in pages for block in read_blocks(page))
    return {block.place: block.why_not for block in blocks if block.why_not}

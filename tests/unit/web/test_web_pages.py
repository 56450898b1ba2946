"""The page's frame: what is around a screen, the part that refreshes itself, and files."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path
from typing import Final

import pytest
from support.web import hello, web_world

from batchhub import BatchHub
from batchhub._web.look import Look, Shown
from batchhub._web.statics import FOLDER, SCRIPTS, Statics
from batchhub.errors import NotKnownError, UsageError

_PINNED: Final = {
    "htmx-2.0.11.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "htmx-ext-sse-2.2.4.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
    "idiomorph-ext-0.8.0.min.js": (
        "5811b9a7eda14878b7dab4378bf60432e1bb6f11fcfb970cc26540642650181e"
    ),
}


async def test_what_a_screen_shows_is_text(store: Path, templates: Path) -> None:
    """Whatever a name or a query holds, a page shows it and a browser runs none of it."""
    async with web_world(store, screens={"/of/{name}": hello}, templates=(templates,)) as web:
        got = await web.get("/of/<b>?q=<script>alert(1)</script>")

    assert "&lt;b&gt; &lt;script&gt;alert(1)&lt;/script&gt;" in got.text
    assert "<script>" not in got.text


async def test_a_page_fetches_only_the_part_that_changes(store: Path, templates: Path) -> None:
    """A fragment has the title and the part that refreshes itself, and nothing around it."""
    async with web_world(store, screens={"/": hello}, templates=(templates,)) as web:
        whole, part = await web.get("/"), await web.operator.fragment("/")

    assert "<h1>Stays</h1>" in whole.text
    assert part.text.split("\n")[0] == "<title>Hello · batchhub</title>"
    assert "<p>None None</p>" in part.text
    assert "Stays" not in part.text


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (NotKnownError("job", "b-1"), 404, "b-1"),
        (UsageError("there is no state &#39;x&#39;"), 400, "That can&#39;t be shown"),
        (RuntimeError("secret thing"), 500, "could not be made"),
    ],
)
async def test_what_goes_wrong_is_a_page(
    store: Path, error: Exception, status: int, said: str
) -> None:
    """An error is a page with a sentence, in a fragment as well, and no traceback."""

    async def fail(look: Look) -> Shown:
        raise error

    async with web_world(store, screens={"/": fail}) as web:
        for got in (await web.get("/"), await web.operator.fragment("/")):
            assert got.status == status
            assert said in got.text
            assert "Traceback" not in got.text
            assert "secret thing" not in got.text


async def test_a_template_that_fails_is_a_page(store: Path, templates: Path) -> None:
    """A name that a template is not given is an error of ours: said, and no blank page."""

    async def forget(look: Look) -> Shown:
        return Shown("hello.html")

    async with web_world(store, screens={"/": forget}, templates=(templates,)) as web:
        got = await web.get("/")

    assert got.status == 500
    assert "This page could not be made" in got.text
    assert "undefined" not in got.text


async def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, templates: Path) -> None:
    """Without a store the page says so; once there is one, it shows it."""
    store = tmp_path / "jobs.db"
    async with web_world(store, screens={"/": hello}, templates=(templates,)) as web:
        before = await web.get("/")
        assert not store.exists()
        async with BatchHub(store, drives=False):
            pass
        after = await web.get("/")

    assert before.status == 200
    assert "No jobs yet" in before.text
    assert "Stays" in after.text


async def test_files_are_kept_by_browsers_under_addresses_of_their_content(store: Path) -> None:
    """A page names files by what is in them; they come compressed, and are good for a year."""
    async with web_world(store) as web:
        page = await web.stranger.get("/")
        for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
            got = await web.stranger.get(path, headers={"Accept-Encoding": "gzip"})
            assert got.status == 200, path
            assert got.headers["Content-Encoding"] == "gzip"
            assert "immutable" in got.headers["Cache-Control"]
        old = await web.stranger.get("/static/000000000000/page.css")

    assert old.status == 404


def test_the_scripts_of_others_are_what_they_published() -> None:
    """Each is the file of its package, byte for byte, and its licence is beside it."""
    vendor = FOLDER / "vendor"
    found = {path.name: path for path in vendor.glob("*.js")}

    assert {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in found.items()} == (
        _PINNED
    )
    for name in _PINNED:
        assert (vendor / name.replace(".min.js", ".LICENSE.txt")).is_file()
    assert {f"vendor/{name}" for name in _PINNED} < set(SCRIPTS)


def test_the_files_of_a_page_are_small() -> None:
    """What a first visit loads besides the page itself is half of what it may be in all."""
    assert sum(len(file.packed) for file in Statics()) <= 50_000
    assert all(gzip.decompress(file.packed) == file.plain for file in Statics())


def test_no_template_has_scripts_or_styles_in_it() -> None:
    """The policy forbids them, so that they would not even work."""
    for path in (FOLDER.parent / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|hx-vals='js", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
        assert not re.search(r"https?://", text), path
        assert "|safe" not in text.replace(" ", ""), path

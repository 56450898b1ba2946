"""The pictures of the docs: `make screenshots` keeps them, and here they are only taken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from selenium.webdriver import Chrome
from support.browsing.everyday import NOW, fill_everyday_store
from support.browsing.pictures import take_picture
from support.browsing.still_page import standing_still
from support.browsing.visitor import NARROW, Visit

INTO: Final = "PICTURES_INTO"
"""The environment variable with the folder that keeps them."""

MOST_BYTES: Final = 120_000
WIDTH: Final = 1_180


@pytest.fixture(scope="module")
def everyday(tmp_path_factory: pytest.TempPathFactory, chrome: Chrome) -> tuple[Path, str]:
    """A folder with a store as it is on a Tuesday morning, and the job that is worth a look."""
    del chrome
    folder = tmp_path_factory.mktemp("everyday")
    return folder, fill_everyday_store(folder / "jobs.db")


@pytest.mark.parametrize(
    ("name", "path", "width", "height", "scheme"),
    [
        ("accounts", "/", WIDTH, 890, "light"),
        ("job", "/jobs/{job}", WIDTH, 1_180, "light"),
        ("failures", "/failures", WIDTH, 620, "dark"),
        ("phone", "/", NARROW, 860, "dark"),
    ],
)
def test_a_picture(
    visit: Visit,
    everyday: tuple[Path, str],
    tmp_path: Path,
    name: str,
    path: str,
    width: int,
    height: int,
    scheme: str,
) -> None:
    """It is the same every time, and small enough for a page of docs."""
    folder, job_id = everyday
    with standing_still(folder, NOW) as page:
        visitor = visit(page)
        visitor.resize(width, height)
        visitor.prefer(scheme)
        visitor.open(path.format(job=job_id))
        into = Path(os.environ.get(INTO, tmp_path))
        picture = into / f"page-{name}.png"
        picture.write_bytes(take_picture(visitor.driver))
        assert visitor.find_overflow() == []
    assert picture.stat().st_size <= MOST_BYTES

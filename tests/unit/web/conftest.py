"""A store, and screens to look at, for tests of the page's server."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from support.page_looks import NOW
from support.page_store import fill_page_store

from batchhub import BatchHub

_HELLO: Final = """{% extends layout %}
{% block title %}Hello{% endblock %}
{% block main %}<h1>Stays</h1>{% endblock %}
{% block live %}<p>{{ text }}</p><a href="{{ url('/jobs', state='open') }}">open</a>{% endblock %}
"""


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Make a folder with the template ``hello.html``."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "hello.html").write_text(_HELLO)
    return folder


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    """Make an empty store."""
    async with BatchHub(tmp_path / "jobs.db", drives=False):
        return tmp_path / "jobs.db"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with some jobs of every kind, which no test changes."""
    path = tmp_path_factory.mktemp("page") / "jobs.db"
    fill_page_store(path, jobs=240, items=2_000, now=NOW, tickets_of_large=130, open_share=0.25)
    return path

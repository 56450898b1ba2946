"""A store, and screens to look at, for tests of the page's server."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

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

"""A store of each kind: in a file and in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import on_postgres

from batchhub._store import Store


@pytest.fixture(params=["file"] if on_postgres.IS_ON else ["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store of each kind."""
    opened = await Store.open(tmp_path / "jobs.db" if request.param == "file" else None)
    yield opened
    await opened.aclose()


@pytest.fixture
async def file_store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store in a file."""
    opened = await Store.open(tmp_path / "jobs.db")
    yield opened
    await opened.aclose()

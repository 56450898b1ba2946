"""What the tests with the real command share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.crash_lab import Lab, running_lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server of processes for all tests: it starts a command in a tenth of the time."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab

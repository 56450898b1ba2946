"""The Mircate stand-in alone."""

from __future__ import annotations

import pytest

from batchhub_mircate.sandbox import MircateSandbox


@pytest.fixture
def kind() -> type[MircateSandbox]:
    return MircateSandbox

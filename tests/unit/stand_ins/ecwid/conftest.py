"""The Ecwid stand-in alone."""

from __future__ import annotations

import pytest

from batchhub_ecwid.sandbox import EcwidSandbox


@pytest.fixture
def kind() -> type[EcwidSandbox]:
    return EcwidSandbox

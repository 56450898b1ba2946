"""The one converter."""

from __future__ import annotations

from typing import Final

from .converter import make_converter

converter: Final = make_converter()
"""The converter; register hooks on it for classes of your own."""

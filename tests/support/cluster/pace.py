"""How quickly workers notice each other: a cluster's own pace, and one for tests."""

from __future__ import annotations

from typing import Final

from support.crashing import Plan

QUICK: Final = Plan()
"""Signs of life and time limits of a fifth: a test needs not wait for what would come anyway."""

"""How quickly workers notice each other: a cluster's own pace, and one for tests."""

from __future__ import annotations

from typing import Final

from batchhub._engine import shard_claims
from support.crashing import Plan

QUICK: Final = Plan(pace=0.4)
"""Signs of life and their limits are shortened: what would come anyway comes sooner."""

SILENT_S: Final = shard_claims.SILENT_S * QUICK.pace
"""Seconds without a sign of life after which others take what a worker drives, at that pace."""

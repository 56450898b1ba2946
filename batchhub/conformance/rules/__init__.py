"""The rules, a module for each thing they are about."""

from batchhub.conformance.rule import RULES

from . import batches, calls, capabilities, crashes, hostile, secrets, translation, troubles

__all__ = [
    "RULES",
    "batches",
    "calls",
    "capabilities",
    "crashes",
    "hostile",
    "secrets",
    "translation",
    "troubles",
]

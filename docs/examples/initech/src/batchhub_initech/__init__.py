"""Initech for batchhub: prices and stock of a seller, sent as feeds."""

from .account import InitechAccount
from .adapter import InitechAdapter

__all__ = ["InitechAccount", "InitechAdapter"]

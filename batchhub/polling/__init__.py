"""Pure rules: what an answer means, and when to ask next."""

from .interval import next_delay_s
from .meaning import Meaning, interpret

__all__ = ["Meaning", "interpret", "next_delay_s"]

"""Pure rules: what an answer means, and when to ask next."""

from .interval import next_delay_s
from .meaning import Known, Meaning, interpret

__all__ = ["Known", "Meaning", "interpret", "next_delay_s"]

"""
For tests of adapters and of code that uses batchhub; needs no test framework.

`FakeClock` is a clock that the test controls, `capture_events` shows what batchhub logged, and
`ScriptedVendor` is an HTTP server that does what the test says: begin there. `replay` makes one of
an answer that ``batchhub doctor --record`` has recorded.
"""

from .answers import Answer, make_answer
from .cases import Case, read_case, write_case
from .clock import FakeClock
from .events import CapturedEvent, CapturedEvents, capture_events
from .expectation import Expectation
from .replaying import replay
from .script import ScriptError
from .seen import SeenRequest
from .vendor import ScriptedVendor

__all__ = [
    "Answer",
    "CapturedEvent",
    "CapturedEvents",
    "Case",
    "Expectation",
    "FakeClock",
    "ScriptError",
    "ScriptedVendor",
    "SeenRequest",
    "capture_events",
    "make_answer",
    "read_case",
    "replay",
    "write_case",
]

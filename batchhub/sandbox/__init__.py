"""
Stand-in vendor servers on loopback: test your own code without an account.

A sandbox keeps its state in memory and takes the time from a `Clock`, so with
`batchhub.testing.FakeClock` hours pass in milliseconds. Whatever goes wrong at
a vendor is a switch, and whatever was asked and executed is in a journal.
Derive from `Sandbox` to make one for your own adapter.
"""

from batchhub._base.clock import Clock

from .answers import AnswerError
from .gate import Gate, GateSwitches
from .journal import KNOCK, Execution, JournalEntry
from .limits import RequestLimiter
from .server import Sandbox
from .switches import Switches, SwitchInfo, rate, switch, times
from .wire import ConnectionCutError

__all__ = [
    "KNOCK",
    "AnswerError",
    "Clock",
    "ConnectionCutError",
    "Execution",
    "Gate",
    "GateSwitches",
    "JournalEntry",
    "RequestLimiter",
    "Sandbox",
    "SwitchInfo",
    "Switches",
    "rate",
    "switch",
    "times",
]

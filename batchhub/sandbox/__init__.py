"""
Stand-in vendor servers on loopback: test your own code without an account.

A sandbox keeps its state in memory and takes the time from a `Clock`, so with
`batchhub.testing.FakeClock` hours pass in milliseconds. Whatever goes wrong at
a vendor is a switch, and all requests and executions are in a journal.
Derive from `Sandbox` to make one for your own adapter; `Guard` has what most
vendors check before they answer.
"""

from batchhub._base.clock import Clock

from .answers import AnswerError, HangUpError
from .guard import Guard, GuardSwitches
from .journal import KNOCK, Execution, JournalEntry
from .limits import RequestLimiter
from .server import Sandbox
from .state import SandboxState
from .switches import Switches, SwitchInfo, rate, switch, times

__all__ = [
    "KNOCK",
    "AnswerError",
    "Clock",
    "Execution",
    "Guard",
    "GuardSwitches",
    "HangUpError",
    "JournalEntry",
    "RequestLimiter",
    "Sandbox",
    "SandboxState",
    "SwitchInfo",
    "Switches",
    "rate",
    "switch",
    "times",
]

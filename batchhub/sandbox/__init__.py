"""
Stand-in vendor servers on loopback: test your own code without an account.

A sandbox keeps its state in memory and takes the time from a `Clock`, so with
`batchhub.testing.FakeClock` hours pass in milliseconds. Whatever goes wrong at
a vendor is a switch, and all requests and executions are in a journal.
Derive from `Sandbox` to make one for your own adapter:

    class AcmeSandbox(Sandbox):
        def __init__(self, *, clock=None, seed=0):
            super().__init__(clock=clock, seed=seed)
            self.tokens = Tokens(self, client_id="app", client_secret="s-1", valid_s=3600.0)

        def admits(self, call):
            return self.tokens.admits(call.bearer)

        @route("POST", "/batches", verb="submit")
        def take(self, call):
            items = [Item(id=body["sku"], body=body) for body in call.json()]
            return {"id": self.batches.add(Batch(items=items)).id}

        def run_item(self, batch, item):
            self.prices[item.id] = item.body["price"]

`Batches`, `Tokens`, `FileHost`, `RateLimit` and `Repeats` are the larger parts.
"""

from batchhub._base.clock import Clock

from .answers import AnswerError, HangUpError
from .batch import Batch, Stage
from .batches import Batches
from .call import Call, read_json, read_number
from .file_host import FileHost, Upload
from .files import Content, FileStore, Packing, StoredFile
from .form import Form, Part
from .items import Item, ItemOutcome
from .journal import KNOCK, Execution, JournalEntry
from .kept import Kept, Repeats
from .limits import RateLimit, RequestLimiter
from .listening import LoopbackServer
from .routes import Route, route
from .server import Interceptor, Sandbox
from .shapes import count_of, demo_turns, distort
from .standard import Switches
from .state import SandboxState
from .switches import SwitchInfo, rate, switch, times
from .tokens import Tokens

__all__ = [
    "KNOCK",
    "AnswerError",
    "Batch",
    "Batches",
    "Call",
    "Clock",
    "Content",
    "Execution",
    "FileHost",
    "FileStore",
    "Form",
    "HangUpError",
    "Interceptor",
    "Item",
    "ItemOutcome",
    "JournalEntry",
    "Kept",
    "LoopbackServer",
    "Packing",
    "Part",
    "RateLimit",
    "Repeats",
    "RequestLimiter",
    "Route",
    "Sandbox",
    "SandboxState",
    "Stage",
    "StoredFile",
    "SwitchInfo",
    "Switches",
    "Tokens",
    "Upload",
    "count_of",
    "demo_turns",
    "distort",
    "rate",
    "read_json",
    "read_number",
    "route",
    "switch",
    "times",
]

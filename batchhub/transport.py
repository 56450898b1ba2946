"""HTTP for adapters: one `Transport` per lane, over one aiohttp session per hub."""

from ._adapter.proxy import Proxy, find_proxy
from ._adapter.risks import find_risks
from ._http.download import Download
from ._http.limits import Limits
from ._http.recording import RecordedExchange, Recording, record_exchanges
from ._http.reply import Reply
from ._http.session import Session, open_session
from ._http.transport import Transport

__all__ = [
    "Download",
    "Limits",
    "Proxy",
    "RecordedExchange",
    "Recording",
    "Reply",
    "Session",
    "Transport",
    "find_proxy",
    "find_risks",
    "open_session",
    "record_exchanges",
]

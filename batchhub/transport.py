"""HTTP for adapters: one `Transport` per lane, over one aiohttp session per hub."""

from ._http.limits import Limits
from ._http.reply import Reply
from ._http.session import open_session
from ._http.transport import Transport

__all__ = ["Limits", "Reply", "Transport", "open_session"]

"""The one aiohttp session of a hub: no cookies, and no request is sent again by itself."""

from __future__ import annotations

from typing import Final

import aiohttp

_MAX_CONNECTIONS: Final = 768
"""Below the usual 1,024 open files of a process, so that some are left for the store."""

_MAX_CONNECTIONS_PER_HOST: Final = 256
"""So that one vendor that hangs can't take all connections."""

_KEEP_ALIVE_S: Final = 4.0
"""Below the 5 s after which common servers close: whether a request sent into a closing connection
ran can't be known."""


class DisconnectedError(aiohttp.ClientConnectionError):
    """The connection was cut when the request may have been sent."""


async def refuse_resend(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """
    Keep aiohttp from sending a request again by itself.

    It does so once, for GET, PUT, DELETE and others, when a connection is cut; but not when the
    error is one it does not know.

    Raises:
        DisconnectedError: The connection was cut.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise DisconnectedError("the connection was cut") from error


def open_session() -> aiohttp.ClientSession:
    """Open the session all lanes of a hub share. Close it with ``await session.close()``."""
    connector = aiohttp.TCPConnector(
        limit=_MAX_CONNECTIONS,
        limit_per_host=_MAX_CONNECTIONS_PER_HOST,
        keepalive_timeout=_KEEP_ALIVE_S,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # `read_body` does it, within a limit
        skip_auto_headers=("Content-Type", "User-Agent"),
        middlewares=(refuse_resend,),
    )

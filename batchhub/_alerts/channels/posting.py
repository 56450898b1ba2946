"""A message over HTTP: posted once, and what became of it in words that show no secret."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final

import aiohttp
from attrs import frozen
from yarl import URL

from batchhub._adapter.proxy import find_proxy
from batchhub._base.show import clean
from batchhub._http.connector import DisconnectedError
from batchhub._http.session import Session

LIMIT_S: Final = 30.0
"""Seconds a receiver has to answer."""

_MOST_SHOWN: Final = 200
_OK: Final = range(200, 300)
_REFUSED: Final = frozenset({400, 413, 422})


@frozen(kw_only=True)
class Problem:
    """
    Why a channel did not take a message.

    Attributes:
        why: In words.
        is_refused: Whether it refused this very message, and may take another one.
    """

    why: str
    is_refused: bool = False


async def post(
    session: Session, url: str, body: bytes, headers: Mapping[str, str]
) -> Problem | None:
    """
    Post a message once; return what went wrong, if anything did.

    No redirect is followed: the message, and what signs it, is for one receiver.
    """
    # Errors of aiohttp may show the address, which is a secret at Slack: none is shown.
    host = URL(url).host
    proxy = find_proxy(url, None)
    try:
        async with asyncio.timeout(LIMIT_S):
            async with session.request(
                "POST",
                URL(url, encoded=True),
                is_kept=False,
                data=body,
                headers={"User-Agent": "batchhub", **headers},
                proxy=None if proxy is None else proxy.url,
                proxy_headers=None if proxy is None else dict(proxy.headers),
            ) as answer:
                said = "" if answer.status in _OK else await _read(answer)
                status = answer.status
    except TimeoutError:
        return Problem(why=f"{host} did not answer within {LIMIT_S:.0f} s")
    except aiohttp.ClientConnectorDNSError:
        return Problem(why=f"there is no host {host}, or its name can't be looked up")
    except aiohttp.ClientSSLError:
        return Problem(why=f"the certificate of {host} is not trusted")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Problem(why=f"{host} can't be reached: {_describe(error)}")
    if status in _OK:
        return None
    why = f"{host} answered {status}" + (f": {said}" if said else "")
    return Problem(why=why, is_refused=status in _REFUSED)


def _describe(error: Exception) -> str:
    """Say what an error is by its number or its kind: its text may show the address."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number).lower()
    return (
        "the connection was cut" if isinstance(error, DisconnectedError) else type(error).__name__
    )


async def _read(answer: aiohttp.ClientResponse) -> str:
    """Return the beginning of what a receiver said."""
    try:
        data = await answer.content.read(4 * _MOST_SHOWN)
    except (aiohttp.ClientError, OSError):
        return ""
    return clean(data.decode("utf-8", "replace").strip(), _MOST_SHOWN)

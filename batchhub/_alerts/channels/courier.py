"""Hands a message to a channel, whatever its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from batchhub._alerts.channel_settings import Channel, ChannelType
from batchhub._base.clock import Clock
from batchhub._base.commands import run_command
from batchhub._base.secrets import blank
from batchhub._http.session import Session, open_session
from batchhub.errors import SettingsError

from .posting import Problem, post
from .slack import write_slack
from .webhook import write_webhook


class Courier:
    """
    Hands messages over, each once.

    Args:
        clock: Where time comes from.
        store: The store's address, for commands.
    """

    def __init__(self, clock: Clock, store: str) -> None:
        self._clock = clock
        self._store = store
        self._session: Session | None = None

    async def send(
        self, channel: Channel, body: Mapping[str, Any], *, is_repeated: bool
    ) -> Problem | None:
        """
        Hand a message to a channel; return what went wrong, if anything did.

        Args:
            channel: The channel.
            body: The message.
            is_repeated: Whether it was tried before, so that the channel may have it.
        """
        if channel.type is ChannelType.COMMAND:
            why = await run_command(
                channel.command,
                json.dumps(body, ensure_ascii=False).encode() + b"\n",
                variables={
                    "BATCHHUB_STORE": self._store,
                    "BATCHHUB_ALERT": str(body["id"]),
                    "BATCHHUB_ALERT_TITLE": str(body["title"]),
                    "BATCHHUB_REPEATED": "1" if is_repeated else "0",
                },
                limit_s=channel.limit_s,
                clock=self._clock,
            )
            return None if why is None else Problem(why=blank(f"the command {why}"))
        try:
            found = await self._post(channel, body)
        except SettingsError as error:  # of what the environment says: a proxy, certificates
            found = Problem(why=str(error))
        return found and Problem(why=blank(found.why), is_refused=found.is_refused)

    async def _post(self, channel: Channel, body: Mapping[str, Any]) -> Problem | None:
        if self._session is None or self._session.closed:
            self._session = open_session()
        if channel.type is ChannelType.WEBHOOK:
            data, headers = write_webhook(body, channel.secret, self._clock.now())
        else:
            data, headers = write_slack(body)
        return await post(self._session, channel.url, data, headers)

    async def aclose(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

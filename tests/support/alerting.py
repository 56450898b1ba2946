"""Alerts under test: a receiver over real HTTP, and settings that tell it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiohttp import web
from attrs import define, evolve, field

from batchhub import BatchHub
from batchhub._alerts.alerts import Alerts
from batchhub._alerts.channel_settings import Channel, ChannelType
from batchhub._alerts.conditions import BY_DEFAULT, Condition, Rule
from batchhub._alerts.settings import AlertSettings

SECRET: Final = "the-secret-of-the-receiver"
_BY_DEFAULT: Final = BY_DEFAULT


def is_signed(headers: Mapping[str, str], data: bytes, secret: str = SECRET) -> bool:
    """Whether a message is signed as it should be."""
    text = headers["Batchhub-Timestamp"].encode() + b"." + data
    want = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers["Batchhub-Signature"], f"sha256={want}")


@define
class Receiver:
    """
    What posts messages are sent to, and what it answers; 200 once its answers are used up.

    A message that it refuses is noted, too: it may have been taken all the same.
    """

    url: str = ""
    answers: deque[int] = field(factory=deque)
    messages: list[dict[str, Any]] = field(factory=list)
    headers: list[Mapping[str, str]] = field(factory=list)
    data: list[bytes] = field(factory=list)
    coming: asyncio.Event = field(factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        """Take a message in."""
        data = await request.read()
        self.data.append(data)
        self.headers.append(dict(request.headers))
        self.messages.append(json.loads(data))
        self.coming.set()
        status = self.answers.popleft() if self.answers else 200
        return web.Response(status=status, text="no room <here>" if status >= 300 else "")

    @property
    def ids(self) -> list[str]:
        """The ids of the messages, each once, in the order they first came in."""
        return list(dict.fromkeys(message["id"] for message in self.messages))

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """What was told: the change, the condition and the account; repeats left out."""
        by_id = {message["id"]: message for message in self.messages}
        return [
            (change["change"], change["condition"], change["account"])
            for message in by_id.values()
            for change in message["changes"]
        ]

    def channel(self, name: str = "pager", **changes: Any) -> Channel:
        """Return the settings of a channel that leads here."""
        channel = Channel(
            name=name,
            type=ChannelType.WEBHOOK,
            conditions=frozenset(Condition),
            url=self.url,
            secret=SECRET,
        )
        return evolve(channel, **changes)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Open a receiver."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def settings_for(
    *channels: Channel,
    rules: Mapping[Condition, Rule] | None = None,
    remind_s: float | None = None,
) -> AlertSettings:
    """Make settings that tell these channels."""
    return AlertSettings(
        rules=_BY_DEFAULT if rules is None else rules,
        channels={channel.name: channel for channel in channels},
        remind_s=remind_s,
        is_on=True,
        config="/etc/batchhub.toml",
    )


@asynccontextmanager
async def alerting(hub: BatchHub, settings: AlertSettings) -> AsyncIterator[Alerts]:
    """Have alerts run at a hub's store."""
    alerts = Alerts(hub, settings)
    task = asyncio.create_task(alerts.run())
    try:
        yield alerts
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

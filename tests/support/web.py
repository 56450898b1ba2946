"""The page over real HTTP: a store, a server on loopback, and visitors who have signed in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientResponse, ClientSession, CookieJar, TCPConnector
from attrs import define, frozen

from batchhub import BatchHub
from batchhub._web.look import Look, Role, Show, Shown
from batchhub._web.reach import Reach
from batchhub._web.screens import SCREENS
from batchhub._web.server import WebServer
from batchhub._web.settings import OpenOwner, WebSettings
from batchhub._web.tokens import find_token_folder
from batchhub.errors import SettingsError
from batchhub.hub import BatchJob
from support.patience import PATIENCE_S

_CSRF: Final = re.compile(r'name="csrf" value="([0-9a-f]+)"')


@frozen(kw_only=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    text: str
    url: str

    @property
    def csrf(self) -> str:
        """What the page's forms bring back."""
        found = _CSRF.search(self.text)
        assert found, self.text
        return found[1]


@define
class Events:
    """What an open page hears."""

    response: ClientResponse

    async def next(self) -> tuple[str, str] | None:
        """Return the next event, its name and id; `None` at the end. What is no event is passed."""
        name, number = "", ""
        async with asyncio.timeout(PATIENCE_S):
            async for line in self.response.content:
                key, _, value = line.decode().strip().partition(": ")
                if key == "event":
                    name = value
                elif key == "id":
                    number = value
                elif not key and name:
                    return name, number
        return None


@define
class Visitor:
    """A browser, as far as HTTP goes: it keeps cookies, and says where a form comes from."""

    server: WebServer
    session: ClientSession

    async def ask(self, method: str, path: str, **facts: Any) -> Answer:
        """Send a request as it is given; redirects are not followed."""
        facts.setdefault("allow_redirects", False)
        async with self.session.request(method, self._at(path), **facts) as got:
            text = await got.text()
            return Answer(status=got.status, headers=dict(got.headers), text=text, url=str(got.url))

    async def get(self, path: str, **facts: Any) -> Answer:
        """Look at a page; redirects are followed."""
        return await self.ask("GET", path, **{"allow_redirects": True, **facts})

    async def fragment(self, path: str) -> Answer:
        """Fetch the part of a page that refreshes itself, as the page does."""
        return await self.ask("GET", path, headers={"HX-Request": "true"})

    async def post(self, path: str, form: Mapping[str, str], **facts: Any) -> Answer:
        """Send a form, as a page of this server does."""
        headers = {"Origin": self._origin, **facts.pop("headers", {})}
        return await self.ask("POST", path, data=dict(form), headers=headers, **facts)

    async def sign_in(self, role: Role) -> Answer:
        """Sign in with the token of a role."""
        return await self.post("/sign-in", {"token": self.server.tokens.get(role)})

    @asynccontextmanager
    async def listen(self, path: str = "/changes") -> AsyncIterator[Events]:
        """Listen for changes, as an open page does."""
        async with self.session.get(self._at(path)) as got:
            assert got.status == 200
            assert got.content_type == "text/event-stream"
            yield Events(got)

    @property
    def _origin(self) -> str:
        reach = self.server.reach
        return reach.public or reach.url

    def _at(self, path: str) -> str:
        reach = self.server.reach
        return f"{reach.scheme}://127.0.0.1:{reach.port}{reach.prefix}{path}"


@define
class WebWorld:
    """
    The page, and visitors.

    Attributes:
        server: The server.
        operator: A visitor who may act.
        viewer: One who may look.
        stranger: One who has not signed in.
    """

    server: WebServer
    operator: Visitor
    viewer: Visitor
    stranger: Visitor

    @property
    def get(self) -> Any:
        """Look at a page as an operator."""
        return self.operator.get


async def hello(look: Look) -> Shown:
    """Show what came with the path and the query, as text."""
    return Shown("hello.html", {"text": f"{look.parts.get('name')} {look.query.get('q')}"})


def no_accounts(job: BatchJob) -> BatchHub:
    """Refuse to make the account of a job, as where the settings lack it."""
    raise SettingsError(f"no account {job.status.account!r}")


@asynccontextmanager
async def web_world(
    store: Path | str,
    *,
    reach: Reach | None = None,
    open_owner: OpenOwner = no_accounts,
    screens: Mapping[str, Show] = SCREENS,
    templates: tuple[Path, ...] = (),
    tokens: Path | None = None,
    clock: Any = None,
) -> AsyncIterator[WebWorld]:
    """
    Serve the page of a store on a free port of loopback.

    Args:
        store: The store, which need not be there; by its path or URL.
        reach: Where the page is reached; its port is taken as it is.
        open_owner: Makes the hub an action goes through.
        screens: The screens.
        templates: Folders with more templates.
        tokens: The folder of the tokens; by default one beside the store.
        clock: Source of time.
    """
    settings = WebSettings(
        store=str(store),
        tokens=tokens or find_token_folder(str(store)),
        reach=reach or Reach(port=0),
        open_owner=open_owner,
    )
    server = WebServer(settings, clock=clock, screens=screens, templates=templates)
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.aclose)
        visitors = [await stack.enter_async_context(_visitor(server)) for _ in range(3)]
        await visitors[0].sign_in(Role.OPERATOR)
        await visitors[1].sign_in(Role.VIEWER)
        yield WebWorld(server, *visitors)


@asynccontextmanager
async def _visitor(server: WebServer) -> AsyncIterator[Visitor]:
    jar = CookieJar(unsafe=True, treat_as_secure_origin=None)
    async with ClientSession(cookie_jar=jar, connector=TCPConnector(ssl=False, limit=0)) as session:
        yield Visitor(server, session)

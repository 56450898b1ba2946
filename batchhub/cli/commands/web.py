"""`web`: the page in a browser, served until the command is stopped."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from batchhub._base.parent import end_with_parent
from batchhub._tables.formats import load_extra
from batchhub.cli.screen.console import say, write_json
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import find_store, open_owner, read_settings, store_exists
from batchhub.cli.shell.web_options import WebOptions

if TYPE_CHECKING:
    from batchhub._web.server import WebServer

_EXTRA: Final = "web"


async def serve_page(invocation: Invocation, options: WebOptions) -> ExitCode:
    """Serve the page until the command is stopped, which is its normal end."""
    end_with_parent()
    load_extra("jinja2", _EXTRA, "the page")
    # They need what the extra brings.
    from batchhub._web.reach import make_reach  # noqa: PLC0415
    from batchhub._web.server import WebServer  # noqa: PLC0415
    from batchhub._web.settings import WebSettings  # noqa: PLC0415
    from batchhub._web.tokens import find_token_folder  # noqa: PLC0415

    common = invocation.common
    settings = read_settings(common)
    store = find_store(common, settings)
    store_exists(store)  # refused here if it can't be one
    reach = make_reach(
        options.web_listen,
        certificate=options.tls_cert,
        key=options.tls_key,
        public_url=options.public_url,
    )
    server = WebServer(
        WebSettings(
            store=store,
            store_mode=settings.store_mode,
            tokens=find_token_folder(store) if options.tokens is None else options.tokens,
            reach=reach,
            open_owner=partial(open_owner, common, drives=False),
        )
    )
    await server.start()
    try:
        _say_started(server, common_json=common.json)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        pass
    finally:
        await server.aclose()
    return ExitCode.OK


def _say_started(server: WebServer, *, common_json: bool) -> None:
    """Say where it is; the token only to somebody who sits at a terminal."""
    from batchhub._web.look import Role  # noqa: PLC0415

    if common_json:
        write_json({"url": server.url, "tokens": str(server.tokens.folder)})
    if sys.stderr.isatty():
        token = server.tokens.get(Role.OPERATOR)
        say(f"the page is at {server.url}/sign-in#token={token}")
        say(f"this address signs in as operator; tokens are in {server.tokens.folder}")
    else:
        say(f"the page is at {server.url}; tokens are in {server.tokens.folder}")

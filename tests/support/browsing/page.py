"""The page as users start it: a process of its own."""

from __future__ import annotations

import http.client
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from attrs import frozen

from support.patience import PATIENCE_S
from support.processes import COMMAND, environment


@frozen(kw_only=True)
class Page:
    """
    A page that is served.

    Attributes:
        url: Where, without a slash at the end.
        folder: Where the store is.
    """

    url: str
    folder: Path

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.folder / "jobs.db"

    def read_token(self, role: str) -> str:
        """Return the token of a role, as its owner reads it."""
        return (self.folder / "jobs.db.web" / role).read_text().strip()

    def make_session(self, role: str) -> tuple[str, str]:
        """Sign in as a form does; return the name and the value of the cookie."""
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=PATIENCE_S)
        form = urlencode({"token": self.read_token(role), "to": ""})
        headers = {"Origin": self.url, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/sign-in", form, headers)
        answer = connection.getresponse()
        assert answer.status == 303, answer.read()
        cookie = SimpleCookie(answer.headers["Set-Cookie"])
        connection.close()
        [(name, morsel)] = cookie.items()
        return name, morsel.value


@frozen(kw_only=True)
class PageProcess(Page):
    """
    A page with a process of its own.

    Attributes:
        process: The process.
        log: What it has printed.
    """

    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running_page(folder: Path, *, port: int = 0) -> Iterator[PageProcess]:
    """Run `batchhub web` in a folder with settings, at a port or at any that is free."""
    log = folder / "page.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [COMMAND, "web", "--web-listen", f"127.0.0.1:{port}"],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        url = _read_url(process, log)
        yield PageProcess(url=url, folder=folder, log=log, process=process)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    printed = log.read_text()
    assert "Traceback" not in printed, printed
    assert process.returncode == 0, printed


def _read_url(process: subprocess.Popen[bytes], log: Path) -> str:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return found[0]
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError("the page does not start")

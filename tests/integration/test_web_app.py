"""The web app of the how-to, served by uvicorn in a process of its own, killed and begun again."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from support.pages import DOCS, PageRun, Stage, on_stage, read_blocks
from support.patience import PATIENCE_S

from batchhub.errors import (
    AdapterError,
    BatchHubError,
    InputError,
    KeyConflictError,
    NotKnownError,
    SettingsError,
    StoreError,
    UnsupportedError,
    UsageError,
)

PAGE: Final = DOCS / "howto" / "web-app.md"
ITEMS: Final = [
    {"id": str(n), "method": "PUT", "path": f"/products/{n}", "body": {"price": n}}
    for n in (1, 2, 999999)
]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageRun]:
    """Give the folder of the app: its file, the settings, and the vendors it speaks to."""
    stage = Stage()
    try:
        with on_stage(stage, tmp_path, monkeypatch) as run:
            run.take(next(block for block in read_blocks(PAGE) if block.title == "app.py"))
            yield run
    finally:
        stage.aclose()


@contextmanager
def serving(page: PageRun) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """Serve the app, as a user does; gives a client of it, and its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "app:app", "--port", "0"],
        cwd=page.folder,
        env=page.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    rest: threading.Thread | None = None
    try:
        url = ""
        for line in process.stderr:
            if match := re.search(r"running on (http://\S+)", line):
                url = match[1]
                break
        assert url, "the server has not started"
        rest = threading.Thread(target=process.stderr.read)
        rest.start()
        with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
            yield client, process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        if rest is not None:
            rest.join()
        process.stderr.close()


def submit(client: httpx.Client, items: Any, key: str) -> httpx.Response:
    """Hand items over with a key."""
    return client.post("/jobs", json=items, headers={"Idempotency-Key": key})


def wait(client: httpx.Client, place: str) -> dict[str, Any]:
    """Ask for the status until the job has ended."""
    pause = threading.Event()
    while True:
        status: dict[str, Any] = client.get(place).json()
        if status["outcome"] is not None:
            return status
        pause.wait(0.05)


def test_a_job_goes_its_way_over_http(page: PageRun) -> None:
    """Submit, status and results; a repeated request is the same job, other items are refused."""
    with serving(page) as (client, _):
        first = submit(client, ITEMS, "k-1")
        assert first.status_code == 202
        place = first.headers["Location"]
        assert submit(client, ITEMS, "k-1").headers["Location"] == place
        status = wait(client, place)
        results = [json.loads(line) for line in client.get(f"{place}/results").text.splitlines()]
        failed = client.get(f"{place}/results", params={"only": "failed"}).text.splitlines()

        assert (status["outcome"], status["counts"]["total"]) == ("partial", 3)
        assert [(each["id"], each["code"]) for each in results] == [
            ("1", 200),
            ("2", 200),
            ("999999", 404),
        ]
        assert [json.loads(line) for line in failed] == results[2:]

        conflict = submit(client, ITEMS[:1], "k-1")
        assert (conflict.status_code, "k-1" in conflict.json()["error"]) == (409, True)
        wrong = submit(client, [{"method": "PUT"}], "k-2")
        assert (wrong.status_code, wrong.json()["error"][:7]) == (422, "item 1:")
        assert submit(client, [], "k-3").status_code == 422
        assert client.post("/jobs", json=ITEMS).status_code == 422  # no key
        for path in ("/jobs/none", "/jobs/none/results"):
            assert client.get(path).status_code == 404
        assert client.get(f"{place}/results", params={"only": "done"}).status_code == 422
        assert "vendor_refs" in client.get("/openapi.json").text


def test_a_job_outlives_the_server(page: PageRun) -> None:
    """What was answered with 202 is carried on by the next process, and is the same job there."""
    with serving(page) as (client, process):
        place = submit(client, ITEMS, "night").headers["Location"]
        process.kill()
        process.wait(PATIENCE_S)
    with serving(page) as (client, _):
        assert submit(client, ITEMS, "night").headers["Location"] == place
        assert wait(client, place)["outcome"] in {"partial", "succeeded"}


CODES: Final[list[tuple[BatchHubError, int]]] = [
    (NotKnownError("job", "j"), 404),
    (KeyConflictError("taken"), 409),
    (InputError("no price"), 422),
    (UnsupportedError("can't"), 422),
    (SettingsError("no token"), 500),
    (UsageError("wrong"), 400),
    (StoreError("the disk is full"), 503),
    (AdapterError("broken"), 500),
]


class _BrokenHub:
    """A hub whose every call fails."""

    def __init__(self, error: BatchHubError) -> None:
        self._error = error

    async def job(self, _: str) -> None:
        """Fail."""
        raise self._error


@pytest.mark.parametrize(("error", "code"), CODES, ids=[type(e).__name__ for e, _ in CODES])
async def test_each_error_is_an_answer(page: PageRun, error: BatchHubError, code: int) -> None:
    """Its code says whose fault it is, its text what to do, and a 503 when to come again."""
    app = importlib.import_module("app").app
    app.state.hub = _BrokenHub(error)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        answer = await client.get("/jobs/j")

    assert (answer.status_code, answer.json()) == (code, {"error": str(error)})
    assert ("Retry-After" in answer.headers) is (code == 503)

"""Statuses, results and events as plain values: for `json`, for Pydantic and for FastAPI."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, TypeAdapter, ValidationError

from batchhub._sync.bridge import Bridge
from batchhub._sync.event import BatchEvent as SyncEvent
from batchhub.models import (
    BatchEvent,
    BatchState,
    BatchStatus,
    Counts,
    Finding,
    ItemResult,
    ItemState,
    Ticket,
)
from batchhub.wire import dumps

AT = datetime(2026, 1, 2, 3, 4, 5, 678900, timezone(timedelta(hours=2)))
STATUS = BatchStatus(
    job_id="j-1",
    account="shop",
    adapter="acme",
    operation="batch",
    tickets=(
        Ticket(
            position=1,
            state=BatchState.FAILED,
            counts=Counts(failed=2, unknown=1),
            vendor_refs=("r-1",),
            vendor={"a": {"b": [1.5, None]}, "price": Decimal("1.25")},
            attempted_at=AT,
        ),
        Ticket(position=2, counts=Counts(pending=3)),
    ),
    findings=(Finding(code="odd", message="odd", examples=("x",)),),
    created_at=AT,
    updated_at=AT,
)
RESULT = ItemResult(id="a", state=ItemState.FAILED, code=404, raw=b'{"errorMessage":"no"}')
EVENT = BatchEvent(status=STATUS, consumer="mail", tries=2)
ALL = [STATUS, RESULT, EVENT, STATUS.counts, *STATUS.tickets, *STATUS.findings]


def kind_of(value: object) -> str:
    """Return the name of a value's class."""
    return type(value).__name__


@pytest.mark.parametrize("value", ALL, ids=kind_of)
def test_a_dict_has_what_the_commands_json_has(value: Any) -> None:
    """The names, their order and the values of `to_dict` are those of ``--json``."""
    plain = value.to_dict()

    assert json.loads(json.dumps(plain)) == plain == json.loads(dumps(value))
    assert list(plain) == list(json.loads(dumps(value)))
    assert dict(value) == plain


def test_an_event_of_a_plain_thread_is_written_alike() -> None:
    """It has the same facts, in a dict, in an answer and in a description."""
    event = SyncEvent(Bridge("test", _nothing), EVENT)

    assert dict(event) == event.to_dict() == jsonable_encoder(event) == EVENT.to_dict()
    adapter = TypeAdapter(SyncEvent)
    assert json.loads(adapter.dump_json(event)) == EVENT.to_dict()
    assert list(adapter.json_schema()["properties"]) == list(EVENT.to_dict())


async def _nothing() -> None:
    """Close nothing."""


def test_times_states_and_bodies_are_plain() -> None:
    """A time is UTC text, a state its word, a body what it holds, and nothing is private."""
    plain = STATUS.to_dict()

    assert plain["created_at"] == "2026-01-02T01:04:05.678Z"
    assert (plain["state"], plain["outcome"]) == ("in_progress", None)
    assert plain["tickets"][0]["vendor"] == {"a": {"b": [1.5, None]}, "price": 1.25}
    assert RESULT.to_dict() == {
        "id": "a",
        "state": "failed",
        "code": 404,
        "message": None,
        "body": {"errorMessage": "no"},
        "vendor_ref": None,
    }
    assert list(EVENT.to_dict()) == ["status", "consumer", "is_repeated", "tries"]


@pytest.mark.parametrize("value", ALL, ids=kind_of)
def test_fastapis_encoder_takes_them(value: Any) -> None:
    """What FastAPI makes of an answer without a declared type is the same."""
    assert jsonable_encoder({"it": [value]}) == {"it": [value.to_dict()]}


class Page(BaseModel):
    """A user's answer with objects of ours in it."""

    status: BatchStatus
    results: list[ItemResult]
    event: BatchEvent | None = None


def test_pydantic_writes_and_describes_them() -> None:
    """A model holds the objects as they are; its JSON and its description are those of a dict."""
    page = Page(status=STATUS, results=[RESULT], event=EVENT)

    assert page.status is STATUS
    assert json.loads(page.model_dump_json())["results"] == [RESULT.to_dict()]
    assert page.model_dump()["event"] == EVENT.to_dict()
    schema = TypeAdapter(BatchStatus).json_schema(mode="serialization")
    assert list(schema["properties"]) == list(STATUS.to_dict())
    assert "in_progress" in schema["properties"]["state"]["enum"]
    assert Page.model_json_schema()["properties"]["status"]["title"]
    with pytest.raises(ValidationError):
        Page(status=STATUS.to_dict(), results=[])  # type: ignore[arg-type]


app = FastAPI()


@app.get("/plain")
async def get_plain() -> Any:
    """Answer without a declared type."""
    return {"status": STATUS, "results": [RESULT]}


@app.get("/bare")
async def get_bare():  # type: ignore[no-untyped-def]  # noqa: ANN201  # as users write it
    """Answer without an annotation."""
    return {"status": STATUS, "results": [RESULT]}


@app.get("/in-dict")
async def get_in_dict() -> dict[str, Any]:
    """Answer with an object that may hold anything."""
    return {"event": EVENT}


@app.get("/status")
async def get_status() -> BatchStatus:
    """Answer with the object itself."""
    return STATUS


@app.get("/results", response_model=list[ItemResult])
async def get_results() -> Any:
    """Answer with a declared model."""
    return [RESULT, RESULT]


@app.get("/page")
def get_page() -> Page:
    """Answer with a model that has them."""
    return Page(status=STATUS, results=[RESULT])


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the app."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as made:
        yield made


def answers() -> Iterator[tuple[str, Any]]:
    """Yield the endpoints, and what each answers."""
    status, result = STATUS.to_dict(), RESULT.to_dict()
    yield "/plain", {"status": status, "results": [result]}
    yield "/bare", {"status": status, "results": [result]}
    yield "/in-dict", {"event": EVENT.to_dict()}
    yield "/status", status
    yield "/results", [result, result]
    yield "/page", {"status": status, "results": [result], "event": None}


@pytest.mark.parametrize(
    ("path", "answer"), list(answers()), ids=lambda value: value if isinstance(value, str) else ""
)
async def test_an_endpoint_answers_with_the_objects(
    client: httpx.AsyncClient, path: str, answer: Any
) -> None:
    """A status and results may be returned as they are, declared or not."""
    found = await client.get(path)

    assert (found.status_code, found.json()) == (200, answer)


async def test_the_description_of_an_app_has_their_fields(client: httpx.AsyncClient) -> None:
    """OpenAPI shows what a status and a result have."""
    shown = (await client.get("/openapi.json")).text

    assert '"vendor_ref"' in shown
    assert '"observed_at"' in shown

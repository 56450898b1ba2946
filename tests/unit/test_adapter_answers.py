"""Reading fields of answers: what every adapter may use."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw
from support.verbs import anything

from batchhub.adapter import Adapter, decode_fields, decode_object, read_fields
from batchhub_ecwid.wire import read_observation
from batchhub_mircate.status import observe, read_progress

LARGE = b'"x":[' + b",".join([b'"yyyyyyyyyyyyyyyyyyyy"'] * 500_000) + b"]"


def test_a_large_field_is_not_looked_into() -> None:
    """It has its size in its place; the other fields are as they came."""
    fields = decode_fields(read_fields(b'{"a":[1,"\\ud83d"],' + LARGE + b"}"))
    assert fields == {"a": [1, "�"], "x": f"left out: {len(LARGE) - 4:,} bytes"}


def test_a_broken_field_is_named_as_no_json() -> None:
    """It is a `ValueError`, as for an answer that is no JSON at all."""
    with pytest.raises(ValueError, match="not valid JSON"):
        decode_fields({"a": msgspec.Raw(b"[1")})


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "left", "large"]),
        anything | st.sampled_from([Raw(b'"\\ud83d"'), Raw(b'"\xff"'), Raw(LARGE[4:]), Raw(b"[1")]),
    )
)
@example({"left": Raw(b"[1"), "a": 1})
@example({"left": Raw(LARGE[4:]), "a": Raw(b'"\\ud83d"')})
def test_an_object_is_decoded_as_its_fields_are(fields: dict[str, Any]) -> None:
    """At one go or field by field: the same comes of it, whatever is broken or large."""
    body = msgspec.json.encode(fields)

    def by_fields() -> dict[str, Any]:
        raw = read_fields(body)
        raw.pop("left", None)
        return decode_fields(raw)

    assert _result(lambda: decode_object(body, without=("left",))) == _result(by_fields)


def _result(read: Callable[[], dict[str, Any]]) -> object:
    try:
        return msgspec.json.encode(read())
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("body", [b"[]", b"7", b"", b'{"a":', b"<html>"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """As by `read_fields`."""
    with pytest.raises(ValueError, match="not a JSON object"):
        decode_object(body)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"status":"IN_PROGRESS",%s}', read_observation),
        (b'{"batchStatus":"running",%s}', lambda body: observe([read_progress(body, "r1")])),
    ],
    ids=["ecwid", "mircate"],
)
def test_an_unknown_field_costs_no_memory(body: bytes, read: object) -> None:
    """Vendors may send anything; a poll of it must not fill the memory of all accounts."""
    answer = body % LARGE
    tracemalloc.start()
    try:
        observation = read(answer)  # type: ignore[operator]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "left out" in observation.vendor["x"]
    assert peak < 1.5 * len(answer)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"code": 5, "message": "m"}', ("5", "m")),
        (b'{"error": "e"}', (None, "e")),
        (b'{"error": {"code": "c", "message": "m"}}', ("c", "m")),
        (b'{"error": true, "message": "m"}', (None, "m")),
        (b'{"errors": [{"code": "c", "message": "m", "details": "d"}, {}]}', ("c", "m: d")),
        (b'{"errors": [{"code": "c", "message": "m", "details": ""}]}', ("c", "m")),
        (b'{"errors": ["e"], "message": "m"}', (None, "m")),
        (b'{"error": "invalid_grant", "error_description": "d"}', ("invalid_grant", "d")),
        (b'{"code": "c", "error": null}', ("c", None)),
        (b"[]", (None, None)),
        (b"<html>", (None, None)),
    ],
)
def test_an_error_is_read_in_the_usual_forms(
    body: bytes, read: tuple[str | None, str | None]
) -> None:
    """An adapter says only what is unusual."""
    assert Adapter.explain(400, {}, body) == read

"""The helpers for adapters: a vendor's JSON read leniently, items copied as plain JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchhub.adapter import encode_json, one_line, plain_json, read_fields, repair_text
from batchhub.errors import InputError

LOOP: dict[str, Any] = {}
LOOP["self"] = LOOP

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_valid_json_keeps_its_meaning(value: object) -> None:
    """Repair changes nothing that needs none, in either form of escapes."""
    for is_ascii in (True, False):
        body = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
        if not any("\ud800" <= c <= "\udfff" for c in json.dumps(value, ensure_ascii=False)):
            assert json.loads(repair_text(body)) == value


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"\ud83d x", "\ufffd x"),
        (rb"\udc00", "\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\uD83D\uDE00", "\U0001f600"),
        (rb"\\ud83d", r"\ud83d"),
        (b"caf\xe9", "caf\ufffd"),
        (b"\xf0\x9f\x98", "\ufffd"),
    ],
)
def test_half_a_character_makes_no_object_unreadable(text: bytes, repaired: str) -> None:
    """A text that was cut inside a character costs that character alone."""
    fields = read_fields(b'{"a":1,"b":"%b"}' % text)
    assert bytes(fields["a"]) == b"1"
    assert json.loads(bytes(fields["b"]).decode("utf-8", "replace")) == repaired


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"{", b"{} {}", b"[" * 100_000])
def test_what_is_no_object_has_no_fields(body: bytes) -> None:
    """An answer that is no JSON object is refused in one line."""
    with pytest.raises(ValueError, match="the answer is not a JSON object") as caught:
        read_fields(body)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("a\nb\tc", "a b c"),
        ("  a  b ", "a b"),
        (5, "5"),
        ("\x1b[31mred", "[31mred"),
        ("x" * 5000, "x" * 1000),
        ("", None),
        (" \n", None),
        (True, None),
        (None, None),
        ({}, None),
    ],
)
def test_a_vendors_words_are_one_printable_line(value: object, line: str | None) -> None:
    """Control characters and line breaks are gone, and so is what no one would read."""
    assert one_line(value) == line


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), "body is nan"),
        ({"a": float("-inf")}, r"body\.a is -inf"),
        ({"a": Decimal("sNaN")}, r"body\.a is sNaN"),
        ([2**2000], r"body\[0\] has too many digits"),
        ({"a": [{"b": bytearray(b"x")}]}, r"body\.a\[0\]\.b is binary"),
        ({5: "x"}, "body has the key 5, which is not text"),
        ({"a": {1, 2}}, r"body\.a is of type set"),
        (LOOP, "body is nested too deeply, or contains itself"),
    ],
)
def test_what_json_does_not_have_is_refused(value: object, says: str) -> None:
    """Nothing changes silently on its way; the place is named, in one line."""
    with pytest.raises(InputError, match=says) as caught:
        plain_json(value, "body")
    assert "\n" not in str(caught.value)


def test_every_digit_is_sent() -> None:
    """Tuples are arrays; decimals go out as numbers, digit by digit."""
    value = {"a": (1, Decimal("9.90")), "b": {"c": Decimal("1e3")}}
    assert encode_json(plain_json(value)) == b'{"a":[1,9.90],"b":{"c":1E+3}}'


def test_text_without_a_form_in_json_is_refused() -> None:
    """Half a character can't be sent."""
    with pytest.raises(InputError, match="no form in JSON"):
        encode_json({"a": "\ud800"})

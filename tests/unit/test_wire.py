"""The converter at the edges: any attrs class, from any form of JSON, and back."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import attrs
import msgspec
import pytest
from attrs import field, frozen
from cattrs import BaseValidationError, transform_error

from batchhub.errors import BodyError
from batchhub.models import ItemResult, ItemState
from batchhub.wire import WireConverter, converter, dumps, kept, named, record


class Size(StrEnum):
    """A closed word."""

    SMALL = "S"


@frozen(kw_only=True)
class Price:
    """A class of a user's own, as plain as they come."""

    sku: str
    price: Decimal
    size: Size | None = None
    tags: list[str] = field(factory=list)


def _strip(text: str) -> str:
    return text.strip()


@frozen
class Checked:
    """A class msgspec can't fill: it has a converter and a time."""

    sku: str = field(converter=_strip)
    at: datetime


@record
@frozen(kw_only=True)
class Leaf:
    """A record in a record."""

    worth: Decimal | None = None
    extra: Mapping[str, Any] = kept()


@record
@frozen(kw_only=True)
class Tree:
    """A record with all a record may have."""

    name: str | None = None
    odd_name: str | None = named("ODD")
    grown_at: datetime | None = None
    seen: tuple[datetime, ...] | None = None
    leaves: tuple[Leaf, ...] | None = None
    extra: Mapping[str, Any] = kept()


@record
@frozen(kw_only=True)
class Loose:
    """A record that does not care for unknown fields."""

    name: str


def fresh() -> WireConverter:
    """Return a converter of the test's own."""
    return converter.copy()


RAW = b'{"sku":"A","price":9.90,"size":"S","tags":["x"]}'
PRICE = Price(sku="A", price=Decimal("9.90"), size=Size.SMALL, tags=["x"])


@pytest.mark.parametrize(
    "form",
    [
        RAW,
        bytearray(RAW),
        memoryview(RAW),
        RAW.decode(),
        msgspec.Raw(RAW),
        {"sku": "A", "price": 9.9, "size": "S", "tags": ["x"]},
        b'"{\\"sku\\":\\"A\\",\\"price\\":9.90,\\"size\\":\\"S\\",\\"tags\\":[\\"x\\"]}"',
    ],
)
def test_any_form_of_json_is_read(form: Any) -> None:
    """Bytes, text, a raw body, escaped text and plain values give the same object."""
    assert converter.structure(form, Price) == PRICE


def test_collections_are_read_from_bytes_too() -> None:
    """A type may be a list or a mapping of classes; a text stays a text."""
    assert converter.structure(b"[" + RAW + b"]", list[Price]) == [PRICE]
    assert converter.structure('{"a":' + RAW.decode() + "}", dict[str, Price]) == {"a": PRICE}
    assert converter.structure("[1]", str) == "[1]"
    assert converter.structure(b'"[1]"', str) == "[1]"


def test_cattrs_own_way_answers_for_the_rest() -> None:
    """Converters and times of a class are honoured, which msgspec would not do."""
    made = converter.structure(b'{"sku":" A ","at":"2024-09-04 07:22:09 +0000"}', Checked)

    assert made == Checked("A", datetime(2024, 9, 4, 7, 22, 9, tzinfo=UTC))


def test_hooks_of_the_user_are_asked() -> None:
    """A hook registered for a type holds wherever the type is, in fast classes too."""
    own = fresh()
    assert own.structure(RAW, Price) == PRICE
    own.register_structure_hook(Decimal, lambda value, _: Decimal(value) * 2)

    assert own.structure(RAW, Price).price == Decimal("19.80")
    tree = own.structure(b'{"leaves":[{"worth":1}],"x":1}', Tree)
    assert tree.leaves == (Leaf(worth=Decimal(2)),)
    assert tree.extra == {"x": 1}
    assert converter.structure(RAW, Price) == PRICE


def test_hooks_by_predicate_are_asked() -> None:
    """A hook for what a function accepts, or a factory, holds in a record as well."""
    own = fresh()
    own.register_structure_hook_func(lambda kind: kind is Leaf, lambda *_: Leaf(worth=Decimal(7)))
    assert own.structure(b'{"leaves":[{}]}', Tree).leaves == (Leaf(worth=Decimal(7)),)

    own.register_structure_hook_factory(lambda kind: kind is Price, lambda _: lambda *_: PRICE)
    assert own.structure(b"{}", Price) is PRICE


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        (b'{"sku":1,"price":"x"}', {"$.sku", "$.price"}),
        (b'{"sku":"A"}', {"$.price"}),
        (b'{"sku":"A","price":1,"tags":["a",2]}', {"$.tags[1]"}),
        (b'{"sku":"A","price":1,"size":"XXL"}', {"$.size"}),
        (b'{"sku":"A","price":true}', {"$.price"}),
    ],
)
def test_every_wrong_field_is_told_with_its_path(raw: bytes, problems: set[str]) -> None:
    """All that is wrong is told at once, as cattrs tells it."""
    with pytest.raises(BaseValidationError) as caught:
        converter.structure(raw, Price)

    assert {line.rpartition(" @ ")[2] for line in transform_error(caught.value)} == problems


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b'{"name":"A', "truncated"),
        (b'{"name":"\xff"}', "utf-8"),
        (b'{"name":NaN}', "invalid"),
        (b'{"x":' * 100_000, "nested too deeply"),
        (b'{"name":"\\ud800"}', ""),
        (b"[]", "Expected `object`, got `array`"),
        (b"", "truncated"),
        (b'{"leaves":[{"worth":"dear"}]}', "$.leaves[0].worth"),
        (b'{"grownAt":"2024-02-30"}', "Expected a time"),
        (b'{"grownAt":"2024-02-03T10:00:00"}', "with its offset"),
        (None, "no body"),
    ],
)
def test_what_is_no_object_of_the_type_is_one_clear_error(raw: bytes | None, what: str) -> None:
    """A broken body names the item and what is wrong, whatever it is that is broken."""
    broken = ItemResult(id="i-9", state=ItemState.SUCCEEDED, raw=raw)

    with pytest.raises(BodyError, match=r"^item 'i-9' ") as caught:
        broken.as_(Tree)
    assert what in str(caught.value)
    assert len(str(caught.value)) < 600


def test_numbers_of_any_length_are_no_trouble() -> None:
    """A million digits are an exact number, known or unknown; as an integer they are refused."""
    digits = b"1" * 1_000_000
    tree = converter.structure(b'{"leaves":[{"worth":' + digits + b'}],"x":' + digits + b"}", Tree)

    assert tree.leaves is not None
    assert tree.leaves[0].worth == tree.extra["x"]
    assert dumps(tree).count(b"1") == 2_000_000
    with pytest.raises(BaseValidationError):
        converter.structure(b'{"n":' + digits + b"}", _Counted)
    with pytest.raises(BaseValidationError):
        converter.structure(b'{"n":1e999999999}', _Counted)


@frozen
class _Counted:
    n: int


def test_a_large_body_is_read() -> None:
    """Megabytes of unknown fields neither slow a record down nor are lost."""
    raw = b'{"name":"A","x":[' + b'{"y":"%s"},' % (b"z" * 1000) * 4_000 + b"1]}"
    tree = converter.structure(raw, Tree)

    assert tree.name == "A"
    assert dumps(tree) == raw


def test_a_wrong_time_passes_nowhere() -> None:
    """A text that only looks like a time is refused when read, or at the latest when asked for."""
    tree = converter.structure(b'{"grownAt":"2023-02-29 00:00:00 +0000"}', Tree)

    with pytest.raises(ValueError, match="Expected a time"):
        _ = tree.grown_at


@pytest.mark.parametrize("word", [b"NaN", b"sNaN", b"Infinity", b"1E+5", b"1_0"])
def test_a_number_sent_as_text_is_written_as_text(word: bytes) -> None:
    """What `Decimal` takes for a number is one, and goes back in the form it had."""
    raw = b'{"leaves":[{"worth":"%s"}]}' % word

    assert dumps(converter.structure(raw, Tree)) == raw


def test_times_in_lists_are_read() -> None:
    """Times inside a list are aware times too."""
    tree = converter.structure(b'{"seen":["2024-09-04 07:22:09 +0000"]}', Tree)

    assert tree.seen == (datetime(2024, 9, 4, 7, 22, 9, tzinfo=UTC),)
    assert dumps(tree) == b'{"seen":["2024-09-04 07:22:09 +0000"]}'


def test_no_key_reaches_what_is_ours() -> None:
    """Keys named as our own slots are unknown fields like any other."""
    raw = b'{"name":"A","extra":1,"extra_number":2,"\x7fextra":3,"\x7fextra_number":null}'
    tree = converter.structure(raw, Tree)

    assert tree.name == "A"
    assert dumps(tree) == raw


def test_unknown_fields_are_dropped_where_nobody_keeps_them() -> None:
    """A record without `extra` reads what it names; a required field is required."""
    assert converter.structure(b'{"name":"A","x":1}', Loose) == Loose(name="A")
    with pytest.raises(BaseValidationError):
        converter.structure(b"{}", Loose)


def test_threads_do_not_mix_their_unknown_fields() -> None:
    """Objects read in several threads at once each find their own unknown fields."""
    wrong: list[str] = []

    def work(mark: int) -> None:
        for turn in range(150):
            raw = b'{"leaves":[{"x":%d},{"y":%d}],"z":%d}' % (mark, turn, mark)
            tree = converter.structure(raw, Tree)
            if dumps(tree) != raw:
                wrong.append(repr(tree))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(mark,)) for mark in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert wrong == []


def test_numbers_are_written_digit_for_digit() -> None:
    """A `Decimal` is a number in JSON; what JSON has no form for is refused."""
    assert dumps({"a": Decimal("1.10"), "b": 10**30}) == b'{"a":1.10,"b":%d}' % 10**30
    for bad in (Decimal("NaN"), float("inf"), b"x"):
        with pytest.raises(TypeError):
            dumps([bad])


def test_a_naive_time_is_not_written() -> None:
    """Times are aware, also in objects of one's own."""
    with pytest.raises(ValueError, match="aware"):
        dumps(Tree(grown_at=datetime(2024, 1, 1)))  # noqa: DTZ001  # the point


def test_a_result_is_written_with_what_its_body_holds() -> None:
    """An escaped body is JSON in the output, as it is in `body`; text stays text."""
    for raw, body in (
        (b'"{\\"a\\":1}"', {"a": 1}),
        (b'"[1"', "[1"),
        (b'"{"', "{"),
        (b'"12"', "12"),
        (b"<html>", "<html>"),
    ):
        found = ItemResult(id="1", state=ItemState.SUCCEEDED, raw=raw)
        assert found.body == body
        assert msgspec.json.decode(dumps(found))["body"] == body


@pytest.mark.parametrize(
    "cls",
    [
        attrs.define(type("Mutable", (), {"__annotations__": {"a": int}})),
        attrs.frozen(type("Own", (), {"__annotations__": {"a": int}, "a": field(converter=int)})),
        attrs.frozen(type("Late", (), {"__annotations__": {"a": int}, "a": field(init=False)})),
    ],
)
def test_a_record_is_refused_where_it_would_not_be_the_same(cls: type[Any]) -> None:
    """What msgspec would pass over is no record; cattrs reads it as it is."""
    with pytest.raises(TypeError, match="record"):
        record(cls)


def test_an_error_can_be_copied() -> None:
    """The error that names the item survives pickling, with its attributes."""
    import pickle  # noqa: PLC0415  # for this test only

    error = BodyError("item 'a'", item_id="a", problems=("x @ $.y",))
    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.item_id, again.problems) == ("item 'a'", "a", ("x @ $.y",))

"""The converter at the edges: classes of any make, from any form of JSON, and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Generic, TypedDict, TypeVar

import msgspec
import pytest
from attrs import evolve, field, frozen
from cattrs import BaseValidationError, transform_error
from pydantic import BaseModel, Field

from batchhub.errors import BodyError, ItemFailedError
from batchhub.models import ItemResult, ItemState
from batchhub.wire import converter, dumps, read_time


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


class Leaf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A struct in a struct."""

    worth: Decimal | None = None


class Tree(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A struct of a vendor's."""

    name: str | None = None
    other_name: str | None = None
    leaves: tuple[Leaf, ...] | None = None
    rest: Any = None


@dataclass
class Data:
    """A dataclass with what may be of two types."""

    total: Decimal
    leaf: Leaf | None = None
    one_or_many: Price | list[Price] | None = None
    word: Decimal | str | None = None


class Typed(TypedDict):
    """A typed dict."""

    sku: str
    price: Decimal


class Model(BaseModel):
    """A model of Pydantic's."""

    sku: str = Field(alias="SKU")
    price: Decimal
    at: datetime | None = None


@frozen
class Holder:
    """An attrs class with each of the others in it."""

    tree: Tree
    model: Model
    anything: Any = None
    data: bytes | None = None


def fresh() -> Any:
    """Return a converter of the test's own."""
    return converter.copy()


RAW = b'{"sku":"A","price":9.90,"size":"S","tags":["x"]}'
CHECKED = Checked("A", datetime(2024, 9, 4, 7, 22, 9, tzinfo=UTC))
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


def test_what_a_class_says_is_honoured() -> None:
    """The converters of its fields run, and times are read in the form vendors write."""
    made = converter.structure(b'{"sku":" A ","at":"2024-09-04 07:22:09 +0000"}', Checked)

    assert made == CHECKED


def test_hooks_of_the_user_are_asked() -> None:
    """A hook registered for a type holds wherever the type is, in fast classes too."""
    own = fresh()
    assert own.structure(RAW, Price) == PRICE
    own.register_structure_hook(Decimal, lambda value, _: Decimal(value) * 2)

    assert own.structure(RAW, Price).price == Decimal("19.80")
    assert converter.structure(RAW, Price) == PRICE
    assert own.structure(b'{"name":"A"}', Tree) == Tree(name="A")
    own.register_structure_hook(Tree, lambda value, _: Tree(other_name=value["name"]))
    assert own.structure(b'{"name":"A"}', Tree) == Tree(other_name="A")


def test_hooks_by_predicate_are_asked() -> None:
    """A hook for what a function accepts, or a factory, holds inside a class as well."""
    own = fresh()
    own.register_structure_hook_func(lambda kind: kind is Checked, lambda *_: CHECKED)
    assert own.structure(b"[{}]", list[Checked]) == [CHECKED]

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
        (None, "no body"),
    ],
)
def test_what_is_no_object_of_the_type_is_one_clear_error(raw: bytes | None, what: str) -> None:
    """A broken body names the item and what is wrong, whatever it is that is broken."""
    broken = ItemResult(id="i-9", state=ItemState.SUCCEEDED, raw=raw)

    with pytest.raises(BodyError, match=r"^item 'i-9' ") as caught:
        broken.as_(Tree)
    assert what.lower() in str(caught.value).lower()
    assert len(str(caught.value)) < 600


def test_numbers_of_any_length_are_no_trouble() -> None:
    """A million digits are an exact number; as an integer they are refused."""
    digits = b"1" * 1_000_000
    tree = converter.structure(b'{"leaves":[{"worth":' + digits + b'}],"x":' + digits + b"}", Tree)

    assert tree.leaves is not None
    assert tree.leaves[0].worth == Decimal(digits.decode())
    assert dumps(tree).count(b"1") == 1_000_000
    with pytest.raises(BaseValidationError):
        converter.structure(b'{"n":' + digits + b"}", _Counted)
    with pytest.raises(BaseValidationError):
        converter.structure(b'{"n":1e999999999}', _Counted)


@frozen
class _Counted:
    n: int


def test_structs_hold_what_they_name() -> None:
    """Unknown fields are dropped, a doubled key counts last, numbers of no type are exact."""
    raw = b'{"name":"A","x":[1],"otherName":"B","rest":{"n":1.10},"name":"C"}'
    tree = converter.structure(raw, Tree)

    assert tree == Tree(name="C", other_name="B", rest={"n": Decimal("1.10")})
    assert dumps(tree) == b'{"name":"C","otherName":"B","rest":{"n":1.10}}'


def test_dataclasses_and_typed_dicts_are_read() -> None:
    """They are read as strictly as attrs classes, structs in them too."""
    data = converter.structure(b'{"total":1.10,"leaf":{"worth":2.50}}', Data)

    assert data == Data(total=Decimal("1.10"), leaf=Leaf(worth=Decimal("2.50")))
    assert dumps(data).startswith(b'{"total":1.10,"leaf":{"worth":2.50}')
    assert converter.structure(b'{"sku":"A","price":9.90}', Typed) == {
        "sku": "A",
        "price": Decimal("9.90"),
    }
    for kind in (Data, Typed):
        with pytest.raises(BaseValidationError):
            converter.structure(b'{"total":true,"sku":1,"price":1}', kind)


def test_pydantic_models_are_read_by_themselves() -> None:
    """A model keeps its own rules, alone and inside an attrs class; money stays exact."""
    body = b'{"SKU":"A","price":9.90,"at":"2024-09-04T07:22:09+00:00"}'
    model = converter.structure(body, Model)

    assert (model.sku, model.price) == ("A", Decimal("9.90"))
    assert dumps(model) == b'{"SKU":"A","price":9.90,"at":"2024-09-04T07:22:09.000Z"}'
    holder = converter.structure(b'{"tree":{"name":"T"},"model":' + body + b"}", Holder)
    assert (holder.tree, holder.model) == (Tree(name="T"), model)
    assert dumps(holder).startswith(b'{"tree":{"name":"T"},"model":{"SKU":"A","price":9.90')


@pytest.mark.parametrize(
    ("kind", "problems"),
    [
        (Model, ["$.SKU", "$.price"]),
        (Holder, ["$.tree.leaves[0].worth", "$.model.SKU", "$.model.price"]),
        (list[Tree], ["$"]),
        (Data, ["$.total"]),
        (Data | None, ["$.total"]),
        (dict[str, int], ["$.tree", "$.model", "$.price"]),
    ],
)
def test_problems_have_paths_whatever_read_the_type(kind: Any, problems: list[str]) -> None:
    """What cattrs, msgspec and Pydantic say of one body is told in one form."""
    raw = b'{"tree":{"leaves":[{"worth":"dear"}]},"model":{"price":"x"},"price":"x"}'

    with pytest.raises(BodyError) as caught:
        ItemResult(id="1", state=ItemState.SUCCEEDED, raw=raw).as_(kind)
    assert [problem.rpartition(" @ ")[2] for problem in caught.value.problems] == problems


T = TypeVar("T")


@frozen
class AnyPrice(Generic[T]):
    """An attrs class for any kind of number."""

    price: T


@dataclass
class AnyData(Generic[T]):
    """A dataclass for any kind of number."""

    price: T


class AnyTyped(TypedDict, Generic[T]):
    """A typed dict for any kind of number."""

    price: T


class AnyTree(msgspec.Struct, Generic[T]):
    """A struct for any kind of number."""

    price: T


class AnyModel(BaseModel, Generic[T]):
    """A model for any kind of number."""

    price: T


@pytest.mark.parametrize(
    "kind",
    [
        *(Price, Tree, Data, Typed, Model, dict, dict[str, Any], Price | None),
        *(AnyPrice[Decimal], AnyData[Decimal], AnyTyped[Decimal], AnyTree[Decimal]),
        *(AnyModel[Decimal], Annotated[Tree, "noted"]),
    ],
    ids=str,
)
def test_an_escaped_body_is_read_as_any_type(kind: Any) -> None:
    """A body that came as a text in a text gives the same as one that did not."""
    plain = b'{"sku":"A","SKU":"A","price":9.90,"total":1}'
    escaped = msgspec.json.encode(plain.decode())
    one, other = (
        ItemResult(id="1", state=ItemState.SUCCEEDED, raw=raw).as_(kind) for raw in (plain, escaped)
    )

    assert one == other


@pytest.mark.parametrize(
    "kind", [AnyPrice, AnyData, AnyTyped, AnyTree, AnyModel], ids=lambda kind: kind.__name__
)
def test_a_generic_type_reads_as_it_is_filled(kind: Any) -> None:
    """``Price[Decimal]`` keeps every digit, ``Price[str]`` refuses the number."""
    result = ItemResult(id="1", state=ItemState.SUCCEEDED, raw=b'{"price":9.90}')
    made = result.as_(kind[Decimal])

    price = made["price"] if isinstance(made, dict) else made.price
    assert (price, str(price)) == (Decimal("9.90"), "9.90")
    with pytest.raises(BodyError, match="price"):
        result.as_(kind[list[int]])


def test_a_typed_dict_has_only_what_it_names() -> None:
    """As with any other type, what else the vendor says is left out."""
    result = ItemResult(id="1", state=ItemState.SUCCEEDED, raw=b'{"sku":"A","price":1,"x":2}')

    assert result.as_(Typed) == {"sku": "A", "price": Decimal(1)}


@pytest.mark.parametrize("kind", [Price, Tree, Data, Typed, Model, dict], ids=str)
@pytest.mark.parametrize(
    ("state", "code", "reason", "words"),
    [
        (ItemState.FAILED, 404, "no such order", "item 'b' failed with code 404: no such order"),
        (ItemState.FAILED, None, None, "item 'b' failed"),
        (ItemState.NOT_EXECUTED, None, "stopped", "item 'b' was not executed: stopped"),
        (ItemState.UNKNOWN, None, "no answer", "nobody knows how item 'b' went: no answer"),
    ],
    ids=["refused", "failed", "not_executed", "unknown"],
)
def test_an_item_that_did_not_succeed_is_no_object(
    kind: Any, state: ItemState, code: int | None, reason: str | None, words: str
) -> None:
    """An error looks like an empty order to a type of optional fields: it says what it is."""
    result = ItemResult(id="b", state=state, code=code, message=reason, raw=b'{"errorMessage":"x"}')

    with pytest.raises(ItemFailedError) as caught:
        result.as_(kind)
    error = caught.value
    assert str(error) == words
    assert (error.item_id, error.state, error.code, error.reason) == ("b", state, code, reason)
    assert not isinstance(error, BodyError)


@pytest.mark.parametrize(
    ("wire", "name", "value"),
    [
        (b'"oneOrMany":{}', "one_or_many", None),
        (b'"one_or_many":' + RAW, "one_or_many", PRICE),
        (b'"one_or_many":[' + RAW + b"]", "one_or_many", [PRICE]),
        (b'"one_or_many":null', "one_or_many", None),
        (b'"word":"12.50"', "word", "12.50"),
        (b'"word":12.50', "word", Decimal("12.50")),
    ],
)
def test_a_field_of_two_types_takes_both(wire: bytes, name: str, value: object) -> None:
    """The JSON form decides which member of a union a value is."""
    made = getattr(converter.structure(b'{"total":1,' + wire + b"}", Data), name)

    assert made == value
    assert type(made) is type(value)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        *((int, b'"5"'), (str, b"5"), (bool, b"1"), (float, b"true"), (Decimal, b"false")),
        *((list[str], b'"abc"'), (set[str], b'"abc"'), (tuple[str, ...], b'{"a":1}')),
    ],
)
def test_nothing_is_coerced(kind: Any, raw: bytes) -> None:
    """A text is no number, a number no text, and neither is a list."""
    with pytest.raises((TypeError, BaseValidationError), match=r"Expected|While"):
        converter.structure(raw, kind)


def test_numbers_are_written_digit_for_digit() -> None:
    """A `Decimal` is a number in JSON; what JSON has no form for is refused."""
    assert dumps({"a": Decimal("1.10"), "b": 10**30}) == b'{"a":1.10,"b":%d}' % 10**30
    for bad in (Decimal("NaN"), float("inf"), b"x"):
        with pytest.raises(TypeError):
            dumps([bad])


@pytest.mark.parametrize(
    "bad", [b"x", bytearray(b"x"), float("nan"), Decimal("NaN"), Decimal("-Infinity")]
)
def test_what_json_has_no_form_for_is_refused_anywhere(bad: Any) -> None:
    """Nothing is changed silently, in a dict, a struct, an attrs class or a dataclass."""
    held = Holder(tree=Tree(), model=Model(SKU="A", price=Decimal(1)), anything=[{"a": bad}])
    for value in ({"a": bad}, Tree(rest=bad), Tree(rest=[bad]), held, [evolve(held, data=bad)]):
        with pytest.raises(TypeError, match="has no form in JSON"):
            dumps(value)


def test_times_are_written_in_utc_and_a_naive_one_is_not() -> None:
    """Times are aware, also in objects of one's own."""
    at = datetime(2024, 9, 4, 9, 22, 9, tzinfo=timezone(timedelta(hours=2)))

    for value in (Checked("A", at), Tree(rest={"at": at}), {"at": at}):
        assert b'"at":"2024-09-04T07:22:09.000Z"' in dumps(value)
    with pytest.raises(ValueError, match="aware"):
        dumps(Checked("A", datetime(2024, 1, 1)))  # noqa: DTZ001  # the point


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-09-04 07:22:09 +0000", CHECKED.at),
        ("2024-09-04T09:22:09+02:00", CHECKED.at),
        ("2024-09-04T07:22:09Z", CHECKED.at),
        ("", None),
        (None, None),
    ],
)
def test_a_time_is_read_with_its_offset(text: str | None, time: datetime | None) -> None:
    """Every form that names its offset is read."""
    assert read_time(text) == time


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Dec 12, 2017 8:00:00 PM", "Expected a time, got 'Dec 12, 2017 8:00:00 PM'"),
        ("2023-02-29 00:00:00 +0000", "Expected a time"),
        ("2024-02-03T10:00:00", "with its offset"),
        ("2024-02-03", "with its offset"),
    ],
)
def test_an_offset_is_never_guessed(text: str, what: str) -> None:
    """What is no time, or has no offset, is said to be so."""
    with pytest.raises(ValueError, match=what):
        read_time(text)


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


def test_an_error_can_be_copied() -> None:
    """The error that names the item survives pickling, with its attributes."""
    import pickle  # noqa: PLC0415  # for this test only

    error = BodyError("item 'a'", item_id="a", problems=("x @ $.y",))
    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.item_id, again.problems) == ("item 'a'", "a", ("x @ $.y",))

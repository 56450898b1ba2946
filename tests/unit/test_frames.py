"""Items of DataFrames: pandas, polars and Arrow, read as a sheet is; numpy's numbers in items."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Final

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from support.sync_hubs import LoopClock, make_hub
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor

from batchhub import BatchHub, BatchItem, sync
from batchhub.adapter import Adapter, Kind, encode_json, plain_json
from batchhub.errors import InputError, KeyConflictError, NotKnownError, UsageError
from batchhub.tables import read_items, write_results

Columns = Mapping[str, list[Any]]
MAKERS: Final[Mapping[str, Callable[[Columns], Any]]] = {
    "pandas": lambda columns: pd.DataFrame(dict(columns), index=range(100, 100 + _rows(columns))),
    "nullable": lambda columns: pd.DataFrame(dict(columns)).convert_dtypes(),
    "pandas-arrow": lambda columns: pd.DataFrame(dict(columns)).convert_dtypes(
        dtype_backend="pyarrow"
    ),
    "polars": lambda columns: pl.DataFrame(dict(columns), strict=False),
    "arrow": lambda columns: pa.table(dict(columns)),
    "batch": lambda columns: pa.table(dict(columns)).combine_chunks().to_batches()[0],
    "stream": lambda columns: pa.table(dict(columns)).to_reader(),
}


def _rows(columns: Columns) -> int:
    return max(map(len, columns.values()))


@pytest.fixture(params=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[[Columns], Any]:
    """Give what makes a frame of columns, by each package."""
    return MAKERS[request.param]


PRICES: Final[Columns] = {
    "sku": ["007", "B 2", "c", None],
    "price": [9.9, 4.0, None, 0.1],
    "stock": [3, 4, 5, 6],
    "visible": [True, False, True, None],
}


def mapped(frame: Any, **how: Any) -> list[dict[str, Any]]:
    """Return the items of the rows of a frame."""
    named = {"id": "{sku}", "set": {"price": "{price}", "stock": "{stock}", "shown": "{visible}"}}
    return list(read_items(frame, **{**named, **how}))


def test_rows_of_a_frame_are_those_of_a_sheet(make: Callable[[Columns], Any]) -> None:
    """Texts, numbers and flags are what they are, digit by digit, and nothing is an empty cell."""
    refused: list[InputError] = []
    items = mapped(make(PRICES), on_refused=refused.append)

    assert items == [
        {"id": "007", "price": Decimal("9.9"), "stock": 3, "shown": True},
        {"id": "B 2", "price": 4, "stock": 4, "shown": False},
        {"id": "c", "stock": 5, "shown": True},
    ]
    assert [str(error) for error in refused] == [
        "row 4: 'sku' is empty; empty='id=omit' numbers such rows"
    ]
    assert b"9.9" in encode_json(items[0])


def test_the_rules_of_empty_cells_hold(make: Callable[[Columns], Any]) -> None:
    """``empty`` says what becomes of NaN, NA and null, as of an empty cell."""
    frame = make({"sku": ["a", "b"], "price": [None, 1.5]})
    how: dict[str, Any] = {"id": "{sku}", "set": {"price": "{price}"}}

    assert list(
        read_items(make({"sku": ["a", "b"], "price": [None, 1.5]}), **how, empty="null")
    ) == [
        {"id": "a", "price": None},
        {"id": "b", "price": Decimal("1.5")},
    ]
    with pytest.raises(InputError, match=r"^row 1: 'price' is empty"):
        list(read_items(frame, **how, empty="price=refuse"))


def test_single_precision_is_sent_in_its_fewest_digits() -> None:
    """A float32 of 9.9 is 9.9, whoever holds it."""
    values = np.array([9.9, 0.1, 1e-30, 3.0], dtype="f4")
    frames = [
        pd.DataFrame({"p": values}),
        pd.DataFrame({"p": values}).astype("Float32"),
        pd.DataFrame({"p": pd.array(values.tolist(), dtype="float[pyarrow]")}),
        pl.DataFrame({"p": pl.Series(values)}),
        pa.table({"p": pa.array(values)}),
    ]
    for frame in frames:
        found = [item["p"] for item in read_items(frame)]
        assert [float(value) for value in found] == [9.9, 0.1, 1e-30, 3]
        assert found[0] == Decimal("9.9"), type(frame)


def test_numbers_keep_every_digit() -> None:
    """Large integers, decimals, and whole floats, which come of integers beside NaN."""
    frame = pd.DataFrame(
        {"n": [2**53 + 1, 2**63 - 1], "d": [Decimal("1.10"), Decimal("NaN")], "i": [7, None]}
    )
    categories = frame.assign(c=pd.Categorical(["x", "y"]), u=np.array([2**64 - 1, 0], dtype="u8"))

    assert list(read_items(categories)) == [
        {"n": 2**53 + 1, "d": Decimal("1.10"), "i": 7, "c": "x", "u": 2**64 - 1},
        {"n": 2**63 - 1, "c": "y", "u": 0},
    ]


def test_many_rows_come_in_their_order(make: Callable[[Columns], Any]) -> None:
    """A frame is read a block at a time, and no row is lost between two."""
    numbers = list(range(1300))

    assert [item["n"] for item in read_items(make({"n": numbers}))] == numbers


ODD: Final[Mapping[str, tuple[Any, str]]] = {
    "day": (date(2026, 1, 2), "holds the date 2026-01-02; give the text"),
    "object": ({"a": 1}, "holds an object, and no single value"),
    "list": ([1, 2], "holds a list, and no single value"),
    "bytes": (b"a", "holds binary data"),
    "infinite": (float("inf"), "holds Infinity"),
    "stamp": (pd.Timestamp("2026-01-02"), "holds the time 2026-01-02 00:00:00"),
    "span": (pd.Timedelta("3s"), "holds the duration 0 days 00:00:03"),
    "complex": (1 + 2j, "is of type complex, which JSON does not have; make it text or a"),
}


@pytest.mark.parametrize(("value", "words"), list(ODD.values()), ids=list(ODD))
def test_what_no_cell_can_be_is_refused_with_its_row(value: Any, words: str) -> None:
    """A time, an object or a list is no value of a field: its row is, and only if it is used."""
    frame = pd.DataFrame({"sku": ["a", "b"], "odd": pd.Series([1, value], dtype=object)})
    refused: list[InputError] = []

    kept = list(read_items(frame, on_refused=refused.append))
    assert [item["sku"] for item in kept] == ["a"]
    assert [error.line for error in refused] == [2]
    assert str(refused[0]).startswith(f"row 2: column 'odd': it {words}")
    unused = read_items(frame, id="{sku}", set={"name": "{sku}"})
    assert [item["name"] for item in unused] == ["a", "b"]


WRONG: Final[Mapping[str, tuple[Callable[[], Any], dict[str, Any], str]]] = {
    "twice": (lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, "columns 1 and 2 are both"),
    "levels": (lambda: pd.DataFrame({("a", "b"): [1]}), {}, "a name of several levels"),
    "series": (lambda: pd.Series([1], name="a"), {}, "a Series is one column"),
    "polars-series": (lambda: pl.Series("a", [1]), {}, "a Series is one column"),
    "lazy": (lambda: pl.LazyFrame({"a": [1]}), {}, "hand over what its collect"),
    "array": (lambda: pa.array([1]), {}, "or a frame, not Int64Array$"),
    "mappings": (lambda: [{"a": 1}], {}, "not list; hand over items to submit as they are$"),
    "bytes": (lambda: b"a", {}, "not bytes; io.BytesIO makes a stream of them$"),
    "index": (
        lambda: pd.DataFrame({"a": [1], "b": [2]}).set_index("b"),
        {"set": ["x={b}"]},
        r"there is no column 'b', only an index; reset_index\(\) makes a column of it$",
    ),
    "two-indexes": (
        lambda: pd.DataFrame({"a": [1], "b": [2], "c": [3]}).set_index(["b", "c"]),
        {"id": "{c}", "set": ["x={a}"]},
        "there is no column 'c', only an index",
    ),
    "chunks": (lambda: pa.chunked_array([[1]]), {}, "a ChunkedArray is one column"),
    "delimiter": (lambda: pd.DataFrame({"a": [1]}), {"delimiter": ";"}, "delimiter is for CSV"),
    "format": (lambda: pd.DataFrame({"a": [1]}), {"format": "csv"}, "format is for files"),
    "sheet": (lambda: pd.DataFrame({"a": [1]}), {"sheet": "x"}, "sheet is for workbooks"),
    "rejects": (lambda: pd.DataFrame({"a": [1]}), {"rejects": "r.csv"}, "take them by on_refused"),
    "column": (lambda: pd.DataFrame({"a": [1]}), {"set": ["x={b}"]}, "there is no column 'b'"),
}


@pytest.mark.parametrize(("made", "how", "words"), list(WRONG.values()), ids=list(WRONG))
def test_what_is_no_frame_or_asked_wrongly_is_refused(
    made: Callable[[], Any], how: dict[str, Any], words: str
) -> None:
    """One sentence says what is wrong."""
    with pytest.raises(UsageError, match=words):
        list(read_items(made(), **how))


def test_other_tables_are_read_by_arrow() -> None:
    """What gives Arrow's stream is a frame, such as a relation of DuckDB's."""
    relation = duckdb.sql(
        "select 'a' as sku, 9.90::decimal(9,2) as price union all select 'b', null"
    )

    assert list(read_items(relation)) == [{"sku": "a", "price": Decimal("9.90")}, {"sku": "b"}]


class ShelfAdapter(ScriptedAdapter):
    """The scripted vendor's, with fields of known kinds, named by a field."""

    key_field = "sku"
    kinds: ClassVar[Mapping[str, Kind]] = {"sku": Kind.TEXT, "price": Kind.NUMBER}

    def encode(self, operation: str, item: BatchItem, options: Mapping[str, Any]) -> bytes:
        """Write the fields as their kinds are, as adapters do by default."""
        return Adapter.encode(self, operation, item, options)

    def target(self, operation: str, item: BatchItem) -> str | None:
        """Return what names the item."""
        return Adapter.target(self, operation, item)


def test_an_adapter_says_what_a_column_is() -> None:
    """A text field gets the digits of a number, as of a cell of a sheet."""
    frame = pd.DataFrame({"sku": [7, 8], "price": ["9.90", "1"]})
    items = list(read_items(frame, adapter=ShelfAdapter))

    assert [item["sku"] for item in items] == ["7", "8"]
    assert [item["price"] for item in items] == [Decimal("9.90"), 1]


# Submitted.


@pytest.fixture
def vendor() -> Vendor:
    """Give a vendor who takes anything."""
    return Vendor()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Give the place of a store."""
    return tmp_path / "jobs.db"


def open_hub(store: Path, vendor: Vendor) -> sync.BatchHub:
    """Make a hub with the account ``shop``, of the adapter with known fields."""
    account = ScriptedAccount(vendor=vendor)
    return sync.BatchHub(
        store, {"shop": account}, clock=LoopClock(), seed=1, adapters=[ShelfAdapter]
    )


def sent(vendor: Vendor) -> list[Any]:
    """Return the items that the vendor was sent, as bytes would have them."""
    return [json.loads(item.wire) for batch in vendor.submissions for item in batch.items]


def test_a_frame_is_submitted_as_it_is(
    store: Path, vendor: Vendor, make: Callable[[Columns], Any]
) -> None:
    """Its rows are the items, in the fields' kinds; with the same key it is no new job."""
    columns: Columns = {"sku": [7, 8, 9], "price": [9.9, None, 3.0]}
    with open_hub(store, vendor) as hub:
        job = hub.submit("shop", make(columns), key="monday")
        again = hub.submit("shop", make(columns), key="monday")
        status = job.wait(timeout_s=60)
        with pytest.raises(KeyConflictError):
            hub.submit("shop", make({**columns, "price": [1.0, 2.0, 3.0]}), key="monday")
        results = [result.id for result in job.results()]

    assert (again.id, status.counts.succeeded, results) == (job.id, 3, ["7", "8", "9"])
    assert sent(vendor) == [{"sku": "7", "price": 9.9}, {"sku": "8"}, {"sku": "9", "price": 3}]


async def test_a_frame_is_submitted_and_planned_from_asyncio(
    store: Path, vendor: Vendor, make: Callable[[Columns], Any]
) -> None:
    """The async hub takes a frame alike, and says before anything is stored what it would do."""
    account = ScriptedAccount(vendor=vendor)
    hub = BatchHub(store, {"shop": account}, clock=LoopClock(), adapters=[ShelfAdapter])
    async with hub:
        plan = await hub.plan("shop", make({"sku": [7], "price": [9.9]}))
        job = await hub.submit("shop", make({"sku": [7], "price": [9.9]}))
        await job.wait(timeout_s=60)
    assert (plan.items, sent(vendor)) == (1, [{"sku": "7", "price": 9.9}])


def test_rows_that_cant_be_sent_are_named(store: Path, vendor: Vendor) -> None:
    """One is raised with its row; with `on_refused` all are told, and the others are sent."""
    frame = pd.DataFrame({"sku": ["a", None, "c"], "price": ["1", "2", "free"]})
    told: list[str] = []
    with open_hub(store, vendor) as hub:
        with pytest.raises(InputError, match=r"^row 2: 'sku' is empty"):
            hub.submit("shop", frame)
        with pytest.raises(NotKnownError, match="no operation"):
            hub.submit("shop", frame, operation="none")
        with pytest.raises(NotKnownError, match="no account"):
            hub.submit("none", frame)
        with pytest.raises(UsageError, match="a Series is one column"):
            hub.submit("shop", frame["sku"])
        assert hub.jobs() == []
        hub.submit("shop", frame, on_refused=lambda error: told.append(str(error))).wait()
    assert told[0] == "row 2: 'sku' is empty"
    assert told[1].startswith("row 3: column 'price'")
    assert sent(vendor) == [{"sku": "a", "price": 1}]


# Numbers of numpy in items.

SCALARS: Final[Mapping[str, tuple[Any, Any]]] = {
    "int64": (np.int64(7), 7),
    "uint8": (np.uint8(7), 7),
    "float64": (np.float64(9.9), 9.9),
    "float32": (np.float32(9.9), 9.9),
    "float16": (np.float16(9.9), 9.9),
    "longdouble": (np.longdouble("9.9"), 9.9),
    "bool": (np.bool_(True), True),
    "str": (np.str_("a"), "a"),
    "array": (np.array([1, 2], dtype="f4"), [1, 2]),
    "zero-dimensional": (np.array(5), 5),
    "arrow": (pa.scalar(9.9, pa.float32()), 9.9),
}


@pytest.mark.parametrize(("value", "plain"), list(SCALARS.values()), ids=list(SCALARS))
def test_a_scalar_is_sent_as_what_it_is(
    store: Path, vendor: Vendor, value: Any, plain: Any
) -> None:
    """Anywhere in an item, of a mapping or of a `BatchItem`, by whatever adapter."""
    nested = {"a": [{"b": value}], "c": (value,)}
    with make_hub(store, vendor) as hub:
        items: list[Any] = [{"id": "1", **nested}, BatchItem(id="2", payload=nested)]
        hub.submit("shop", items).wait(timeout_s=60)

    assert sent(vendor) == [{"a": [{"b": plain}], "c": [plain]}] * 2
    assert json.loads(encode_json(plain_json(nested))) == sent(vendor)[0]


def test_a_number_of_numpy_names_an_item(store: Path, vendor: Vendor) -> None:
    """The key field of a row of a frame is its id and its target, as any other number is."""
    frame = pd.DataFrame({"sku": [7, 8], "price": [9.9, 1.5]})
    with open_hub(store, vendor) as hub:
        rows = [{"sku": str(row.sku), "price": row.price} for row in frame.itertuples()]
        rows += [{"sku": np.str_("9"), "price": np.float32(0.1)}]
        job = hub.submit("shop", rows)
        job.wait(timeout_s=60)
        results = [result.id for result in job.results()]

    assert results == ["7", "8", "9"]
    assert all(type(result) is str for result in results)
    assert sent(vendor)[-1] == {"sku": "9", "price": 0.1}


MISSING: Final[Mapping[str, tuple[Any, str]]] = {
    "NaN": (
        float("nan"),
        "body.price is nan, which has no form in JSON; leave it out, or give None",
    ),
    "numpy-NaN": (
        np.float32("nan"),
        "body.price is nan, which has no form in JSON; leave it out, or give None",
    ),
    "decimal-NaN": (
        Decimal("NaN"),
        "body.price is NaN, which has no form in JSON; leave it out, or give None",
    ),
    "infinity": (float("inf"), "body.price is inf, which has no form in JSON"),
    "NA": (pd.NA, "body.price is NA, a missing value; leave it out, or give None"),
    "NaT": (pd.NaT, "body.price is NaT, a missing value; leave it out, or give None"),
    "datetime64": (
        np.datetime64("2026-01-02"),
        "body.price is the time 2026-01-02; give the text that the vendor takes",
    ),
    "timestamp": (
        pd.Timestamp("2026-01-02"),
        "body.price is the time 2026-01-02 00:00:00; give the text that the vendor takes",
    ),
}


@pytest.mark.parametrize(("value", "words"), list(MISSING.values()), ids=list(MISSING))
def test_a_missing_value_is_named_by_its_key(value: Any, words: str) -> None:
    """It is no number and no null by itself: the user says what is meant."""
    with pytest.raises(InputError) as caught:
        plain_json({"price": value}, "body")
    assert str(caught.value) == words


UNUSED: Final[Mapping[str, tuple[Any, str]]] = {
    "day": (date(2026, 1, 2), "2026-01-02"),
    "moment": (pd.Timestamp("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05+00:00"),
    "span": (pd.Timedelta("3s"), "0 days 00:00:03"),
    "month": (pd.Period("2026-01"), "2026-01"),
    "tags": (["a", date(2026, 1, 2)], '["a", "2026-01-02"]'),
    "object": ({"ü": 1}, '{"ü": 1}'),
    "bytes": (b"a\xff", "a\\xff"),
    "array": (np.array([1, 2]), "[1, 2]"),
    "infinite": (float("inf"), "Infinity"),
}
"""What no item can be made of, and what the row has in its place when it comes back."""


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "xlsx"])
def test_a_row_comes_back_with_what_could_not_be_sent(
    store: Path, tmp_path: Path, ending: str
) -> None:
    """Times, lists and the like are in a column that no item needs: none of them is lost."""
    columns = {name: pd.Series([value], dtype=object) for name, (value, _) in UNUSED.items()}
    frame = pd.DataFrame({"sku": ["a"], **columns})
    out = tmp_path / f"rows.{ending}"
    with make_hub(store, Vendor()) as hub:
        job = hub.submit("shop", read_items(frame, id="{sku}", set={"name": "{sku}"}))
        job.wait(timeout_s=60)
        asyncio.run(write_results(job.rows(), out))
    if ending == "jsonl":
        found = json.loads(out.read_text())
    else:
        readers: dict[str, Callable[[Path], Any]] = {
            "csv": lambda file: pd.read_csv(file, dtype=str),
            "parquet": pd.read_parquet,
            "xlsx": lambda file: pd.read_excel(file, dtype=str, engine="openpyxl"),
        }
        found = readers[ending](out).iloc[0].to_dict()
    assert {name: found[name] for name in UNUSED} == {
        name: text for name, (_, text) in UNUSED.items()
    }
    assert found["batchhub_state"] == "succeeded"


PROGRAM: Final = """
import sys
from batchhub import BatchItem
from batchhub.sync import BatchHub
from batchhub_ecwid import EcwidAccount, put
from batchhub.tables import read_items
with BatchHub(sys.argv[1], {"shop": EcwidAccount(store_id=1, token="secret_x")}) as hub:
    print(hub.plan("shop", [put("/products/1", {"price": 1.5})]).items)
print(sorted({"numpy", "pandas", "polars", "pyarrow"} & sys.modules.keys()))
"""


def test_nothing_of_frames_is_imported_for_those_who_have_none(store: Path) -> None:
    """Neither numpy nor what has frames is loaded by a program that uses none."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(store)], capture_output=True, text=True, check=True
    )

    assert done.stdout.split("\n")[:2] == ["1", "[]"]

"""Results as tables of Arrow and DataFrames of pandas and polars."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pyarrow as pa
import pytest
from attrs import evolve
from support.sync_hubs import LoopClock, make_hub
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor

from batchhub import BatchHub, BatchJob, ItemState, sync
from batchhub.adapter import ItemReport, Report, WireItem
from batchhub.errors import NotKnownError, UsageError

OWN = ["id", "state", "code", "message", "vendor_ref", "body"]


class Price(msgspec.Struct):
    """What the vendor answers for an item that succeeded."""

    sku: str | None = None
    price: Decimal | None = None
    stock: int | None = None
    shown: bool | None = None


class PriceAdapter(ScriptedAdapter):
    """The scripted vendor's, with a type of bodies."""

    types: ClassVar = {"price": f"{__name__}:Price"}


def report(items: Any) -> Report:
    """Report three prices, the second of which failed and the third of which has no figures."""
    bodies = [{"sku": "007", "price": 9.9, "stock": 3, "shown": True}, None, {"sku": "c"}]

    def entry(item: WireItem, body: Any) -> ItemReport:
        if body is None:
            return ItemReport(id=item.id, state=ItemState.FAILED, code=404, message="no such sku")
        raw = json.dumps(body).encode()
        return ItemReport(id=item.id, state=ItemState.SUCCEEDED, code=None, raw=raw)

    # A retry has only the one that failed, and it succeeds then.
    return Report(items=[entry(item, body) for item, body in zip(items, bodies, strict=False)])


@pytest.fixture
def job(tmp_path: Path) -> Any:
    """Give a job that has ended, of the sync hub."""
    account = ScriptedAccount(vendor=Vendor(default_report=report))
    hub = sync.BatchHub(
        tmp_path / "jobs.db",
        {"shop": account},
        clock=LoopClock(),
        seed=1,
        adapters=[PriceAdapter],
    )
    with hub:
        found = hub.submit("shop", [{"id": name} for name in "abc"])
        found.wait(timeout_s=60)
        yield found


def test_arrow_has_a_row_for_each_result(job: sync.BatchJob) -> None:
    """By default the six keys are the columns, with the body as JSON text."""
    table = job.to_arrow()

    assert table.column_names == OWN
    assert table.schema.field("code").type == pa.int64()
    assert table["id"].to_pylist() == ["a", "b", "c"]
    assert table["state"].to_pylist() == ["succeeded", "failed", "succeeded"]
    assert table["code"].to_pylist() == [None, 404, None]
    assert table["message"].to_pylist() == [None, "no such sku", None]
    assert json.loads(table["body"].to_pylist()[0])["price"] == 9.9


@pytest.mark.parametrize("as_type", [Price, "price"], ids=["class", "name"])
def test_columns_are_typed_by_a_type(job: sync.BatchJob, as_type: Any) -> None:
    """Money is exact, whole numbers stay whole beside missing ones, in each package."""
    table = job.to_arrow(as_type=as_type)
    pandas, polars = job.to_pandas(as_type=as_type), job.to_polars(as_type=as_type)

    assert table.column_names == [*OWN, "sku", "price", "stock", "shown"]
    assert table["price"].to_pylist() == [Decimal("9.9"), None, None]
    assert list(pandas.columns) == polars.columns == table.column_names
    assert pandas["price"][0] == polars["price"][0] == Decimal("9.9")
    assert [str(pandas[name].dtype) for name in ("code", "stock", "shown")] == [
        "Int64",
        "Int64",
        "boolean",
    ]
    assert polars["stock"].to_list() == [3, None, None]
    assert polars["shown"].to_list() == [True, None, None]
    assert pandas["sku"].tolist()[::2] == ["007", "c"]


def test_fields_and_filters_choose(job: sync.BatchJob) -> None:
    """As for results and files: states, codes, and paths in the body."""
    assert job.to_arrow("failed")["id"].to_pylist() == ["b"]
    assert job.to_pandas(code=404)["id"].tolist() == ["b"]
    assert job.to_polars(fields=["id", "sku"]).to_dicts() == [
        {"id": "a", "sku": "007"},
        {"id": "b", "sku": None},
        {"id": "c", "sku": "c"},
    ]
    empty = job.to_pandas("unknown")
    assert (list(empty.columns), len(empty)) == (OWN, 0)


def test_the_last_words_of_retries_can_be_had(job: sync.BatchJob) -> None:
    """With `with_retries` an item that was retried has the result of its retry."""
    job.retry().wait(timeout_s=60)

    assert job.to_pandas()["state"].tolist() == ["succeeded", "failed", "succeeded"]
    found = job.to_pandas(with_retries=True)
    assert found["id"].tolist() == ["a", "b", "c"]
    assert set(found["state"]) == {"succeeded"}


def test_what_no_result_has_is_a_warning(job: sync.BatchJob) -> None:
    """A field that is misspelled does not go by in silence."""
    with pytest.warns(UserWarning, match="no result has 'skuu'"):
        job.to_arrow(fields=["id", "skuu"])


def test_what_there_is_not_is_refused(job: sync.BatchJob) -> None:
    """A state, a field of a type, or a type that does not exist."""
    with pytest.raises(UsageError, match="only"):
        job.to_arrow("done")
    with pytest.raises(UsageError, match="has no field 'skuu'"):
        job.to_arrow(fields=["skuu"], as_type=Price)
    with pytest.raises(NotKnownError, match="no type named 'order'"):
        job.to_pandas(as_type="order")
    with pytest.raises(UsageError, match="as_type is a msgspec"):
        job.to_polars(as_type=int)


async def test_async_jobs_have_them_too(tmp_path: Path) -> None:
    """They are awaited there; a name of a type needs an account of its adapter."""
    store = tmp_path / "jobs.db"
    account = ScriptedAccount(vendor=Vendor(default_report=report))
    async with BatchHub(store, {"shop": account}, clock=LoopClock()) as hub:
        job = await hub.submit("shop", [{"id": name} for name in "abc"])
        await job.wait(timeout_s=60)
        assert (await job.to_arrow()).num_rows == 3
        assert len(await job.to_pandas()) == 3
        assert (await job.to_polars()).height == 3
    async with BatchHub(store) as reader:
        found = await reader.job(job.id)
        assert (await found.to_arrow()).num_rows == 3
        with pytest.raises(UsageError, match="'shop', which is not one of this hub's"):
            await found.to_arrow(as_type="price")


@pytest.mark.parametrize(
    ("missing", "method", "extra"),
    [
        ("pyarrow", "to_arrow", "parquet"),
        ("pyarrow", "to_pandas", "pandas"),
        ("pandas", "to_pandas", "pandas"),
        ("pyarrow", "to_polars", "polars"),
        ("polars", "to_polars", "polars"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    job: sync.BatchJob, monkeypatch: pytest.MonkeyPatch, missing: str, method: str, extra: str
) -> None:
    """One sentence says what to install."""
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(UsageError, match=rf"not installed: pip install 'batchhub\[{extra}\]'$"):
        getattr(job, method)()


def test_many_results_come_in_their_order(tmp_path: Path) -> None:
    """More than one group of rows, none lost."""
    vendor = Vendor()
    vendor.capabilities = evolve(vendor.capabilities, max_items=1000)
    with make_hub(tmp_path / "jobs.db", vendor) as hub:
        job = hub.submit("shop", ({"id": str(n)} for n in range(1300)))
        job.wait(timeout_s=60)
        assert job.to_arrow()["id"].to_pylist() == [str(n) for n in range(1300)]


class Money(msgspec.Struct):
    """An amount that has all digits of its column, or hardly any."""

    sum: Decimal | None = None


AMOUNTS = [
    "600",
    "10",
    "6.44",
    "-0.10",
    "0.00",
    "1E+3",
    "0.000000000000000001",
    "12345678901234567890",
]


def test_money_has_no_zeros_that_nobody_wrote(tmp_path: Path) -> None:
    """In pandas a column of exact numbers has 18 digits behind the point for all of them."""

    def amounts(items: Any) -> Report:
        def entry(item: WireItem) -> ItemReport:
            raw = f'{{"sum": {AMOUNTS[int(item.id)]}}}'.encode()
            return ItemReport(id=item.id, state=ItemState.SUCCEEDED, code=None, raw=raw)

        return Report(items=[entry(item) for item in items])

    account = ScriptedAccount(vendor=Vendor(default_report=amounts))
    with sync.BatchHub(tmp_path / "m.db", {"shop": account}, clock=LoopClock(), seed=1) as hub:
        job = hub.submit("shop", [{"id": str(n)} for n in range(len(AMOUNTS))])
        job.wait(timeout_s=60)
        found = job.to_pandas(as_type=Money, fields=["sum"])
        none = job.to_pandas("failed", as_type=Money, fields=["sum"])
    assert list(found["sum"]) == [Decimal(amount) for amount in AMOUNTS]
    assert [str(amount) for amount in found["sum"]] == [
        *("600", "10", "6.44", "-0.1", "0", "1000"),
        *("1E-18", "12345678901234567890"),
    ]
    assert (len(none), none["sum"].dtype) == (0, object)


@pytest.mark.parametrize("kind", [BatchJob, sync.BatchJob], ids=["async", "sync"])
@pytest.mark.parametrize(
    ("method", "frame"),
    [
        ("to_arrow", "pyarrow.Table"),
        ("to_pandas", "pandas.DataFrame"),
        ("to_polars", "polars.DataFrame"),
    ],
)
def test_editors_and_type_checkers_know_what_comes(kind: Any, method: str, frame: str) -> None:
    """By name: none of the packages is imported for it."""
    assert getattr(kind, method).__annotations__["return"] == frame

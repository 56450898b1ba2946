"""What an export holds: forms, packings, fields, filters; what it warns of and what it refuses."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from support.hubs import numbered, results_of, scripted_world
from support.tables import open_results
from support.vendor import Vendor, capable
from typer.testing import CliRunner, Result

from batchhub import ItemResult, ItemState
from batchhub._tables import formats as _formats
from batchhub._tables.formulas import disarm
from batchhub.adapter import ItemReport, Report, WireItem
from batchhub.cli.app import app
from batchhub.errors import UsageError
from batchhub.tables import write_results

MISSING = object()
BODY = {"id": "X1", "total": 9.5, "items": [{"sku": "a"}, {"sku": "b", "n": 1}], "none": None}
ROWS = [
    ItemResult(id="1", state=ItemState.SUCCEEDED, code=200, raw=json.dumps(BODY).encode()),
    ItemResult(id="2", state=ItemState.FAILED, code=404, message='not "there",\nno', raw=b"gone"),
]


def contents(path: Path) -> bytes:
    """Return what is in a file."""
    return path.read_bytes()


async def export(out: Path, rows: Iterable[ItemResult] = ROWS, **said: Any) -> bytes:
    """Write results to a file and return what is in it."""
    await open_results(out, **said).write(rows)
    return contents(out)


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, arguments, prog_name="batchhub")


# Forms.


async def test_csv_has_a_header_and_the_body_as_json(tmp_path: Path) -> None:
    """CSV is UTF-8 with a row each; text is quoted where it must be and else left as it is."""
    data = await export(tmp_path / "r.csv")
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
    assert header == ["id", "state", "code", "message", "vendor_ref", "body"]
    assert rows[0][:5] == ["1", "succeeded", "200", "", ""]
    assert json.loads(rows[0][5]) == BODY
    assert rows[1] == ["2", "failed", "404", 'not "there",\nno', "", '"gone"']
    assert b"\r" not in data


async def test_json_is_one_array(tmp_path: Path) -> None:
    """A .json file is an array of the same objects that JSON Lines has, also an empty one."""
    lines = await export(tmp_path / "r.ndjson")
    array = json.loads(await export(tmp_path / "r.json"))
    assert array == [json.loads(line) for line in lines.splitlines()]
    assert json.loads(await export(tmp_path / "none.json", [])) == []


async def test_tsv_is_separated_by_tabs(tmp_path: Path) -> None:
    """A .tsv file is CSV with tabs."""
    data = await export(tmp_path / "r.tsv", fields=["id,state"])
    assert data == b"id\tstate\n1\tsucceeded\n2\tfailed\n"


@pytest.mark.parametrize("name", ["r.jsonl.gz", "R.JSONL.ZST"])
async def test_a_name_says_what_it_is_packed_with(tmp_path: Path, name: str) -> None:
    """Behind the form's ending, .gz and .zst pack; the same results are the same file."""
    plain = await export(tmp_path / "r.jsonl")
    packed = await export(tmp_path / name)
    if name.endswith("gz"):
        unpacked = gzip.decompress(packed)
    else:
        unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    assert unpacked == plain
    assert await export(tmp_path / name) == packed


@pytest.mark.parametrize("name", ["r", "r.txt", "r.gz"])
async def test_a_name_that_says_nothing_is_json_lines(tmp_path: Path, name: str) -> None:
    """What names no form is the usual one; what names another one is refused."""
    data = await export(tmp_path / name)
    plain = gzip.decompress(data) if name.endswith("gz") else data
    assert plain == await export(tmp_path / "r.jsonl")


async def test_what_is_said_goes_before_the_ending(tmp_path: Path) -> None:
    """--format says the form of a file whose name does not, and of one whose name does."""
    assert (await export(tmp_path / "r", format="CSV")).startswith(b"id,state")
    assert (await export(tmp_path / "r.csv", format="jsonl")).startswith(b'{"id"')


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"target": "r.docx"},
            "r.docx: the ending names the format: one of .jsonl, .ndjson, .csv",
        ),
        ({"target": "r.doc.gz"}, "or say --format jsonl, csv, tsv, json, parquet, xlsx"),
        ({"target": "R.PARQUET.GZ"}, "Parquet is compressed in itself; name it R.PARQUET"),
        (
            {"format": "xml"},
            "--format must be one of jsonl, csv, tsv, json, parquet, xlsx, not 'xml'",
        ),
        ({"fields": ["id,,total"]}, "--fields takes names such as id,total,items.sku, not ''"),
        ({"fields": ["a..b"]}, "not 'a..b'"),
        ({"fields": ["id", "total,id"]}, "'id' is given twice"),
        ({"as_type": "thing"}, "--as makes columns"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], message: str
) -> None:
    """Before anything is read or sent, in one line that says what there is."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        open_results(**{"target": "r.jsonl", **said})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_run_calls_its_option_by_its_own_name() -> None:
    """`run` has --format for the items, so the results' format is --out-format there."""
    done = run("run", "items.jsonl", "--account", "shop", "--out", "r.docx")
    assert done.exit_code == 2
    assert "or say --out-format" in done.stderr


@pytest.mark.parametrize(
    ("name", "extra"), [("r.parquet", "parquet"), ("r.csv.zst", "zstd"), ("r.xlsx", "excel")]
)
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    """What is not installed is met before anything is sent, with the words that install it."""

    def refuse(module: str) -> Any:
        raise ImportError(module)

    monkeypatch.setattr(_formats, "import_module", refuse)
    with pytest.raises(UsageError, match=rf"pip install 'batchhub\[{extra}\]'"):
        open_results(tmp_path / name)
    assert importlib.import_module("json") is json


# Fields.


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("total", 9.5),
        ("items.sku", ["a", "b"]),
        ("items.n", [None, 1]),
        ("items.0.sku", "a"),
        ("items.7.sku", MISSING),
        ("items.nope", MISSING),
        ("none.more", None),
        ("total.more", MISSING),
        ("nope", MISSING),
        ("deep.b.c", [1, 2, 3]),
        ("empty.sku", []),
    ],
)
async def test_a_path_goes_through_lists(tmp_path: Path, path: str, found: Any) -> None:
    """Through a list a path gives what is in each element; a number takes one of them."""
    deep = [{"b": [{"c": 1}, {"c": 2}]}, {"b": [{"c": 3}]}]
    raw = json.dumps({**BODY, "deep": deep, "empty": []}).encode()
    row = ItemResult(id="1", state=ItemState.SUCCEEDED, raw=raw)
    written = await open_results(tmp_path / "r.jsonl", fields=[path]).write([row])
    (line,) = contents(tmp_path / "r.jsonl").splitlines()
    assert json.loads(line) == {path: None if found is MISSING else found}
    assert bool(written.warnings) == (found is MISSING)


async def test_plain_names_are_the_results_own(tmp_path: Path) -> None:
    """`id` is the item's, `body.id` the body's; all else is looked up in the body."""
    fields = ["id, body.id,total", "items.sku,body"]
    data = await export(tmp_path / "r.csv", fields=fields)
    header, first, second = csv.reader(io.StringIO(data.decode(), newline=""))
    assert header == ["id", "body.id", "total", "items.sku", "body"]
    assert first[:4] == ["1", "X1", "9.5", "a;b"]
    assert second == ["2", "", "", "", '"gone"']
    lines = (await export(tmp_path / "r.jsonl", fields=fields)).splitlines()
    assert json.loads(lines[0]) == {
        "id": "1",
        "body.id": "X1",
        "total": 9.5,
        "items.sku": ["a", "b"],
        "body": BODY,
    }
    assert json.loads(lines[1])["items.sku"] is None


async def test_a_field_that_never_occurs_is_named(tmp_path: Path) -> None:
    """A warning names the fields no result has; what some have, or is null, is none of them."""
    fields = ["id,total,none,code,totl,items.skuu"]
    written = await write_results(ROWS, tmp_path / "r.csv", fields=fields)
    assert written.warnings == ("no result has 'totl', 'items.skuu'; is the name right?",)
    assert (await write_results([], tmp_path / "r.csv", fields=["totl"])).warnings == ()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
async def test_any_text_comes_back_out_of_csv(texts: list[str]) -> None:
    """A reader of CSV gets any text back as it was, but for a quote before a formula."""
    stream = io.BytesIO()
    results = [ItemResult(id="1", state=ItemState.FAILED, message=text) for text in texts]
    await write_results(results, stream, format="csv", fields=["message"])
    rows = list(csv.reader(io.StringIO(stream.getvalue().decode(), newline="")))
    assert rows == [["message"], *([disarm(text)] for text in texts)]


# Filters.


def report_codes(items: Iterable[WireItem]) -> Report:
    """Report that items failed with a status of their own: 200, 404, 500 and none in turn."""
    codes = [200, 404, 500, None]
    states = {200: ItemState.SUCCEEDED}
    return Report(
        items=[
            ItemReport(
                id=item.id,
                state=states.get(codes[n % 4] or 0, ItemState.FAILED),
                code=codes[n % 4],
            )
            for n, item in enumerate(items)
        ]
    )


async def test_results_are_chosen_by_code() -> None:
    """A code or several, with or without a state; an item without one is of none."""
    vendor = capable(Vendor(default_report=report_codes), max_items=10)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(8))
        await job.wait()
        assert [r.id async for r in job.results(code=404)] == ["i2", "i6"]
        assert [r.id async for r in job.results(code=[404, 500])] == ["i2", "i3", "i6", "i7"]
        assert [r.id async for r in job.results("succeeded", code=(200, 404))] == ["i1", "i5"]
        assert [r.id async for r in job.results(code=())] == []
        assert len(await results_of(job)) == 8
        with pytest.raises(UsageError, match="HTTP statuses such as 404, not '404'"):
            job.results(code="404")  # type: ignore[arg-type]


async def test_a_large_job_takes_little_memory(tmp_path: Path) -> None:
    """Reading and writing the results of a job takes no more memory than some pages of them."""
    size, count = 6_000, 3_000
    body = b'"' + b"x" * size + b'"'

    def report(items: Iterable[WireItem]) -> Report:
        return Report(
            items=[ItemReport(id=i.id, state=ItemState.SUCCEEDED, raw=body) for i in items]
        )

    vendor = capable(Vendor(default_report=report), max_items=500)
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", ({"n": n} for n in range(count)))
        await job.wait()
        tracemalloc.start()
        try:
            for name in ("r.jsonl", "r.csv.gz"):
                assert (await write_results(job.results(), tmp_path / name)).count == count
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (tmp_path / "r.jsonl").stat().st_size > count * size
    assert peak < count * size / 2


# The command.


@pytest.fixture
async def job_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job of eight items in a store of an empty folder."""
    monkeypatch.chdir(tmp_path)
    vendor = capable(Vendor(default_report=report_codes), max_items=10)
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(8))
        await job.wait()
        return job.id


def test_results_takes_it_all_together(job_id: str) -> None:
    """State, code, fields, form and file in one command; a line says how many."""
    done = run(
        *("results", job_id, "--store", "jobs.db", "--only", "failed", "--code", "404,500"),
        *("--fields", "id,code", "--out", "failed.csv"),
    )
    assert done.exit_code == 0
    assert done.stderr == "4 results in failed.csv\n"
    assert Path("failed.csv").read_text() == "id,code\ni2,404\ni3,500\ni6,404\ni7,500\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--code", "4xx"), "--code takes HTTP statuses such as 404 or 404,500, not '4xx'"),
        (("--out", "r.doc"), "r.doc: the ending names the format"),
        (("--format", "csv", "--as", "order"), "no type named 'order'; the adapter 'scripted' has"),
        (("--json", "--format", "csv"), "--json writes the status to standard output"),
    ],
)
def test_results_refuses_in_one_line(job_id: str, arguments: tuple[str, ...], message: str) -> None:
    """Bad options are 2, and nothing is written."""
    done = run("results", job_id, "--store", "jobs.db", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not done.stdout
    assert [path.name for path in Path().iterdir() if path.suffix == ".doc"] == []


def test_run_refuses_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A type the adapter does not have, or fields without a file, stop before there is a job."""
    monkeypatch.chdir(tmp_path)
    Path("batchhub.toml").write_text('store = "jobs.db"\n[accounts.shop]\nadapter = "scripted"\n')
    Path("items.jsonl").write_text('{"n": 1}\n')
    call = ("run", "items.jsonl", "--account", "shop")
    unknown = run(*call, "--out", "r.csv", "--as", "order")
    nowhere = run(*call, "--fields", "id")
    assert unknown.exit_code == nowhere.exit_code == 2
    assert "no type named 'order'" in unknown.stderr
    assert "--out" in nowhere.stderr
    assert not Path("jobs.db").exists()


@pytest.mark.parametrize("name", ["items.jsonl", "batchhub.toml", "jobs.db", "jobs.db-wal"])
def test_results_take_no_file_that_is_needed(job_id: str, name: str) -> None:
    """The items, the settings and the store are not written over, by whatever name."""
    Path("batchhub.toml").write_text('store = "jobs.db"\n[accounts.shop]\nadapter = "scripted"\n')
    Path("items.jsonl").write_text('{"n": 1}\n')
    Path("link").symlink_to(name)
    before = {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    calls: list[tuple[str, ...]] = [
        ("run", "items.jsonl", "--account", "shop", "--out-format", "jsonl", "--out")
    ]
    if name != "items.jsonl":
        calls.append(("results", job_id, "--format", "jsonl", "--out"))
    for call in calls:
        for out in (name, "./link"):
            done = run(*call, out)
            assert done.exit_code == 2
            assert "it is a file this command reads from" in done.stderr
    assert before == {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}

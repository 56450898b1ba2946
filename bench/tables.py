"""
What a row of a table costs until it could be sent, against reading and encoding it alone.

CPU time of a dry run, for files of one kind each, in turn: `csv.DictReader` alone, msgspec that
encodes the same items, reading alone, and all of `BatchHub.plan`. In a process of its own for each
size, what memory a large file takes. `--sizes` and `--rounds` say how much.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from attrs import frozen

from batchhub import BatchHub
from batchhub.tables import ItemReader, read_items
from batchhub_ecwid import EcwidAccount, EcwidAdapter

from ._measure import measure

ROWS: Final = 20_000
_GOAL_US: Final = 12.0
_CHILD: Final = "--memory-of"
_MAP: Final[Mapping[str, Any]] = {
    "map": "PUT /products/{product_id}",
    "set": {"price": "{price}"},
    "id": "{product_id}",
}
_LONG: Final = "A sturdy mug of stoneware; it keeps what is in it warm for a long time. " * 8


@frozen
class _Shape:
    """
    One kind of file.

    Attributes:
        header: Its header; empty for JSON Lines.
        row: A row, by its number.
        settings: How it is read.
    """

    header: str
    row: Callable[[int], str]
    settings: Mapping[str, Any] = _MAP


def _price(n: int) -> str:
    return f"{n % 90 + 1}.{n % 100:02d}"


def _set(**more: str) -> Mapping[str, Any]:
    return {**_MAP, "set": {"price": "{price}", **more}}


_SHAPES: Final = {
    "mapped": _Shape("product_id,name,price", lambda n: f"{n},Mug {n},{_price(n)}"),
    "not mapped": _Shape(
        "id,method,path,body.price", lambda n: f"{n},PUT,/products/{n},{_price(n)}", {}
    ),
    "40 columns": _Shape(
        "product_id,name,price," + ",".join(f"more{k}" for k in range(37)),
        lambda n: f"{n},Mug {n},{_price(n)}," + ",".join(f"v{k}{n % 17}" for k in range(37)),
    ),
    "much text": _Shape(
        "product_id,description,price",
        lambda n: f'{n},"{_LONG}{n}",{_price(n)}',
        _set(description="{description}"),
    ),
    "Turkish": _Shape(
        "product_id,name,price",
        lambda n: f"{n},Çığ ışığı bardağı {n},{_price(n)}",  # noqa: RUF001
        _set(name="{name}"),
    ),
    "decimal comma": _Shape(
        "product_id;name;price", lambda n: f"{n};Mug {n};{n % 90 + 1},{n % 100:02d}"
    ),
    "unknown text": _Shape(
        "product_id,name,price", lambda n: f"{n},Mug {n},{_price(n)}", _set(anything="{name}")
    ),
    "JSON Lines": _Shape(
        "", lambda n: f'{{"product_id":{n},"name":"Mug {n}","price":{_price(n)}}}'
    ),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument(_CHILD, dest="path", help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args()
    if options.path is not None:
        print(_measure_memory(options.path))
        return
    with tempfile.TemporaryDirectory() as name:
        for kind, shape in _SHAPES.items():
            _show(kind, shape, Path(name), options.rows, options.rounds)
        for size in options.sizes:
            path = _write(Path(name), "mapped", _SHAPES["mapped"], size)
            command = [sys.executable, "-m", "bench.tables", _CHILD, str(path)]
            grown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{size:>9,} rows, dry run: {int(grown) / 1024:6.1f} MiB more at the peak")


def _show(kind: str, shape: _Shape, folder: Path, rows: int, rounds: int) -> None:
    path = _write(folder, kind.replace(" ", "-"), shape, rows)
    items = list(_open(path, shape))
    encode = msgspec.json.Encoder(decimal_format="number").encode
    ways: dict[str, Callable[[], object]] = {
        "reader alone": lambda: _read_alone(path),
        "msgspec alone": lambda: [encode(item) for item in items],
        "items, read": lambda: sum(1 for _ in _open(path, shape)),
        "dry run": lambda: asyncio.run(_plan(path, shape)),
    }
    ways["dry run"]()  # loads all modules
    medians = measure(ways, rounds)
    floor = medians["reader alone"] + medians["msgspec alone"]
    print(f"{kind}, {rows:,} rows; the dry run is to take {_GOAL_US:.0f} us a row")
    for way, median in medians.items():
        us = median / rows * 1e6
        print(f"  {way:<14} {us:7.2f} us a row  {median / floor:6.2f} x what both alone take")


async def _plan(path: Path, shape: _Shape) -> None:
    account = EcwidAccount(store_id=1, token="secret_bench")
    await BatchHub(path.parent / "jobs.db", {"shop": account}).plan("shop", _open(path, shape))


def _measure_memory(path: str) -> int:
    """Return the KiB by which the process grew at its peak, in a dry run."""
    shape = _SHAPES["mapped"]
    few = _write(Path(path).parent, "few", shape, 1_000)
    asyncio.run(_plan(few, shape))  # loads all modules
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    asyncio.run(_plan(Path(path), shape))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def _read_alone(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            return sum(1 for line in file if json.loads(line))
        return sum(1 for _ in csv.DictReader(file))


def _open(path: Path, shape: _Shape) -> ItemReader:
    return read_items(path, adapter=EcwidAdapter, **shape.settings)


def _write(folder: Path, name: str, shape: _Shape, rows: int) -> Path:
    path = folder / f"{name}-{rows}.{'csv' if shape.header else 'jsonl'}"
    with path.open("w", encoding="utf-8") as file:
        file.writelines([f"{shape.header}\n"] if shape.header else [])
        file.writelines(f"{shape.row(n)}\n" for n in range(1, rows + 1))
    return path


if __name__ == "__main__":
    main()

"""
What a finished Ecwid status of 500 orders costs, from its bytes to typed orders.

Against `orjson.loads` of the same bytes, and beside Pydantic and plain cattrs. Then what stays
in memory.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from batchhub._engine.join import ReadReport, join_report
from batchhub._http.redactor import Redactor
from batchhub.models import ItemResult
from batchhub_ecwid import Order
from batchhub_ecwid.report import make_report
from batchhub_ecwid.wire import read_answer, read_observation

from ._measure import measure, show
from ._payload import ITEMS, make_status
from ._rivals import plain_cattrs, pydantic_model

_TOKEN: Final = "secret_kT9xQ27LmZp0RrWv"
_IDS: Final = [str(number) for number in range(ITEMS)]


def results(data: bytes) -> list[ItemResult]:
    """Go the whole way: a result for every item sent, each with its own bytes."""
    return join_report(_IDS, _read(data), None)[0]


def typed(data: bytes, orders: int = ITEMS) -> list[Order]:
    """Read the status, then the first bodies as orders."""
    return [
        ItemResult(id=item.id or "", state=item.state, raw=item.raw).as_(Order)
        for item in _read(data).entries[:orders]
    ]


def _read(data: bytes) -> ReadReport:
    report = make_report(read_answer(data), ITEMS)
    return ReadReport(entries=list(report.items), rest=report.rest)  # type: ignore[arg-type]


def _forms() -> Mapping[str, bytes]:
    return {
        "httpBody": make_status(escaped=False),
        "escapedHttpBody": make_status(escaped=True),
    }


def speed(form: str, data: bytes, base: str, loads: Callable[[], object]) -> None:
    """Measure the ways from bytes to orders."""
    bodies = [item.raw or b"" for item in _read(data).entries]
    validate = pydantic_model(Order).model_validate
    structure = plain_cattrs(Order)

    def text(body: bytes) -> bytes:
        return orjson.loads(body).encode() if body.startswith(b'"') else body

    redactor = Redactor([_TOKEN])
    redactor.note_headers({"Authorization": f"Bearer {_TOKEN}"})
    medians = measure(
        {
            base: loads,
            "secrets looked for": lambda: redactor.body(data),
            "the status read, bodies raw": lambda: read_answer(data),
            "… and a result per item, its bytes its own": lambda: make_report(
                read_answer(data), ITEMS
            ),
            "… and joined with what was sent": lambda: results(data),
            "a tenth typed": lambda: typed(data, orders=ITEMS // 10),
            "all typed": lambda: typed(data),
            "a light poll of the same answer": lambda: read_observation(data),
            "Pydantic, all": lambda: [validate(orjson.loads(text(body))) for body in bodies],
            "plain cattrs, all": lambda: [structure(text(body)) for body in bodies],
        }
    )
    show(f"finished status, {ITEMS} orders, {form}, {len(data):,} bytes", medians, base)
    ratio = medians["all typed"] / medians["plain cattrs, all"]
    print(f"  all typed against plain cattrs {ratio:37.2f} x")


def memory(form: str, data: bytes) -> None:
    """Measure what stays alive, once the answer's own bytes are let go, against their size."""
    ways: dict[str, Callable[[], Any]] = {
        "results, no body looked at": lambda: results(bytes(bytearray(data))),
        "results, and all orders typed": lambda: [
            (result, result.as_(Order)) for result in results(bytes(bytearray(data)))
        ],
        "all of it by orjson.loads": lambda: orjson.loads(bytes(bytearray(data))),
    }
    print(f"live memory, {form}, against the {len(data):,} bytes")
    for name, run in ways.items():
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        alive = run()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        print(f"  {name:<44} {grown / 1e6:8.2f} MB  {grown / len(data):6.2f} x")
        del alive


def main() -> None:
    """Measure and print."""
    forms = _forms()
    plain, escaped = forms["httpBody"], forms["escapedHttpBody"]
    speed("httpBody", plain, "orjson.loads", lambda: orjson.loads(plain))
    speed(
        "escapedHttpBody",
        escaped,
        "orjson.loads, twice",
        lambda: [
            orjson.loads(entry["escapedHttpBody"]) for entry in orjson.loads(escaped)["responses"]
        ],
    )
    for form, data in forms.items():
        memory(form, data)


if __name__ == "__main__":
    main()

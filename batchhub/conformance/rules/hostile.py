"""What holds whatever is answered."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final

from aiohttp import web
from hypothesis import strategies as st

from batchhub.conformance.bench import Bench
from batchhub.conformance.examples import check_examples
from batchhub.conformance.faults import Fault, Happening, Proceed, change_body
from batchhub.conformance.mutate import (
    OTHERS,
    change_json,
    change_lists,
    change_type,
    replace_texts,
    unpack,
)
from batchhub.conformance.rule import Level, applies, need, rule
from batchhub.conformance.run import Run
from batchhub.conformance.watch import Asked, words_of
from batchhub.sandbox import Call

_WORD: Final = "PONDERING_17"
_POLLS: Final = 3
_EXAMPLES: Final = 25
_CHANGES: Final = st.lists(
    st.none() | st.tuples(st.integers(0, 40), st.integers(0, len(OTHERS))), min_size=1, max_size=6
)
"""What becomes of each of a job's first answers."""
_LARGE: Final = 2**30
_BLANK: Final = b" " * 65_535 + b"\n"
_MOST_MEMORY: Final = 256 * 2**20


@rule(
    "A35",
    Level.BRONZE,
    "words",
    "A word that nobody documented ends no job and fails none: it is shown, and polled on.",
)
async def unknown_words_end_nothing(bench: Bench, operation: str) -> None:
    """Every word that the adapter knows is another one in the first answers to polls."""
    clean = await bench.clean(operation)
    adapter = clean.watch.adapters[-1]
    known = {word.casefold() for word in adapter.states}
    seen = {word.casefold() for word in words_of([*clean.watch.observations()])}
    applies(known & seen, "the adapter has no words for states (states)")

    def is_word(text: str) -> bool:
        return text.strip().casefold() in known

    fault = Fault(
        happening=change_body(change_json(replace_texts(is_word, _WORD))),
        applies=lambda asked: asked.step.verb == "poll",
        times=_POLLS,
    )
    run = await bench.run(operation, fault=fault, switches={"item_time_s": 30.0})
    polls = sum(asked.step.verb == "poll" for asked in run.watch.asked)
    need(
        fault.struck >= _POLLS and polls > _POLLS,
        f"a word nobody documented ended the job after {polls} polls",
    )
    need("unknown_word" in run.findings, "a word nobody documented is shown nowhere")
    run.check_finished("after a word nobody documented")
    run.check_truth("after a word nobody documented")


@rule(
    "A36",
    Level.GOLD,
    "answers",
    "An answer with something of a wrong type in it leads to no mistake, and makes up nothing.",
)
async def wrong_types_are_no_news(bench: Bench, operation: str) -> None:
    """Some of a job's first answers have another type in one place, or nothing."""
    await bench.clean(operation)
    count = _EXAMPLES if operation == bench.operations[0] else _EXAMPLES // 3

    await check_examples(count, _CHANGES, partial(_answer_wrongly, bench, operation))


async def _answer_wrongly(
    bench: Bench, operation: str, changes: Sequence[tuple[int, int] | None]
) -> None:
    """Run a job whose first answers are changed: a place and what comes there; or are not."""
    left, done = [*changes], list[str]()

    def change(value: Any) -> Any:
        chosen = left.pop(0) if left else None
        if chosen is None:
            return value
        changed, what = change_type(value, *chosen)
        done.append(what)
        return changed

    fault = Fault(happening=change_body(change_json(change)), times=len(changes))
    run = await bench.run(operation, fault=fault, in_memory=True)
    when = "an answer in which " + ", and one in which ".join(done)
    run.check_truth(when)
    need(
        run.status.state.is_terminal or run.status.is_held,
        f"{when}: the job is {run.status.state.value}; {run.error!r}",
    )


@rule(
    "A37",
    Level.GOLD,
    "results",
    "A result that comes twice, or not at all, is never a success that was not, and is told.",
)
async def odd_results_are_told(bench: Bench, operation: str) -> str | None:
    """Each list of objects in the answers with results lacks some, or has one twice."""
    clean = await bench.clean(operation)
    verb, changed = _results_verb(clean), 0

    def count(change: Callable[[list[Any]], list[Any]]) -> Callable[[list[Any]], list[Any]]:
        def do(rows: list[Any]) -> list[Any]:
            nonlocal changed
            changed += 1
            return change(rows)

        return do

    for what, change in _ODD_LISTS:
        fault = Fault(
            happening=change_body(change_json(change_lists(count(change)))),
            applies=partial(_is_verb, verb=verb),
            times=None,
        )
        run = await bench.run(operation, fault=fault, in_memory=True)
        run.check_truth(what)
        is_same = [r.state for r in run.results] == [r.state for r in clean.results]
        need(
            is_same or run.findings or run.error is not None,
            f"{what}: the results are others, and no finding says why",
        )
    return None if changed else "no answer with results has a list of objects in JSON"


@rule(
    "A38",
    Level.GOLD,
    "answers",
    "An answer of 1 GB costs no more memory than the limits of the transport allow.",
    is_once=True,
)
async def large_answers_fit(bench: Bench, operation: str) -> str | None:
    """Blank lines follow an answer with results until it is let go, or is 1 GB."""
    clean = await bench.clean(operation)
    size = _LARGE if shutil.disk_usage(gettempdir()).free > 2 * _LARGE else _LARGE // 8
    shown = f"an answer of {size / 2**20:,.0f} MB"
    verb = _results_verb(clean)
    for asked in await bench.steps(operation):
        if asked.step.verb != verb:
            continue
        fault = Fault(happening=_swell(size), at=asked.step)
        with _Memory() as memory:
            run = await bench.run(operation, fault=fault)
        if not (verb == "submit" and run.status.is_held):  # it may have run, and nobody can ask
            run.check_finished(shown)
        run.check_truth(shown)
        grown = memory.grown_bytes
        need(grown < _MOST_MEMORY, f"{shown} took {grown / 2**20:,.0f} MB of memory")
    return None if size == _LARGE else f"there is no room for more than {shown}"


class _Memory:
    """How much more memory the process has at its peak than before, where that can be read."""

    def __init__(self) -> None:
        self.grown_bytes = 0
        self._before = 0

    def __enter__(self) -> _Memory:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak is that of now
        self._before = self._read("VmRSS")
        return self

    def __exit__(self, *error: object) -> None:
        self.grown_bytes = max(0, self._read("VmHWM") - self._before)

    @staticmethod
    def _read(name: str) -> int:
        try:
            text = Path("/proc/self/status").read_text()
        except OSError:
            return 0
        line = next((line for line in text.splitlines() if line.startswith(f"{name}:")), "x 0")
        return int(line.split()[1]) * 1024


def _swell(size: int) -> Happening:
    async def happen(call: Call, proceed: Proceed) -> Any:
        response = await proceed()
        body = getattr(response, "body", None)
        if not isinstance(body, bytes):
            return response
        stream = web.StreamResponse(status=response.status)
        stream.content_type = response.content_type
        stream.enable_chunked_encoding()
        await stream.prepare(call.request)
        with suppress(ConnectionError):
            await stream.write(unpack(body))
            for _ in range(size // len(_BLANK)):
                await stream.write(_BLANK)
        return stream

    return happen


def _is_verb(asked: Asked, verb: str) -> bool:
    return asked.step.verb == verb


def _results_verb(run: Run) -> str:
    verbs = [asked.step.verb for asked in run.watch.asked]
    return "fetch_results" if "fetch_results" in verbs else verbs[-1]


def _drop_some(rows: list[Any]) -> list[Any]:
    return rows[::2]


def _drop_others(rows: list[Any]) -> list[Any]:
    return rows[1::2]


def _double(rows: list[Any]) -> list[Any]:
    return [*rows, rows[0]]


def _foreign(rows: list[Any]) -> list[Any]:
    strange = {key: f"foreign {key}" for key, value in rows[0].items() if isinstance(value, str)}
    return [*rows, {**rows[0], **strange}]


_ODD_LISTS: Final = (
    ("every second result is missing", _drop_some),
    ("every first result is missing", _drop_others),
    ("a result came twice", _double),
    ("a result is of no item", _foreign),
)

"""`docs/declare-an-adapter.md`: each key is there, and each shape does what the page says."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from support.described_vendor import SHOP, TOKEN
from support.hubs import results_of
from support.pages import DOCS, Block, read_blocks

from batchhub import BatchHub
from batchhub._declared.grammar import list_keys
from batchhub.adapter import declared
from batchhub.models import ItemResult
from batchhub.testing import FakeClock, ScriptedVendor, SeenRequest

PAGE = DOCS / "declare-an-adapter.md"
BLOCKS = read_blocks(PAGE)
WHOLE = next(block.text for block in BLOCKS if block.title == "acme.toml")
DONE = {"state": "done", "done": 2, "results": [{"sku": "A-1", "status": "ok"}]}
ITEMS = [{"sku": "A-1", "price": 9.9}, {"sku": "A-2", "price": 0}]


def shapes(*languages: str) -> list[Any]:
    """Return the descriptions that are a part, each with what follows, if that is of this kind."""
    ends = [at for at, block in enumerate(BLOCKS) if block.language not in {"json", "text"}]
    found = []
    for at, end in zip(ends, [*ends[1:], len(BLOCKS)], strict=True):
        block, below = BLOCKS[at], BLOCKS[at + 1 : end]
        if block.language == "toml" and [each.language for each in below] == [*languages]:
            assert not block.title
            (name,) = re.findall(r"\A\[(?:operations\.)?(\w+)\]", block.text)
            found.append(pytest.param(block, *below, id=f"{name}:{block.line}"))
    return found


def declare(folder: Path, text: str) -> Any:
    """Make an adapter of the page's description, with something added or replaced."""
    whole = WHOLE.replace('[auth]\nbearer = "{token}"\n', "") if "[auth]" in text else WHOLE
    (folder / "acme.toml").write_text(f"{whole}\n{text}")
    return declared(folder / "acme.toml")


async def run(
    adapter: Any, operation: str, answers: dict[str, Any]
) -> tuple[list[ItemResult], list[SeenRequest]]:
    """Run the two items; return their results, and the requests there were."""
    clock = FakeClock()
    async with clock.running(), ScriptedVendor(clock=clock) as vendor:
        for line, answer in answers.items():
            method, _, path = line.partition(" ")
            vendor.on(method, path).reply(answer).repeat()
        account = adapter.account_type(shop=SHOP, token=TOKEN, base_url=vendor.base_url)
        async with BatchHub(":memory:", {"shop": account}, clock=clock) as hub:
            job = await hub.submit("shop", ITEMS, operation=operation)
            await job.wait()
            return await results_of(job), list(vendor.requests)


def answer_each(operation: dict[str, Any], shown: Any) -> dict[str, Any]:
    """Return the answers to the requests of an operation: the page shows that with the results."""
    submit, poll, results = (operation.get(each, {}) for each in ("submit", "poll", "results"))
    ended = {"data": {"ticket": "b1"}, "id": "b1", "state": "done", "progress": 100}
    answers = {submit["request"]: ended, poll.get("request"): ended}
    with_results = results.get("request") or poll.get("request") or submit["request"]
    answers[with_results] = shown
    return {line: answer for line, answer in answers.items() if line is not None}


def show(result: ItemResult) -> str:
    """Write a result as the page does."""
    code = f" {result.code}" if result.code else ""
    said = f": {result.message}" if result.message else ""
    return f"{result.id} {result.state.value}{code}{said}"


def test_each_key_is_on_the_page() -> None:
    """A key of the grammar stands in the table of its section, with what it says."""
    sections = re.split(r"^#+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    on_page: set[str] = set()
    for section in sections:
        table = section.partition("\n")[0].strip("`")
        keys = re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE)
        on_page.update(keys if table == "All keys" else [table, *(f"{table}.{k}" for k in keys)])

    assert {name for name, _ in list_keys()} - {"operations"} - on_page == set()


@pytest.mark.parametrize(("shape", "answer", "results"), shapes("json", "text"))
async def test_a_shape_gives_the_results_it_shows(
    shape: Block, answer: Block, results: Block, tmp_path: Path
) -> None:
    """The operation is added to the whole description; the vendor answers over HTTP."""
    ((name, operation),) = tomllib.loads(shape.text)["operations"].items()
    answers = answer_each(operation, json.loads(answer.text))

    found, _ = await run(declare(tmp_path, shape.text), name, answers)

    assert [show(each) for each in found] == results.text.splitlines()


@pytest.mark.parametrize(("shape", "body"), shapes("json"))
async def test_a_shape_sends_the_body_it_shows(shape: Block, body: Block, tmp_path: Path) -> None:
    """With what else it says of the request."""
    ((name, operation),) = tomllib.loads(shape.text)["operations"].items()
    adapter = declare(tmp_path, shape.text)

    _, requests = await run(adapter, name, answer_each(operation, {"state": "done", "results": []}))

    assert requests[0].json() == json.loads(body.text)
    for header in operation["submit"]["headers"]:
        assert re.fullmatch(r"[\w-]{36}", requests[0].headers[header])


@pytest.mark.parametrize(("shape", "headers"), shapes("text"))
async def test_credentials_go_out_as_shown(shape: Block, headers: Block, tmp_path: Path) -> None:
    """The headers of a request, and no other that authorises it."""
    operation = tomllib.loads(WHOLE)["operations"]["prices"]
    adapter = declare(tmp_path, shape.text)

    _, requests = await run(adapter, "prices", answer_each(operation, DONE))

    shown = dict(line.split(": ") for line in headers.text.splitlines())
    assert shown.items() <= requests[0].headers.items()
    assert "Authorization" in shown or "Authorization" not in requests[0].headers


def test_every_shape_is_tried() -> None:
    """None is of another kind than those above."""
    tried = [*shapes("json", "text"), *shapes("json"), *shapes("text")]
    parts = [block for block in BLOCKS if block.language == "toml" and not block.title]

    assert len(tried) == len(parts) > 5

"""The pages: what is generated is up to date, what is linked is there, what is said is so."""

from __future__ import annotations

import ast
import itertools
import json
import re
import runpy
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from support.by_vendor import ADAPTERS
from support.pages import (
    DOCS,
    PAGES,
    README,
    ROOT,
    RUN,
    Block,
    make_pattern,
    name_of,
    not_run,
    prose,
    read_anchors,
    read_blocks,
    read_links,
    split_console,
    squeeze,
)
from support.source import folder_of, read_package

from batchhub import errors
from batchhub.models import (
    BatchState,
    Contact,
    Counts,
    ItemState,
    Outcome,
    Ticket,
)
from batchhub.models.fold import Tally, fold_outcome, part_of

GENERATE: Final[dict[str, Any]] = runpy.run_path(str(DOCS / "generate.py"))
STATUSES: Final = (DOCS / "statuses.md").read_text(encoding="utf-8")
SITE: Final = ROOT / "zensical.toml"
FINDERS: Final = {"batchhub": "statuses.md", **{f"batchhub_{n}": f"{n}.md" for n in ADAPTERS}}
"""The page that describes the findings of each package."""

NOT_RUN: Final = {
    "docs/api/cluster.md",
    "docs/howto/a-bad-night.md",
    "docs/howto/cluster.md",
    "docs/conformance.md",
    "docs/mircate.md",
    "docs/howto/prices-from-csv.md",
    "docs/write-an-adapter.md",
}
"""The pages with blocks that are not run."""

UNUSED: Final = {"docs/howto/sync.md: views.py", "docs/howto/sync.md: tasks.py"}
"""The programs that are not run: what they need is not installed with the tests."""

needs_the_tree: Final = pytest.mark.skipif(not SITE.is_file(), reason="needs the source tree")


def read_table(text: str, first_header: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this header."""
    _, _, rest = text.partition(f"| {first_header} |")
    lines = itertools.takewhile(lambda line: line.startswith("|"), rest.split("\n")[2:])
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


# What is generated.


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_generated_is_up_to_date(page: Path) -> None:
    """Commands, exit codes, errors and settings stand in the pages as the code has them."""
    text = page.read_text(encoding="utf-8")

    assert GENERATE["fill"](text) == text, "out of date: run make docs, or python docs/generate.py"


def test_every_part_is_in_a_page() -> None:
    """Each part that can be generated stands in exactly one page."""
    found = [
        match["name"]
        for page in PAGES
        for match in GENERATE["PART"].finditer(page.read_text(encoding="utf-8"))
    ]

    assert sorted(found) == sorted(GENERATE["PARTS"])


def test_every_error_is_described() -> None:
    """The errors' table has each public error, the tree each of them, the children below."""
    rows = [row[0].strip("`") for row in read_table((DOCS / "errors.md").read_text(), "error")]
    tree = re.findall(r"\b\w+Error\b(?= |$)", GENERATE["error_tree"](), re.MULTILINE)

    assert sorted(["BatchHubError", *rows]) == sorted(errors.__all__)
    assert set(errors.__all__) <= set(tree)


# Statuses.

S = BatchState
Tickets = Sequence[Ticket]


def ended(tickets: Tickets) -> bool:
    """Whether every ticket has ended."""
    return all(ticket.state.is_terminal for ticket in tickets)


def one(tickets: Tickets, *states: BatchState) -> bool:
    """Whether a ticket is in one of the states."""
    return any(ticket.state in states for ticket in tickets)


def held(tickets: Tickets) -> bool:
    """Whether every open ticket is unconfirmed, or waits behind one that is."""
    numbered = [(n, t) for n, t in enumerate(tickets) if not t.state.is_terminal]
    unconfirmed = [n for n, t in numbered if t.state is BatchState.UNCONFIRMED]
    return all(
        n in unconfirmed
        or (
            t.state is BatchState.PENDING
            and t.waits_for_previous
            and min(unconfirmed, default=n) < n
        )
        for n, t in numbered
    )


STATE_RULES: Final[dict[str, Callable[[Tickets], bool]]] = {
    "all have ended, one of them `completed`": lambda ts: ended(ts) and one(ts, S.COMPLETED),
    "all have ended, one of them `lost`": lambda ts: ended(ts) and one(ts, S.LOST),
    "all have ended, one of them `failed`": lambda ts: ended(ts) and one(ts, S.FAILED),
    "all have ended, all `cancelled`": lambda ts: all(t.state is S.CANCELLED for t in ts),
    "every open one is `unconfirmed`, or waits behind one that is": held,
    "one is `in_progress`, or has ended": lambda ts: (
        one(ts, S.IN_PROGRESS) or any(t.state.is_terminal for t in ts)
    ),
    "one is `queued`": lambda ts: one(ts, S.QUEUED),
    "else": lambda ts: True,
}

OUTCOME_RULES: Final[dict[str, Callable[[Counts], bool]]] = {
    "one is `unknown`": lambda counts: counts.unknown > 0,
    "all `succeeded`": lambda counts: counts.succeeded == counts.total,
    "one `succeeded`": lambda counts: counts.succeeded > 0,
    "else": lambda counts: True,
}


def all_tickets() -> Iterator[tuple[bool, list[Ticket]]]:
    """Yield each way in which up to three tickets can stand, and whether they wait in a row."""
    for stops, number in itertools.product((False, True), (1, 2, 3)):
        for states in itertools.product(BatchState, repeat=number):
            still_open = [n for n, state in enumerate(states) if not state.is_terminal]
            behind = states[still_open[0] + 1 :] if still_open else ()
            if stops and not set(behind) <= {S.PENDING}:
                continue  # only the last that was sent is open
            yield (
                stops,
                [
                    Ticket(
                        position=position,
                        state=state,
                        counts=Counts(succeeded=1) if state.is_terminal else Counts(pending=1),
                        waits_for_previous=stops and position > 1,
                    )
                    for position, state in enumerate(states, 1)
                ],
            )


def test_the_table_of_states_is_what_is_done() -> None:
    """However up to three tickets stand, the job's state is that of the first row that matches."""
    rows = read_table(STATUSES, "tickets")
    rules = [(STATE_RULES[text], BatchState(state.strip("`"))) for text, state in rows]

    assert [text for text, _ in rows] == list(STATE_RULES)
    for stops, tickets in all_tickets():
        expected = next(state for holds, state in rules if holds(tickets))
        folded = Tally.of(map(part_of, tickets), stops=stops).state
        assert folded is expected, [(t.state, t.waits_for_previous) for t in tickets]


def test_the_table_of_outcomes_is_what_is_done() -> None:
    """Whatever came of some items, the outcome is that of the first row that matches."""
    rows = read_table(STATUSES, "items")
    rules = [(OUTCOME_RULES[text], Outcome(outcome.strip("`"))) for text, outcome in rows]

    assert [text for text, _ in rows] == list(OUTCOME_RULES)
    for states in itertools.product(ItemState, repeat=3):
        counts = Counts.of_states(states)
        expected = next(outcome for holds, outcome in rules if holds(counts))
        assert fold_outcome(BatchState.COMPLETED, counts) is expected, states


@pytest.mark.parametrize("kind", [BatchState, Outcome, ItemState, Contact])
def test_every_value_of_a_status_is_described(kind: type[Any]) -> None:
    """Each value of the model's enums is explained in a table of the page."""
    rows = set(re.findall(r"^\| `(\w+)` \|", STATUSES, re.MULTILINE))
    results = set(re.findall(r"\| `(\w+)` \|$", STATUSES, re.MULTILINE))

    assert {member.value for member in kind} <= rows | results


def test_every_finding_is_described() -> None:
    """Each code of a finding, in the core and the adapters, is in the page of its part."""
    for package, page in FINDERS.items():
        paths = folder_of(package).rglob("*.py")
        codes = {code for path in paths for code in find_codes(path)}
        assert codes or package != "batchhub"
        if not codes:  # an adapter without any of its own
            continue
        described = set(re.findall(r"^\| `(\w+)` \|", (DOCS / page).read_text(), re.MULTILINE))
        assert codes - described == set(), page


def find_codes(path: Path) -> Iterator[str]:
    """Yield the codes of findings that a module makes: literals, and the keys of its messages."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="Finding"), keywords=keywords):
                values = [k.value for k in keywords if k.arg == "code"]
            case ast.Call(func=ast.Name(id="_finding"), args=[first, *_]):
                values = [first]
            case ast.AnnAssign(target=ast.Name(id="_MESSAGES"), value=ast.Dict(keys=keys)):
                values = [key for key in keys if key is not None]
            case _:
                continue
        yield from (str(v.value) for v in values if isinstance(v, ast.Constant))


# Links.


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a page leads to one that is there, and to a heading it has."""
    for link in read_links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert not anchor or anchor in read_anchors(target), link


def test_every_page_is_linked() -> None:
    """Each page can be reached from the README or the first page of the site."""
    reached, ahead = set[Path](), [README, DOCS / "index.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in read_links(page) if ":" not in link)
        ahead += [(page.parent / link).resolve() for link in links if link]

    assert set(PAGES) - reached - set(DOCS.glob("api/*.md")) == set()


@needs_the_tree
def test_every_page_is_in_the_sites_menu() -> None:
    """The menu of the site has each page once, and no other."""
    nav = tomllib.loads(SITE.read_text(encoding="utf-8"))["project"]["nav"]

    assert sorted(in_menu(nav)) == sorted(
        page.relative_to(DOCS).as_posix() for page in PAGES if page != README
    )


def in_menu(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the pages of a part of the menu."""
    for below in (below for entry in entries for below in entry.values()):
        yield from [below] if isinstance(below, str) else in_menu(below)


def test_every_public_module_has_a_page() -> None:
    """Each module that may be imported, of the core and the adapters, is on a reference page."""
    public = {
        name for name in read_package("batchhub") if re.fullmatch(r"batchhub(\.[a-z]+)?", name)
    }
    described = {
        name
        for page in DOCS.glob("api/*.md")
        for name in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.MULTILINE)
    }

    assert {*FINDERS, *public} - {"batchhub.cli"} - described == set()


@needs_the_tree
@pytest.mark.parametrize("name", [*ADAPTERS])
def test_every_vendor_is_listed(name: str) -> None:
    """Whoever looks for a vendor that is included finds its page from wherever they are listed."""
    for page in (README, *(DOCS / f"{p}.md" for p in ("index", "installation", "vendors"))):
        assert f"({'docs/' * (page == README)}{name}.md)" in page.read_text("utf-8"), page
    for table in ("reliability.md", "howto/prices-from-csv.md"):
        assert f"{name}.md" in (DOCS / table).read_text("utf-8") or name == "ecwid", table
    site = SITE.read_text("utf-8")
    assert f'"{name}.md"' in site
    assert f'"api/{name}.md"' in site
    if "## Findings" in (DOCS / f"{name}.md").read_text("utf-8"):
        assert f"({name}.md#findings)" in STATUSES


@needs_the_tree
def test_files_that_are_named_are_there() -> None:
    """Each file or folder of the source that the page on the architecture names exists."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:batchhub|adapters|docs|tests)/[^`]+)`", text)

    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


# Blocks.


def test_what_is_not_run_says_why() -> None:
    """All but a few blocks of commands and programs are run; these few say why they are not."""
    assert {place.partition(":")[0] for place in not_run()} == NOT_RUN
    elsewhere = [place for place in not_run() if "a-bad-night" not in place]  # has its own test
    assert len(elsewhere) <= 7


def test_every_program_is_run() -> None:
    """A script or module that a page has is used by a block below it, but for a few."""
    unused = {
        f"{name_of(page)}: {block.title}"
        for page in PAGES
        for block, below in with_rest(read_blocks(page))
        if block.language in RUN and block.title
        if not any(uses(other, block.title) for other in below)
    }

    assert unused == UNUSED


@pytest.mark.parametrize(("title", "most"), [("acme.py", 40), ("acme_sandbox.py", 30)])
def test_the_smallest_adapter_is_small(title: str, most: int) -> None:
    """An adapter with its account, and a stand-in for it, are short; blank lines count."""
    blocks = read_blocks(DOCS / "write-an-adapter.md")
    first = next(block for block in blocks if block.title == title)

    assert first.text.count("\n") <= most


def with_rest(blocks: Sequence[Block]) -> Iterator[tuple[Block, Sequence[Block]]]:
    """Yield each block with those below it."""
    return ((block, blocks[n:]) for n, block in enumerate(blocks, 1))


def uses(block: Block, name: str) -> bool:
    """Whether a block that is run names a file, or imports it as a module."""
    stem = re.escape(name.removesuffix(".py"))
    pattern = rf"^(?:from|import) {stem}\b" if block.language == "python" else re.escape(name)
    is_run = block.language in RUN and not block.why_not
    return is_run and re.search(pattern, block.text, re.MULTILINE) is not None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_fence_is_seen(page: Path) -> None:
    """Each fence begins or ends a block that is known, of a language that is checked or plain."""
    blocks = read_blocks(page)
    fences = re.findall(r"^ *(?:```|~~~)", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(fences) == 2 * len(blocks)
    assert {b.language for b in blocks} <= RUN | {"text", "toml", "json", "csv"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_data_is_well_formed(page: Path) -> None:
    """Blocks of TOML, JSON Lines and Python can be read."""
    for block in read_blocks(page):
        if block.language == "python":
            ast.parse(block.text, block.place)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "json":
            assert is_json(block.text.replace("{…}", "{}")), block.place


def is_json(text: str) -> bool:
    """Whether a text is JSON, as a whole or each line."""
    with suppress(ValueError):
        json.loads(text)
        return True
    return all(isinstance(json.loads(line), dict) for line in text.splitlines())


def test_generated_parts_hold_no_other_blocks() -> None:
    """No page draws the parts by hand: the comments around them are balanced."""
    for page in PAGES:
        text = prose(page)
        assert text.count("<!-- begin ") == text.count("<!-- end "), name_of(page)


# The machinery itself.


def test_a_console_is_split_at_its_prompts() -> None:
    """A command may go on over several lines; what follows is what it prints."""
    text = "$ one \\\n>   two\na\nb\n$ three\n"
    assert list(split_console(text)) == [("one two", "a\nb\n"), ("three", "")]


@pytest.mark.parametrize(
    ("shown", "printed", "is_same"),
    [
        ("a  b", "a b", True),
        ("a b", "a c", False),
        ("job 261123-crxuzftf: done; 7 s", "job 270101-aaaabbbb: done; 0 s", True),
        ("id …, 3 items", "id x-y, 3 items", True),
        ("id …, 3 items", "id x-y, 4 items", False),
        ("a\n…\nb", "a\nx\ny\nb", True),
        ("a\n…\nb", "a\nb", True),
        ("a\n…\nb", "a\nx", False),
        ("a\n…", "a\nx\ny", True),
        ("a\nb", "a", False),
    ],
)
def test_what_may_vary(shown: str, printed: str, is_same: bool) -> None:
    """Ids of jobs, times and dots stand for others; all else is as shown."""
    assert bool(re.fullmatch(make_pattern(shown), squeeze(printed))) is is_same

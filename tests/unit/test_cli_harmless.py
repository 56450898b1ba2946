"""Texts of others on a terminal: no command lets them act there, or look like another text."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen
from support.plugins import write_plugin

from batchhub import BatchHub
from batchhub.cli import main
from batchhub.cli.screen.harmless import escape_hidden, show_plain, show_styled

EVIL: Final = (
    "\x9b31m\x9d0;title\x07\x1b]0;title\x07\x1b[2J"
    "\u202egnp.exe\u2066\x85\x7f\u2028\u200b\x00\u061cend"
)
"""Commands for a terminal, of C0 and of C1, marks that turn the writing round, what is not seen."""

HARM: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
    r"|\x1b(?!\[)|\x1b\[2J"
)

PLUGIN: Final = """
import json
from attrs import frozen
from batchhub.adapter import (
    Accepted, Account, Adapter, Budget, Capabilities, ItemReport, Observation, Probe, Report, secret
)
from batchhub.errors import CredentialsError, NoAnswerError, RefusedError
from batchhub.models import BatchState, Finding, ItemState

EVIL = @EVIL@
polls = {{}}

@frozen(kw_only=True)
class PluginAccount(Account):
    adapter = {name!r}
    base_url: str = "http://127.0.0.1:9"
    who: str = "one"
    mode: str = "fine"

    @property
    def identity(self):
        return self.who

    @property
    def budget(self):
        return Budget(requests=1000, per_s=1.0)

class PluginAdapter(Adapter):
    name = {name!r}
    account_type = PluginAccount
    operations = {{"work": Capabilities(max_items=10, poll_s=0.1, min_poll_s=0.01)}}
    states = {{"Done": BatchState.COMPLETED}}

    def encode(self, operation, item, options):
        return json.dumps(dict(item.payload)).encode()

    def check_options(self, operation, options):
        return dict(options)

    async def submit(self, submission, steps):
        if self.account.mode == "refused":
            raise CredentialsError(EVIL, status=401)
        if self.account.mode == "silent":
            raise NoAnswerError(EVIL)
        if self.account.mode == "rejected":
            raise RefusedError(EVIL, status=400)
        ref = "".join(c for c in EVIL if c.isprintable())  # another one is refused
        return Accepted(vendor_refs=(ref,), vendor={{EVIL: EVIL}})

    async def poll(self, tickets):
        key = tickets[0].submitted_at
        polls[key] = polls.get(key, 0) + 1
        word = EVIL if polls[key] < 3 else "Done"
        finding = Finding(code="odd", message=EVIL, examples=(EVIL,))
        return [Observation(words=(word,), vendor={{EVIL: [EVIL]}}, findings=(finding,))]

    async def fetch_results(self, ticket, items):
        raw = json.dumps({{EVIL: EVIL}}, ensure_ascii=False).encode()
        return Report(items=[
            ItemReport(id=i.id, state=ItemState.FAILED, code=400, message=EVIL, raw=raw,
                       vendor_ref=EVIL)
            for i in items
        ])

    async def probe(self, vendor_ref=None):
        if self.account.mode == "refused":
            raise CredentialsError(EVIL, status=401)
        if self.account.mode == "silent":
            raise ValueError(EVIL)
        return Probe(request=EVIL, status=200, raw=EVIL.encode(), reading={{EVIL: EVIL}})
"""


class Terminal(io.TextIOWrapper):
    """A terminal, of which everything that was written to it is kept."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding="utf-8", newline="", write_through=True)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return True

    @property
    def text(self) -> str:
        """What was written to it."""
        self.flush()
        return self._bytes.getvalue().decode()


@frozen
class Shown:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Shown]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command on a terminal, in a folder whose every text is an attack."""
    site = tmp_path / "site"
    site.mkdir()
    write_plugin(site, "evil", PLUGIN.replace("@EVIL@", repr(EVIL)))
    monkeypatch.syspath_prepend(site)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name in ("BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT", "BATCHHUB_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    tables = [
        f"[accounts.{json.dumps(name)}]\nadapter = 'evil'\nwho = '{mode}'\nmode = '{mode}'\n"
        for name, mode in [(EVIL, "fine"), *((m, m) for m in ("refused", "silent", "rejected"))]
    ]
    (work / "batchhub.toml").write_text('store = "jobs.db"\n' + "\n".join(tables))
    items = [{"id": f"{n}{EVIL}", "a": EVIL} for n in range(3)]
    (work / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (work / "broken.jsonl").write_text('{"id": "1"}\n{"\u202e\x9b": \n', encoding="utf-8")
    (work / "bad.csv").write_text(f"id,{EVIL[:40]}\n1,2,3\n".replace("\x85", ""), encoding="utf-8")

    def run(*arguments: str) -> Shown:
        out, err = Terminal(), Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.setattr(sys, "argv", ["batchhub", *arguments])
            with pytest.raises(SystemExit) as stop:
                main()
        assert not (found := HARM.search(out.text + err.text)), (
            arguments,
            found,
            (out.text + err.text)[max(0, found.start() - 60) : found.end() + 10],
        )
        return Shown(int(stop.value.code or 0), out.text, err.text)

    return run


def job_ids() -> list[str]:
    """Return the ids of the jobs in the store, oldest first."""

    async def find() -> list[str]:
        async with BatchHub("jobs.db") as hub:
            return [job.id for job in await hub.jobs()]

    return asyncio.run(find())


RUN: Final = ["run", "items.jsonl", "--account", EVIL, "--label", EVIL]
JOB: Final = "JOB"
"""Stands for the id of the first job."""

GROUPS: Final = {
    "run": [
        [*RUN, "--key", "k", "--log-format", "json"],
        [*RUN, "--json"],
        [*RUN, "--out", "-"],
        [*RUN, "--dry-run"],
        ["run", "items.jsonl", "--account", "refused"],
        ["run", "items.jsonl", "--account", "rejected"],
        ["run", "items.jsonl", "--account", "silent"],
    ],
    "bad input": [
        [*RUN, "--option", f"x={EVIL}"],
        ["run", "broken.jsonl", "--account", EVIL],
        ["run", "bad.csv", "--account", EVIL],
        ["run", f"no{EVIL.replace(chr(0), '')}", "--account", EVIL],
        ["run", "items.jsonl", "--account", f"no{EVIL}"],
        ["run", "items.jsonl", "--account", EVIL, f"--no{EVIL}"],
        ["status", f"no{EVIL}"],
        ["list", "--state", EVIL],
        ["results", JOB, "--format", EVIL],
        [f"{EVIL}"],
    ],
    "submit": [
        ["submit", "items.jsonl", "--account", EVIL, "--label", EVIL],
        ["submit", "items.jsonl", "--account", EVIL, "--json"],
        ["submit", "items.jsonl", "--account", "refused"],
        ["submit", "items.jsonl", "--account", "rejected"],
        ["watch"],
        ["resume"],
        ["resume", "--json"],
    ],
    "readers": [
        ["status", JOB],
        ["status", JOB, "--json"],
        ["status", JOB, "-v"],
        ["list"],
        ["list", "--json"],
        ["list", "--account", EVIL],
        ["watch", JOB],
        ["watch", JOB, "--json"],
        ["results", JOB],
        ["results", JOB, "--format", "csv"],
        ["results", JOB, "--fields", f"id,message,body.{EVIL}"],
    ],
    "changes": [
        ["retry", JOB, "--wait"],
        ["retry", JOB],
        ["cancel", JOB],
        ["prune", "--older-than", "0s"],
    ],
    "accounts": [
        ["check"],
        ["check", "--json"],
        ["doctor", EVIL],
        ["doctor", EVIL, "--json"],
        ["doctor", "refused"],
        ["doctor", "silent", "-v"],
        ["adapters"],
        ["adapters", "--json"],
    ],
}


@pytest.mark.parametrize("group", GROUPS)
def test_every_command_shows_the_texts_of_others_without_harm(command: Command, group: str) -> None:
    """On a terminal, with tables, as JSON, with the log: nothing acts on it."""
    ended = command(*RUN, "-vv")
    assert ended.code == 1, ended.err
    assert "end" in ended.err
    (job_id,) = job_ids()
    for arguments in GROUPS[group]:
        command(*(job_id if word == JOB else word for word in arguments))


@pytest.mark.parametrize("columns", ["20", "60", "300"])
def test_a_narrow_terminal_is_as_safe(
    command: Command, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the tables are laid out, and bars with them."""
    monkeypatch.setenv("COLUMNS", columns)
    command("run", "items.jsonl", "--account", EVIL, "--label", EVIL)
    (job_id,) = job_ids()
    for arguments in (["status", job_id], ["list"], ["watch"], ["adapters"], ["check"]):
        command(*arguments)


def test_json_means_the_same_when_it_is_escaped(command: Command) -> None:
    """A program that reads it gets every character; a result file has them as they came."""
    command("run", "items.jsonl", "--account", EVIL, "--label", EVIL, "--out", "out.jsonl")
    (job_id,) = job_ids()
    assert json.loads(command("status", job_id, "--json").out)["label"] == EVIL
    shown = [json.loads(line) for line in command("results", job_id).out.splitlines()]
    written = [json.loads(line) for line in Path("out.jsonl").read_text().split("\n") if line]
    assert shown == written
    assert shown[0]["message"] == EVIL
    assert shown[0]["body"] == {EVIL: EVIL}
    assert "\u202e" in Path("out.jsonl").read_text()


def test_what_is_harmless_stays() -> None:
    """Colours, live progress, letters of any language, emoji."""
    text = "Ürün ✓ 價格 😀 tab\tline\nnext"
    assert show_plain(text) == show_styled(text) == text
    assert (
        show_styled("\x1b[1;32mok\x1b[0m\x1b[2K\x1b[1A\r") == "\x1b[1;32mok\x1b[0m\x1b[2K\x1b[1A\r"
    )
    assert show_plain("\x1b[32mno\r") == "?[32mno?"
    assert escape_hidden(text.encode()) == text.encode()
    assert escape_hidden("\x7f\U000e0001".encode()) == b"\\u007f\\udb40\\udc01"

"""`--rejects`: rows that can't go are set aside, the others are sent; without it nothing is."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.raw_stores import open_raw
from support.vendor import ScriptedAccount
from typer.testing import CliRunner, Result

from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode

Command = Callable[..., Result]

SETTINGS = """
store = "jobs.db"
[accounts.work]
adapter = "scripted"
"""
MARKS = ["_batchhub_line", "_batchhub_reason"]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in a folder with settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    for name in ("BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT", "BATCHHUB_STORE"):
        monkeypatch.delenv(name, raising=False)
    Path("batchhub.toml").write_text(SETTINGS)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def write_items(rows: int, bad: tuple[int, ...] = (), name: str = "items.csv") -> None:
    """Write a table; rows with the numbers in `bad` have a cell too few."""
    lines = [f"a{n};b{n}" if n not in bad else f"a{n}" for n in range(1, rows + 1)]
    Path(name).write_text("\n".join(["x;y", *lines]) + "\n")


def submit(command: Command, *arguments: str, file: str = "items.csv") -> Result:
    """Submit the items with a file for what can't be sent."""
    return command("submit", file, "--account", "work", "--rejects", "bad.csv", *arguments)


def read_bad() -> list[list[str]]:
    """Return the rows that were set aside, with their header."""
    with Path("bad.csv").open(newline="") as file:
        return list(csv.reader(file, delimiter=";"))


def files() -> set[str]:
    """Return the names of the files here, but for the store's."""
    return {file.name for file in Path().iterdir() if not file.name.startswith("jobs.db")}


def test_the_rows_that_can_go_are_sent_and_the_others_set_aside(command: Command) -> None:
    """The code is 1, and the last line says how to send the others."""
    write_items(20, bad=(3, 17))

    result = submit(command, "--key", "mo", "--label", "März's", "--delimiter", ";")

    assert result.exit_code == ExitCode.UNSUCCESSFUL, result.stderr
    assert "18 items for work" in result.stderr
    assert [row[:2] + row[3:4] for row in read_bad()[1:]] == [
        ["a3", "_batchhub_missing", "the row has 1 cell, the header 2 columns; is one missing?"],
        ["a17", "_batchhub_missing", "the row has 1 cell, the header 2 columns; is one missing?"],
    ]
    assert [row[2] for row in read_bad()] == ["_batchhub_line", "4", "18"]
    last = result.stderr.splitlines()[-1]
    said, _, line = last.partition(" correct them, then: ")
    assert said == "2 rows set aside in bad.csv;"
    assert shlex.split(line) == [
        *("batchhub", "submit", "bad.csv", "--account", "work", "--label", "März's"),
        *("--delimiter", ";", "--text", "x", "--text", "y", "--key", "mo/rejects"),
    ]


def test_the_status_says_how_many_rows_were_never_sent(command: Command) -> None:
    """In the morning the line of the night's run may be gone; a job without such rows has none."""
    write_items(20, bad=(3, 17))
    submit(command, "--key", "mo", "--delimiter", ";")
    assert "refused      2 rows of items.csv, never sent\n" in command("status", "mo").stdout
    write_items(4)
    submit(command, "--key", "tu", "--delimiter", ";")
    assert "never sent" not in command("status", "tu").stdout
    write_items(20, bad=(3,))
    submit(command, "--key", "we", "--delimiter", ";", "--no-keep-input")
    assert "never sent" not in command("status", "we").stdout


def test_damaged_rows_hide_neither_the_job_nor_its_results(command: Command) -> None:
    """What they were is lost; how the job stands, and what came of it, is not."""
    write_items(4)
    submit(command, "--key", "mo", "--delimiter", ";")
    with closing(open_raw("jobs.db")) as store:
        store.execute("UPDATE inputs SET head = x'c1'")
        store.commit()
    assert command("status", "mo").exit_code == ExitCode.OK
    assert command("results", "mo", "--out", "r.csv").exit_code == ExitCode.OK
    broken = command("results", "mo", "--out", "s.csv", "--with-input")
    assert broken.exit_code != ExitCode.OK
    assert "Traceback" not in broken.stderr


def test_the_corrected_rows_are_sent_by_the_command_that_is_printed(command: Command) -> None:
    """The two columns are ignored; a row that is not corrected is refused again."""
    write_items(20, bad=(3, 17))
    first = submit(command, "--key", "mo")
    line = first.stderr.rpartition("then: ")[2]
    words = shlex.split(line)[1:]

    again = command(*words)
    assert again.exit_code == ExitCode.USAGE
    assert "column 'y' has no cell; write it in place of _batchhub_missing" in again.stderr

    Path("bad.csv").write_text(Path("bad.csv").read_text().replace("_batchhub_missing", "7.0"))
    done = command(*words, "--dry-run", "--json")
    assert done.exit_code == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["sample"] == {"x": "a3", "y": "7.0"}
    assert command(*words).exit_code == ExitCode.OK


def test_numbers_that_the_first_file_showed_keep_their_notation(command: Command) -> None:
    """Where 1.500 was one and a half, it is that in the rows that were set aside, too."""
    Path("items.csv").write_text("x;y\na;1.25\nb;1.500\nc\n")
    words = shlex.split(submit(command).stderr.rpartition("then: ")[2])[1:]
    assert words[-6:] == ["--decimal", "point", "--text", "x", "--number", "y"]

    Path("bad.csv").write_text(Path("bad.csv").read_text().replace("_batchhub_missing", "1.500"))
    done = command(*words, "--dry-run", "--json")
    assert '"sample":{"x":"c","y":1.500}' in done.stdout.replace(": ", ":").replace(", ", ",")


def test_the_same_command_again_joins_and_finds_its_file(command: Command) -> None:
    """Also without a process that was there to the end."""
    write_items(20, bad=(3,))
    first = submit(command, "--key", "mo")
    content = Path("bad.csv").read_bytes()

    again = submit(command, "--key", "mo")
    assert (again.exit_code, again.stdout) == (ExitCode.UNSUCCESSFUL, first.stdout)
    assert Path("bad.csv").read_bytes() == content
    Path("bad.csv").unlink()
    assert submit(command, "--key", "mo").stdout == first.stdout
    assert Path("bad.csv").read_bytes() == content


def test_a_file_that_was_changed_is_never_overwritten(command: Command) -> None:
    """Nothing is sent; the line says what to do."""
    write_items(20, bad=(3,))
    Path("bad.csv").write_text("mine\n")

    result = submit(command)

    assert result.exit_code == ExitCode.USAGE
    expected = "error: bad.csv exists and holds something else; name another file or remove it"
    assert result.stderr.splitlines()[-1] == f"{expected}; nothing was sent"
    assert Path("bad.csv").read_text() == "mine\n"
    assert command("list", "--json").stdout.strip() in {"", "[]"}


def test_where_nothing_is_refused_there_is_no_file(command: Command) -> None:
    """One of an earlier run is named, since nothing in it is of this one."""
    write_items(20)
    assert submit(command).exit_code == ExitCode.OK
    assert files() == {"batchhub.toml", "items.csv"}
    Path("bad.csv").write_text("mine\n")
    result = submit(command)
    assert result.exit_code == ExitCode.OK
    assert result.stderr.splitlines()[-1] == "no row was set aside; bad.csv is of an earlier run"


@pytest.mark.parametrize(
    ("bad", "limit", "message"),
    [
        (11, (), "11 of 20 rows refused, more than half; --max-rejects allows more"),
        (2, ("--max-rejects", "1"), "2 of 20 rows refused, more than 1"),
        (3, ("--max-rejects", "10%"), "3 of 20 rows refused, more than 10 %"),
        (20, ("--max-rejects", "100%"), "all 20 rows were refused; nothing was sent"),
    ],
)
def test_more_than_the_limit_sends_nothing(
    command: Command, bad: int, limit: tuple[str, ...], message: str
) -> None:
    """The options don't fit the file; the first mistakes show how."""
    write_items(20, bad=tuple(range(1, bad + 1)))

    result = submit(command, *limit)

    assert result.exit_code == ExitCode.USAGE
    assert message in result.stderr.splitlines()[-1]
    assert result.stderr.count("refused: items.csv: line ") == bad
    assert files() == {"batchhub.toml", "items.csv"}
    dry = submit(command, *limit, "--dry-run")
    assert dry.exit_code == ExitCode.USAGE
    assert dry.stdout.startswith("nothing would be sent: items.csv: ")


def test_the_printed_command_finds_its_files(command: Command) -> None:
    """A name that looks like an option, and the settings and the store that were named."""
    write_items(20, bad=(3,))
    named = ("--config", "batchhub.toml", "--store", "other.db")
    first = command("submit", "items.csv", "--account", "work", "--rejects=-bad.csv", *named)
    words = shlex.split(first.stderr.rpartition("then: ")[2])
    assert (words[:3], words[-4:]) == (["batchhub", "submit", "./-bad.csv"], [*named])

    bad = Path("-bad.csv")
    bad.write_text(bad.read_text().replace("_batchhub_missing", "b3"))
    assert command(*words[1:]).exit_code == ExitCode.OK


def test_an_id_that_is_there_twice_is_set_aside_with_both_its_lines(command: Command) -> None:
    """The lines of the file, blank ones counted."""
    Path("items.csv").write_text("id;x\na;1\n\na;2\nb;3\n")
    assert submit(command).exit_code == ExitCode.UNSUCCESSFUL
    ((*_, line, reason),) = read_bad()[1:]
    assert line == "4"
    assert reason.startswith("the id 'a' is there twice, first in line 2;")


def test_it_is_none_of_the_files_this_command_uses(command: Command) -> None:
    """Neither the store, whatever its name, nor what stands beside it."""
    write_items(20, bad=(3,))
    result = command(
        "submit", "items.csv", "--account", "work", "--rejects", "jobs.csv", "--store", "jobs.csv"
    )
    assert result.exit_code == ExitCode.USAGE
    assert (
        "jobs.csv: this command uses it for something else, too; name another file; nothing"
        in result.stderr
    )
    assert files() == {"batchhub.toml", "items.csv"}


def test_half_is_not_more_than_half(command: Command) -> None:
    """They are set aside."""
    write_items(20, bad=tuple(range(1, 11)))
    assert submit(command).exit_code == ExitCode.UNSUCCESSFUL
    assert len(read_bad()) == 11


def test_a_dry_run_writes_no_file_and_says_what_would_be_set_aside(command: Command) -> None:
    """The code is that of the real one."""
    write_items(20, bad=(3, 17))
    result = submit(command, "--dry-run")
    assert result.exit_code == ExitCode.UNSUCCESSFUL
    assert "would send 18 items" in result.stdout
    assert "2 rows would be set aside in bad.csv" in result.stdout
    plan = json.loads(submit(command, "--dry-run", "--json").stdout)
    assert (plan["items"], plan["refused"], plan["set_aside"]) == (18, 2, 2)
    assert files() == {"batchhub.toml", "items.csv"}


def test_without_it_the_first_twenty_mistakes_are_listed(command: Command) -> None:
    """With a count, and what to do about them; nothing is sent."""
    write_items(60, bad=tuple(range(1, 24)))

    result = command("run", "items.csv", "--account", "work")

    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    *listed, more, last = result.stderr.splitlines()
    assert len([line for line in listed if line.startswith("refused: items.csv: line ")]) == 20
    assert more == "refused: 3 more, not shown"
    assert last == (
        "error: items.csv: 23 of 60 rows can't be sent; nothing was sent; correct them, or set "
        "them aside with --rejects FILE"
    )
    assert files() == {"batchhub.toml", "items.csv"}


def test_a_single_mistake_is_one_line(command: Command) -> None:
    """Where every row is wrong, none is to be set aside."""
    write_items(3, bad=(2,))
    result = command("run", "items.csv", "--account", "work")
    assert result.stderr.splitlines()[-1] == (
        "error: items.csv: line 3: the row has 1 cell, the header 2 columns; is one missing?; "
        "nothing was sent; correct it, or set it aside with --rejects FILE"
    )
    write_items(1, bad=(1,))
    result = command("run", "items.csv", "--account", "work")
    assert result.stderr.endswith("is one missing?; nothing was sent\n")


def test_what_the_adapter_refuses_is_set_aside_as_its_row_is(command: Command) -> None:
    """Of two with the same id the second one, too."""
    Path("items.csv").write_text("id;bad\na;\nb;1\na;\nc;\n")
    assert submit(command).exit_code == ExitCode.UNSUCCESSFUL
    rows = read_bad()
    assert [row[:3] for row in rows[1:]] == [["b", "1", "3"], ["a", "", "4"]]
    assert rows[1][3] == "it says that it is bad"
    assert "there twice" in rows[2][3]


def test_json_lines_are_set_aside_with_what_is_no_object(command: Command) -> None:
    """A line that is none is kept as text, and must be corrected to be read."""
    Path("items.jsonl").write_text('{"n": 1}\n{"n": 2\n{"bad": 1}\n{"n": 4}\n{"n": 5}\n')
    call = ("submit", "items.jsonl", "--account", "work", "--rejects", "bad.jsonl")
    result = command(*call)
    assert result.exit_code == ExitCode.UNSUCCESSFUL
    broken, bad = (json.loads(line) for line in Path("bad.jsonl").read_text().splitlines())
    assert (broken["_batchhub_text"], broken["_batchhub_line"]) == ('{"n": 2', 2)
    assert (bad["bad"], bad["_batchhub_line"]) == (1, 3)
    again = command("submit", "bad.jsonl", "--account", "work")
    assert "line that was no JSON object as _batchhub_text; write the object" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rejects", "items.csv"), "it is the file that the rows come from"),
        (("--rejects", "./items.csv"), "it is the file that the rows come from"),
        (("--rejects", "link.csv"), "it is the file that the rows come from"),
        (("--rejects", "none/bad.csv"), "there is no folder"),
        (("--rejects", "bad.jsonl"), "rows of items.csv fit into .csv or .tsv or .xlsx"),
        (("--rejects", "bad"), "its name ends in one of .csv"),
        (("--rejects", ""), "its name ends in one of .csv"),
        (("--max-rejects", "5"), "--max-rejects needs --rejects"),
        (("--rejects", "bad.csv", "--max-rejects", "x"), "--max-rejects is a number of rows"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_makes_no_sense_is_refused_before_a_row_is_read(
    command: Command, arguments: tuple[str, ...], message: str, *, dry_run: bool
) -> None:
    """In one line."""
    write_items(5, bad=(2,))
    Path("link.csv").symlink_to("items.csv")
    dry = ("--dry-run",) if dry_run else ()
    result = command("run", "items.csv", "--account", "work", *arguments, *dry)
    assert (result.exit_code, result.stdout) == (ExitCode.USAGE, "")
    assert message in result.stderr.splitlines()[-1]
    assert "refused: " not in result.stderr


def test_results_and_rejects_are_two_files(command: Command) -> None:
    """The store is a file of its own as well."""
    write_items(5, bad=(2,))
    result = command(
        *("run", "items.csv", "--account", "work", "--rejects", "r.csv", "--out", "r.csv")
    )
    assert result.exit_code == ExitCode.USAGE
    assert (
        "r.csv: this command uses it for something else, too; name another file; nothing was sent"
        in result.stderr
    )


def count_blocks() -> int:
    """Count the blocks of rows in the store."""
    with closing(open_raw("jobs.db")) as store:
        return int(store.execute("SELECT COUNT(*) FROM input_blocks").fetchone()[0])


def test_rows_are_kept_unless_it_is_said(command: Command) -> None:
    """Those that were set aside too; `--no-keep-input` keeps none of a submit."""
    write_items(4, bad=(2,))
    assert submit(command, "--no-keep-input").exit_code == ExitCode.UNSUCCESSFUL
    assert count_blocks() == 0
    assert submit(command).exit_code == ExitCode.UNSUCCESSFUL
    assert count_blocks() == 1


@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["submit", "dry run"])
def test_a_row_with_a_secret_sends_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    """It is named by its line, with the option that sends it all the same; so says a dry run."""
    monkeypatch.setattr(ScriptedAccount, "secrets", ("s3cretword",))
    Path("items.csv").write_text("x;y;z\na1;b1;\na2;b2;s3cretword\n")
    options = ("--set", "x={x}", "--account", "work", *more)

    result = command("submit", "items.csv", *options)

    assert result.exit_code == ExitCode.USAGE
    assert "s3cretword" not in result.output
    assert result.stderr.splitlines()[-1] == (
        "error: items.csv: line 3 holds a secret of the account, which would be stored; take it "
        "out, or submit with --no-keep-input; nothing was sent"
    )
    assert command("submit", "items.csv", *options, "--no-keep-input").exit_code == ExitCode.OK

"""The file of --out: what may be written over, and a user's own sheet with the results."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from support.plugins import write_plugin
from typer.testing import CliRunner, Result

from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode
from batchhub.errors import StoreError
from batchhub.job import BatchJob

Command = Callable[..., Result]

PLUGIN = """
from pathlib import Path
from attrs import frozen
from batchhub.adapter import Accepted, Account, Adapter, Budget, Capabilities, ItemReport, Report
from batchhub.models import ItemState

@frozen(kw_only=True)
class PluginAccount(Account):
    adapter = {name!r}
    shop: str
    base_url: str = "http://127.0.0.1:9"

    @property
    def identity(self):
        return self.shop

    @property
    def budget(self):
        return Budget(requests=1000, per_s=1.0)

class PluginAdapter(Adapter):
    name = {name!r}
    account_type = PluginAccount
    key_field = "sku"
    operations = {{"work": Capabilities(max_items=100)}}

    async def submit(self, submission, steps):
        Path("sent").touch()
        if Path("meanwhile").exists():
            Path("out.csv").write_text("by somebody else")
        found = []
        for item in submission.items:
            state = ItemState.FAILED if b"nope" in item.wire else ItemState.SUCCEEDED
            message = "=no such thing" if b"nope" in item.wire else None
            found.append(ItemReport(id=item.id, state=state, message=message))
        return Accepted(vendor_refs=("B1",), report=Report(items=found))
"""
SETTINGS = """store = "jobs.db"
[accounts.shop]
adapter = "plugged"
shop = "one"
[accounts.other]
adapter = "plugged"
shop = "two"
"""
ITEMS = "id,sku,price\n1,a,9.90\n2,nope,1\n"
RUN = ("run", "items.csv", "--account", "shop")
OUT = ("--out", "out.csv")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in a folder with a sheet, where an adapter ``plugged`` is installed."""
    site = tmp_path / "site"
    site.mkdir()
    write_plugin(site, "plugged", PLUGIN)
    monkeypatch.syspath_prepend(site)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name in ("BATCHHUB_CONFIG", "BATCHHUB_ACCOUNT", "BATCHHUB_STORE"):
        monkeypatch.delenv(name, raising=False)
    Path("batchhub.toml").write_text(SETTINGS)
    Path("items.csv").write_text(ITEMS)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, prog_name="batchhub")

    return run


def job_id(done: Result) -> str:
    """Return the id of the job that was just submitted."""
    return done.stderr.split("job ")[1].split(":")[0]


def refusal(done: Result) -> str:
    """Return the one line that a refused command wrote."""
    assert done.exit_code == ExitCode.USAGE
    line, end = done.stderr.split("\n")
    assert not end
    return line


# What may be written over.


def test_a_file_that_is_there_is_not_written_over(command: Command) -> None:
    """Nothing is sent; the line names what to do."""
    Path("out.csv").write_text("my own")
    assert refusal(command(*RUN, *OUT)) == (
        "error: can't write results to out.csv: it exists, and nothing says that it has results; "
        "--force overwrites it, or name another file; nothing was sent"
    )
    assert Path("out.csv").read_text() == "my own"
    assert not Path("sent").exists()
    done = command(*RUN, *OUT, "--force")
    assert done.exit_code == ExitCode.UNSUCCESSFUL
    assert Path("out.csv").read_text().startswith("id,state")


@pytest.mark.parametrize(
    ("only", "skus"),
    [
        ("rejected", ["c"]),
        ("failed,rejected", ["nope", "c"]),
        ("succeeded", ["a"]),
        ("pending", []),
        ("Rejected,succeeded,failed", ["a", "nope", "c"]),
    ],
)
def test_rows_can_be_chosen_by_what_only_rows_are(
    command: Command, only: str, skus: list[str]
) -> None:
    """What is to be corrected is what failed and what was refused."""
    Path("items.csv").write_text("id,sku,price\n1,a,9.90\n2,nope,1\n2,c,3\n")
    done = command(*RUN, "--rejects", "rejects.csv")
    job = job_id(done)
    chosen = command("results", job, "--with-input", "--only", only, "--out", "r.csv")
    assert chosen.exit_code == ExitCode.OK, chosen.stderr
    with Path("r.csv").open(newline="") as file:
        assert [row["sku"] for row in csv.DictReader(file)] == skus
    assert "--with-input" in refusal(command("results", job, "--only", "rejected"))
    assert "takes succeeded" in refusal(command("results", job, "--with-input", "--only", "odd"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_what_could_not_be_written_is_named_with_its_options(command: Command) -> None:
    """Once there is room, the line writes what was asked for, and not bare results."""
    done = command(*RUN, "--out", "/dev/full", "--with-input", "--out-format", "csv")
    assert "error: can't write results to /dev/full: No space left" in done.stderr
    job = job_id(done)
    line = f"all results           batchhub results {job} --with-input --format csv --out /dev/full"
    assert line in done.stderr


def test_the_same_job_writes_its_file_again(command: Command) -> None:
    """By its key, by its id, in another format, as often as one likes; by another name of it."""
    first = command(*RUN, *OUT, "--key", "monday")
    before = Path("out.csv").read_text()
    assert command(*RUN, *OUT, "--key", "monday").exit_code == first.exit_code
    assert Path("out.csv").read_text() == before
    again = command("results", job_id(first), *OUT, "--format", "jsonl")
    assert again.exit_code == ExitCode.OK
    assert Path("out.csv").read_text().startswith('{"id"')
    Path("link.csv").symlink_to("out.csv")
    assert command("results", job_id(first), "--out", "link.csv").exit_code == ExitCode.OK
    assert Path("link.csv").is_symlink()
    assert Path("out.csv").read_text() == before


def test_another_job_does_not(command: Command) -> None:
    """Neither one without a key, nor of another key, nor of that key at another account."""
    first = job_id(command(*RUN, *OUT, "--key", "monday"))
    before = Path("out.csv").read_text()
    others = [RUN, (*RUN, "--key", "tuesday"), (*RUN[:-1], "other", "--key", "monday")]
    for other in others:
        Path("sent").unlink(missing_ok=True)
        line = refusal(command(*other, *OUT))
        assert f"it exists, and has the results of job {first}; --force overwrites it" in line
        assert not Path("sent").exists()
    second = job_id(command(*RUN))
    line = refusal(command("results", second, *OUT))
    assert line.endswith(f"results of job {first}; --force overwrites it, or name another file")
    assert Path("out.csv").read_text() == before


def test_a_file_that_was_changed_since_is_somebodys_work(command: Command) -> None:
    """Also where it has as many bytes as before."""
    first = job_id(command(*RUN, *OUT, "--key", "monday"))
    Path("out.csv").write_text(Path("out.csv").read_text().replace("1", "3"))
    line = refusal(command("results", first, *OUT))
    assert f"it exists, and was changed since it got the results of job {first}; --force" in line
    assert "nothing was sent" in refusal(command(*RUN, *OUT, "--key", "monday"))
    assert command("results", first, *OUT, "--force").exit_code == ExitCode.OK
    assert command("results", first, *OUT).exit_code == ExitCode.OK


def test_a_deleted_job_has_no_file(command: Command) -> None:
    """What the store does not know any more is nobody's to write over."""
    command(*RUN, *OUT, "--key", "monday")
    assert command("prune", "--older-than", "0s").exit_code == ExitCode.OK
    assert "nothing says that it has results" in refusal(command(*RUN, *OUT, "--key", "monday"))


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_the_items_are_never_written_over(
    command: Command, make: Callable[[str, str], None]
) -> None:
    """By whatever name, and whatever is said; later neither."""
    make("items.csv", "out.csv")
    for name in ("out.csv", "items.csv", "./items.csv"):
        line = refusal(command(*RUN, "--out", name, "--force"))
        assert line.endswith("it is a file this command reads from")
    done = command(*RUN)
    for name in ("out.csv", "items.csv"):
        line = refusal(command("results", job_id(done), "--out", name, "--force"))
        assert line.endswith("are from this file")
    assert Path("items.csv").read_text() == ITEMS


def test_the_items_are_known_in_any_folder(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By where they are, and not by the name that they were given by: it may be another file's."""
    done = command(*RUN)
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    monkeypatch.setenv("BATCHHUB_STORE", "../jobs.db")
    line = refusal(command("results", job_id(done), "--out", "../items.csv", "--force"))
    assert line.endswith("are from this file")
    assert Path("../items.csv").read_text() == ITEMS
    assert command("results", job_id(done), "--out", "items.csv").exit_code == ExitCode.OK
    assert Path("items.csv").read_text().startswith("id,state")


def test_a_retry_spares_the_items_too(command: Command) -> None:
    """Its rows are those of the job that it retries; nothing is sent."""
    first = job_id(command(*RUN))
    Path("sent").unlink()
    line = refusal(command("retry", first, "--out", "items.csv", "--force"))
    assert line.endswith("are from this file; nothing was sent")
    second = command("retry", first, "--wait").stderr.split("job ")[1].split(" ")[0]
    Path("sent").unlink()
    line = refusal(command("retry", second, "--out", "items.csv", "--force"))
    assert f"the items of job {second} are from this file" in line
    assert Path("items.csv").read_text() == ITEMS
    assert not Path("sent").exists()


def test_items_from_standard_input_are_spared(command: Command, tmp_path: Path) -> None:
    """A file that the shell has opened is one that the command reads from."""
    script = "from batchhub.cli import main; main()"
    run = [sys.executable, "-c", script, "run", "-", "--account", "shop", "--format", "csv"]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    with Path("items.csv").open("rb") as items:
        done = subprocess.run(
            [*run, "--out", "items.csv", "--force"],
            stdin=items,
            capture_output=True,
            text=True,
            env=environ,
            check=False,
        )
    assert done.returncode == ExitCode.USAGE
    assert "it is a file this command reads from" in done.stderr
    assert Path("items.csv").read_text() == ITEMS


def test_pipes_and_devices_are_free(command: Command) -> None:
    """There is nothing in them to be lost."""
    done = command(*RUN, "--out", "/dev/null")
    assert done.exit_code == ExitCode.UNSUCCESSFUL
    assert command("results", job_id(done), "--out", "/dev/null").exit_code == ExitCode.OK
    assert command("results", job_id(done)).stdout.count("\n") == 2


def test_a_file_that_appears_meanwhile_is_kept(command: Command) -> None:
    """It is looked at once more before the results take its place; they are in the store."""
    Path("meanwhile").touch()
    done = command(*RUN, *OUT)
    assert done.exit_code == ExitCode.UNSUCCESSFUL  # that of the job
    assert "out.csv: it exists, and nothing says that it has results; write them to" in done.stderr
    assert Path("out.csv").read_text() == "by somebody else"
    assert not [name for name in os.listdir() if name.endswith(".part")]  # noqa: PTH208


@pytest.mark.parametrize("breaks_at", ["before it has its place", "behind it"])
def test_what_breaks_off_in_between_locks_nobody_out(
    command: Command, monkeypatch: pytest.MonkeyPatch, breaks_at: str
) -> None:
    """Whether the old file is still there or the new one, the store knows it."""
    first = job_id(command(*RUN, *OUT, "--key", "monday"))
    before = Path("out.csv").read_text()
    with monkeypatch.context() as patch:
        replace = Path.replace

        def break_off(one: Path, other: Path) -> None:
            if breaks_at == "behind it":
                replace(one, other)
            raise KeyboardInterrupt

        patch.setattr(Path, "replace", break_off)
        command("results", first, *OUT, "--format", "jsonl")
    is_old = Path("out.csv").read_text() == before
    assert is_old == (breaks_at == "before it has its place")
    assert command("results", first, *OUT).exit_code == ExitCode.OK
    Path("out.csv").write_text("changed")
    assert "was changed since" in refusal(command("results", first, *OUT))


@pytest.mark.parametrize("is_there", [True, False])
def test_a_file_that_is_written_while_its_place_is_taken_is_kept(
    command: Command, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """The last look is behind all that takes long."""
    first = job_id(command(*RUN, *(OUT if is_there else ())))
    save = BatchJob.save_export

    async def save_slowly(job: BatchJob, path: str, written: str | None = None) -> None:
        await save(job, path, written)
        theirs()

    def theirs() -> None:
        Path("out.csv").write_text("by somebody else")

    with monkeypatch.context() as patch:
        patch.setattr(BatchJob, "save_export", save_slowly)
        done = command("results", first, *OUT, "--format", "jsonl")
    assert done.exit_code != ExitCode.OK
    assert "out.csv: it has just been written by others; write them to another" in done.stderr
    assert Path("out.csv").read_text() == "by somebody else"
    assert "was changed since" in refusal(command("results", first, *OUT))


def test_what_takes_its_place_at_once_is_somebody_elses(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store knows what the command wrote, and not what is there when it is done."""
    replace = Path.replace

    def lose(one: Path, other: Path) -> None:
        replace(one, other)
        other.write_text("by somebody else")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lose)
        first = job_id(command(*RUN, *OUT))
    assert "was changed since it got the results" in refusal(command("results", first, *OUT))
    assert Path("out.csv").read_text() == "by somebody else"


def test_what_was_there_of_another_job_stays_its_own(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where --force breaks off, the other job's results are not taken for this one's."""
    command(*RUN, *OUT)
    before = Path("out.csv").read_text()
    Path("items.csv").write_text(ITEMS.replace("nope", "b"))
    second = job_id(command(*RUN))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _break)
        command("results", second, *OUT, "--force")
    assert Path("out.csv").read_text() == before
    refusal(command("results", second, *OUT))
    assert Path("out.csv").read_text() == before


def test_a_store_that_can_not_be_written_still_gives_its_results(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning says so; only writing over the file needs --force then."""
    first = job_id(command(*RUN))

    async def refuse(*_: object, **__: object) -> None:
        raise StoreError("store jobs.db can only be read")

    monkeypatch.setattr(BatchJob, "save_export", refuse)
    done = command("results", first, *OUT)
    assert done.exit_code == ExitCode.OK
    assert "warning: the store can't note what out.csv has: store jobs.db can" in done.stderr
    assert done.stderr.endswith("2 results in out.csv\n")
    assert "nothing says that it has results" in refusal(command("results", first, *OUT))


def test_a_retry_writes_its_own_file_again(command: Command) -> None:
    """Not the one of the job it retries, unless that is said."""
    first = job_id(command(*RUN, *OUT))
    line = refusal(command("retry", first, *OUT))
    assert line.endswith("--force overwrites it, or name another file; nothing was sent")
    done = command("retry", first, "--out", "again.csv")
    assert done.exit_code == ExitCode.UNSUCCESSFUL
    second = done.stderr.split("job ")[1].split(" ")[0]
    assert Path("again.csv").read_text().startswith("id,state")
    assert command("results", second, "--out", "again.csv").exit_code == ExitCode.OK


# A sheet with its results.


def test_run_gives_the_sheet_back(command: Command) -> None:
    """Every row as it was, with what became of it; rows that were refused with the reason."""
    Path("items.csv").write_text(ITEMS + "3,b\n")
    how = ("--rejects", "rejects.csv", "--with-input")
    done = command(*RUN, *OUT, *how)
    assert done.exit_code == ExitCode.UNSUCCESSFUL
    with Path("out.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header[3:] == [
        *("batchhub_state", "batchhub_code", "batchhub_message", "batchhub_vendor_ref")
    ]
    assert rows[:2] == [
        ["1", "a", "9.90", "succeeded", "", "", "B1"],
        ["2", "nope", "1", "failed", "", "'=no such thing", "B1"],
    ]
    assert rows[2][:4] == ["3", "b", "_batchhub_missing", "rejected"]
    assert rows[2][5].startswith("the row has 2 cells, the header 3 columns")


def test_results_gives_the_sheet_back_later(command: Command) -> None:
    """In another format, all rows or those of a state."""
    first = job_id(command(*RUN))
    done = command("results", first, "--with-input", "--out", "r.xlsx")
    assert done.stderr == "2 rows in r.xlsx\n"
    book = openpyxl.load_workbook("r.xlsx")
    assert [row[3].value for row in book["Results"].iter_rows(min_row=2)] == ["succeeded", "failed"]
    assert book["Failures"].max_row == 2
    done = command("results", first, "--with-input", "--only", "failed", "--format", "csv")
    assert done.stdout.splitlines()[1:] == ["2,nope,1,failed,,'=no such thing,B1"]
    done = command("results", first, "--with-input", *OUT, "--excel-csv")
    assert Path("out.csv").read_bytes().startswith(b"\xef\xbb\xbfid,sku,price,batchhub_state,")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--with-input",), "--with-input needs --out, which names the file"),
        (("--excel-csv",), "--excel-csv needs --out"),
        (("--force",), "--force needs --out"),
        (
            (*OUT, "--with-input", "--no-keep-input"),
            "--with-input writes the rows of the input, and --no-keep-input keeps none",
        ),
        ((*OUT, "--with-input", "--fields", "id"), "--fields is for results alone; rows have"),
        (("--out", "r", "--with-input", "--as", "order"), "--as is for results alone; rows have"),
        (("--out", "r.xlsx", "--excel-csv"), "--excel-csv is for csv, and r.xlsx is xlsx"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    command: Command, arguments: tuple[str, ...], message: str
) -> None:
    """Before anything is sent or written."""
    assert message in refusal(command(*RUN, *arguments))
    assert not Path("sent").exists()


def test_a_job_without_rows_says_so(command: Command) -> None:
    """In the words of the command; the results alone are there."""
    first = job_id(command(*RUN, "--no-keep-input"))
    line = refusal(command("results", first, "--with-input", *OUT))
    assert line.startswith("error: --with-input: ")
    assert "keep_input" not in line
    assert not Path("out.csv").exists()
    assert command("results", first, *OUT).exit_code == ExitCode.OK


def _break(*_: object) -> None:
    raise OSError(5, "Input/output error")

"""The real command with an adapter that is a file: the one that the documentation begins with."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.crash_lab import KILLED, Lab, wait_until
from support.described_vendor import ADDRESS, TOKEN, DescribedVendor, make_quick
from support.pages import DOCS, read_blocks
from support.processes import COMMAND, environment
from support.stand_ins import standing_in

FILES = {
    block.title: block.text
    for block in read_blocks(DOCS / "declare-an-adapter.md")
    if block.title in {"acme.toml", "batchhub.toml", "prices.csv"}
}
SANDBOX = next(
    block.text
    for block in read_blocks(DOCS / "declare-an-adapter.md")
    if block.title == "acme_sandbox.py"
)


@pytest.fixture
def vendor() -> DescribedVendor:
    """Make the vendor of the page."""
    return make_quick()


@pytest.fixture
def folder(
    vendor: DescribedVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Write the files of the page into a folder, with the address of its vendor."""
    monkeypatch.setenv("ACME_TOKEN", TOKEN)
    with standing_in(vendor) as url:
        for name, text in FILES.items():
            (tmp_path / name).write_text(text.replace(ADDRESS, url))
        yield tmp_path


def test_a_table_goes_in_and_results_come_out(lab: Lab, folder: Path) -> None:
    """Each row has its result; one failed, which the exit code says."""
    ran = lab.run(folder, "run", "prices.csv", "--account=shop", "--out=results.jsonl")

    assert ran.code == 1, ran.err
    results = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [(each["id"], each["state"], each["message"]) for each in results] == [
        ("A-1", "succeeded", None),
        ("A-2", "failed", "the price is not above zero"),
    ]
    assert TOKEN not in ran.out + ran.err


def test_the_next_process_follows_the_file_as_it_is_then(
    lab: Lab, folder: Path, vendor: DescribedVendor
) -> None:
    """A batch that is on its way is finished by another version of the file, and says so."""
    vendor.set_switch("never_ends", True)
    sent = lab.run(folder, "submit", "prices.csv", "--account=shop")
    assert sent.code == 0, sent.err
    acme, job = folder / "acme.toml", sent.out.strip()
    text = acme.read_text()
    acme.unlink()
    gone = lab.run(folder, "resume", "--timeout=1")
    assert gone.code == 4
    assert "no file acme.toml" in gone.err
    assert lab.run(folder, "status", job).code == 0

    acme.write_text(text.replace('message = "message"', 'message = "status"'))
    vendor.set_switch("never_ends", False)
    resumed = lab.run(folder, "resume")

    assert resumed.code == 1, resumed.err
    status = json.loads(lab.run(folder, "status", job, "--json").out)
    assert [each["code"] for each in status["findings"]] == ["description_changed"]
    results = lab.run(folder, "results", job).out.splitlines()
    assert [json.loads(line)["message"] for line in results] == ["ok", "error"]
    assert len(vendor.executions) == 2


def test_results_in_doubt_are_read_once_the_file_is_right(lab: Lab, folder: Path) -> None:
    """A place where the answer has nothing loses no result: they are read when it is mended."""
    acme = folder / "acme.toml"
    text = acme.read_text()
    acme.write_text(text.replace('list = "results"', 'list = "resultz"'))
    job = lab.run(folder, "submit", "prices.csv", "--account=shop").out.strip()

    def is_told() -> bool:
        return "nothing at resultz" in lab.run(folder, "status", job).out

    with closing(lab.start(folder, "resume")) as running:
        wait_until(is_told, "the results can't be read")
        assert running.kill().code == KILLED

    acme.write_text(text)
    assert lab.run(folder, "resume").code == 1
    status = json.loads(lab.run(folder, "status", job, "--json").out)
    assert status["counts"]["succeeded"] == status["counts"]["failed"] == 1
    assert [each["code"] for each in status["findings"]] == ["description_changed"]


def test_the_file_may_name_its_sandbox(folder: Path) -> None:
    """What `sandbox` prints are settings that name the file."""
    acme = folder / "acme.toml"
    acme.write_text('sandbox = "acme_sandbox:AcmeSandbox"\n' + acme.read_text())
    (folder / "acme_sandbox.py").write_text(SANDBOX)
    with subprocess.Popen(
        [COMMAND, "sandbox", "acme"],
        cwd=folder,
        env={**environment(folder), "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        process.kill()

    table = tomllib.loads("".join(lines))["accounts"]["acme"]
    assert (table["adapter"], table["shop"]) == ("file:acme.toml", "s-17")

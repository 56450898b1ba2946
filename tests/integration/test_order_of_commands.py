"""The order of jobs with the real command: handed over and driven by processes of their own."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from support.crash_lab import Lab
from support.processes import ask_sandbox, set_sandbox, write_settings, write_supplier
from support.stand_ins import standing_in

from batchhub_ecwid.sandbox import EcwidSandbox
from batchhub_mircate.sandbox import MircateSandbox

MAP = ("--map", "PUT /products/{product_id}", "--set", "price={price}", "--id", "{product_id}")


def write_prices(path: Path, prices: dict[int, str]) -> None:
    lines = [f"{number},{price}\n" for number, price in prices.items()]
    path.write_text("product_id,price\n" + "".join(lines))


@pytest.mark.parametrize("drivers", [1, 2])
def test_the_price_of_noon_is_the_last(lab: Lab, tmp_path: Path, drivers: int) -> None:
    """Four tickets of the night, one of noon; two processes resume them at once."""
    night = dict.fromkeys(range(2, 2001), "2.5") | {1: "100"}
    write_prices(tmp_path / "night.csv", night)
    write_prices(tmp_path / "noon.csv", {1: "9.90"})
    sandbox = EcwidSandbox()
    sandbox.change_switches({"item_time_s": 0.0005, "requests_per_minute": 100_000})
    with standing_in(sandbox) as url:
        write_settings(tmp_path, url)
        for name in ("night", "noon"):
            done = lab.run(
                tmp_path, "submit", f"{name}.csv", "--account=shop", *MAP, f"--key={name}"
            )
            assert done.code == 0, done.err
        with ExitStack() as stack:
            resuming = [
                stack.enter_context(closing(lab.start(tmp_path, "resume", "--quiet")))
                for _ in range(drivers)
            ]
            for running in resuming:
                ended = running.wait()
                assert ended.code == 0, ended.err
        executions = ask_sandbox(url, "journal")["executions"]
    ours = [e["body"]["price"] for e in executions if e["path"].endswith("/products/1")]
    assert ours == [100, 9.90]
    assert len(executions) == 2_001


def test_who_waits_is_held_and_names_whom(lab: Lab, tmp_path: Path) -> None:
    """At a vendor that runs in no order, behind a batch that was not answered."""
    (tmp_path / "night.jsonl").write_text('{"sku": "A-1", "price": 100}\n')
    (tmp_path / "noon.jsonl").write_text('{"sku": "A-1", "price": 9.9}\n')
    sandbox = MircateSandbox()
    sandbox.change_switches({"item_time_s": 0.001, "requests_per_minute": 100_000})
    sandbox.change_switches({"cut_before_submit": 1})
    with standing_in(sandbox) as url:
        write_supplier(tmp_path, url)
        night = lab.run(tmp_path, "run", "night.jsonl", "--account=supplier", "--json")
        assert night.code == 5
        older = json.loads(night.out)["job_id"]
        noon = lab.run(tmp_path, "run", "noon.jsonl", "--account=supplier", "--key=noon")
        assert noon.code == 5
        assert f"batchhub cancel {older}" in noon.err
        listed = json.loads(lab.run(tmp_path, "list", "--json", "--state=unconfirmed").out)
        assert len(listed) == 2
        set_sandbox(url, cut_before_submit=0)
        assert lab.run(tmp_path, "cancel", older).code == 0
        done = lab.run(tmp_path, "run", "noon.jsonl", "--account=supplier", "--key=noon", "--json")
        assert done.code == 0, done.err
        (finding,) = json.loads(done.out)["findings"]
        assert (finding["code"], finding["examples"]) == ("order_given_up", [older])
        executions = ask_sandbox(url, "journal")["executions"]
    assert [e["body"]["price"] for e in executions] == [9.9]


def test_a_retry_of_the_night_does_not_undo_noon(lab: Lab, tmp_path: Path) -> None:
    """What noon changed stays out, and is named; --superseded sends it."""
    write_prices(tmp_path / "night.csv", {1: "-1", 2: "-2", 3: "3"})
    write_prices(tmp_path / "noon.csv", {1: "9.90"})
    sandbox = EcwidSandbox()
    sandbox.change_switches({"item_time_s": 0.001, "requests_per_minute": 100_000})
    with standing_in(sandbox) as url:
        write_settings(tmp_path, url)
        jobs = []
        for name in ("night", "noon"):
            call = ("run", f"{name}.csv", "--account=shop", *MAP, "--json")
            jobs.append(json.loads(lab.run(tmp_path, *call).out)["job_id"])
        again = lab.run(tmp_path, "retry", jobs[0], "--any-code", "--wait")
        assert "retries 1 item" in again.err
        assert f"1 item left out: {jobs[1]} changed the same since (--superseded)" in again.err
        left = lab.run(tmp_path, "retry", jobs[0], "--any-code", "--superseded", "--wait", "--json")
        assert json.loads(left.out)["counts"]["total"] == 1
        none = lab.run(tmp_path, "retry", jobs[1], "--any-code")
        assert (none.code, "no items to retry" in none.err) == (2, True)


def test_a_retry_does_not_undo_a_later_row_of_the_sheet(lab: Lab, tmp_path: Path) -> None:
    """A product that is there twice has its last price; no newer job is named, as there is none."""
    rows = [(1, "-1"), (2, "-2"), (1, "9.90")]
    lines = [f"r{n},{number},{price}\n" for n, (number, price) in enumerate(rows)]
    (tmp_path / "night.csv").write_text("row,product_id,price\n" + "".join(lines))
    sandbox = EcwidSandbox()
    sandbox.change_switches({"item_time_s": 0.001, "requests_per_minute": 100_000})
    with standing_in(sandbox) as url:
        write_settings(tmp_path, url)
        call = ("run", "night.csv", "--account=shop", *MAP[:-1], "{row}", "--json")
        job = json.loads(lab.run(tmp_path, *call).out)["job_id"]
        again = lab.run(tmp_path, "retry", job, "--any-code", "--wait")
        assert "retries 1 item" in again.err
        said = "1 item left out: a later item of the job changed the same since (--superseded)"
        assert said in again.err
        executions = ask_sandbox(url, "journal")["executions"]
    ours = [e["body"]["price"] for e in executions if e["path"].endswith("/products/1")]
    assert ours == [-1, 9.90]

"""`adapter = "file:acme.toml"`: a description in TOML in the place of an adapter's name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.described_vendor import ADDRESS, SHOP, TOKEN, make_quick
from support.hubs import results_of
from support.pages import DOCS, Stage, read_blocks
from support.patience import PATIENCE_S
from typer.testing import CliRunner, Result

from batchhub import BatchHub, sync
from batchhub._base.grades import find_place
from batchhub._settings import account_reader
from batchhub.adapter import declared
from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode
from batchhub.errors import SettingsError
from batchhub.models import ItemState

Command = Callable[..., Result]

DESCRIPTION = next(
    block.text
    for block in read_blocks(DOCS / "declare-an-adapter.md")
    if block.title == "acme.toml"
)
ACCOUNT = f"""
adapter = "file:acme.toml"
shop = "{SHOP}"
token = {{ env = "ACME_TOKEN" }}
"""
ECWID = """
adapter = "ecwid"
store_id = 1003
token = { env = "ECWID_TOKEN" }
"""
ITEMS = '{"sku": "A-1", "price": 9.9}\n{"sku": "A-2", "price": 0}\n'


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A thread that stand-ins run in."""
    stage = Stage()
    yield stage
    stage.aclose()


@pytest.fixture
def vendor(stage: Stage) -> Iterator[str]:
    """Run the vendor of the page; gives its address."""
    with stage.running(make_quick()) as url:
        yield url


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in a folder with a description and items, and a store of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith("BATCHHUB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BATCHHUB_STORE", str(tmp_path / "jobs.db"))
    monkeypatch.setenv("ACME_TOKEN", TOKEN)
    monkeypatch.setenv("ECWID_TOKEN", "secret_" + "t" * 24)
    monkeypatch.setattr(account_reader, "_warned", set())
    describe()
    Path("items.jsonl").write_text(ITEMS)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, arguments, prog_name="batchhub")
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert TOKEN not in result.output
        return result

    return run


def describe(path: str = "acme.toml", *changes: tuple[str, str], at: str = ADDRESS) -> None:
    """Write the description of the page, with changes."""
    text = DESCRIPTION.replace(ADDRESS, at)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def delete() -> None:
    """Delete the description."""
    Path("acme.toml").unlink()


def settle(path: str = "batchhub.toml", **tables: str) -> None:
    """Write settings with these accounts."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("".join(f"[accounts.{name}]\n{each}\n" for name, each in tables.items()))


def dry_run(command: Command, account: str = "shop") -> Result:
    """Plan a job, which needs no vendor."""
    return command("run", "items.jsonl", "--account", account, "--dry-run")


# Commands.


def test_the_command_runs_with_a_file(command: Command, vendor: str) -> None:
    """From `init` to the results of a job in which an item failed."""
    describe(at=vendor)
    assert command("init", "--adapter", "file:acme.toml").exit_code == 0
    text = Path("batchhub.toml").read_text()
    assert 'adapter = "file:acme.toml"\n# The shop\'s number at Acme.\nshop = ""\n' in text
    Path("batchhub.toml").write_text(text.replace('shop = ""', f'shop = "{SHOP}"'))

    check = command("check")
    assert check.stdout.splitlines() == [
        "acme (acme): OK",
        "  settings     complete",
        "  adapter      described in acme.toml",
        "  token        from the environment variable ACME_TOKEN",
        f"  vendor       answers HTTP 200 to GET /shops/{SHOP}",
        "  credentials  work",
    ]
    (as_json,) = json.loads(command("check", "--json").stdout)
    assert (as_json["adapter"], as_json["file"]) == ("acme", "acme.toml")
    plan = dry_run(command, "acme")
    assert "would send 2 items in 1 ticket" in plan.stdout
    assert "to acme (acme, prices)" in plan.stdout
    assert not Path("jobs.db").exists()

    run = command("run", "items.jsonl", "--account", "acme", "--out", "results.jsonl")
    assert run.exit_code == ExitCode.UNSUCCESSFUL
    good, bad = map(json.loads, Path("results.jsonl").read_text().splitlines())
    assert (good["id"], good["state"]) == ("A-1", "succeeded")
    assert (bad["id"], bad["state"]) == ("A-2", "failed")
    assert bad["message"] == "the price is not above zero"
    assert command("doctor", "acme").stdout.startswith(f"asked     GET /shops/{SHOP}\n")


def test_adapters_shows_the_files_that_accounts_name(command: Command) -> None:
    """Each once, after those that are installed; what is wrong with one stands in its place."""
    Path("soft.toml").symlink_to("acme.toml")
    settle(a=ACCOUNT, b=ACCOUNT.replace("acme.toml", "soft.toml"), c=ECWID, d=ACCOUNT)
    lines = command("adapters").stdout.splitlines()
    assert lines[-1].split() == ["acme", "acme.toml", "prices", "no"]
    assert sum(line.startswith("acme ") for line in lines) == 1

    Path("acme.toml").write_text("name = 5\n")
    found = json.loads(command("adapters", "--json").stdout)[-2:]
    assert [info["name"] for info in found] == ["file:acme.toml", "file:soft.toml"]
    assert "account 'a' in batchhub.toml: acme.toml" in found[0]["error"]
    assert "name: must be a name of a-z, 0-9, - and _, not 5" in found[0]["problems"]
    assert "account: is missing" in found[0]["problems"]


def test_an_adapter_that_works_has_no_problems(command: Command) -> None:
    """And of a file with one mistake the error says it."""
    settle(a=ACCOUNT)
    assert json.loads(command("adapters", "--json").stdout)[-1]["problems"] == []

    text = Path("acme.toml").read_text()
    Path("acme.toml").write_text(text.replace('name = "acme"', 'name = "Acme"', 1))
    found = json.loads(command("adapters", "--json").stdout)[-1]
    assert found["problems"] == []
    assert "name: must be a name" in found["error"]


def test_broken_settings_hide_no_installed_adapter(command: Command) -> None:
    """They are named, and the list is shown."""
    Path("batchhub.toml").write_text("[accounts\n")
    result = command("adapters")
    assert result.exit_code == 0
    assert "\necwid " in result.stdout
    assert "adapters that are files are not shown" in result.stderr


@pytest.mark.parametrize("name", ["acme", "file:acme.toml"])
def test_a_description_has_no_sandbox(command: Command, name: str) -> None:
    """One line says so, and what to do."""
    settle(shop=ACCOUNT)
    result = command("sandbox", name)
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.count("\n") == 1
    assert "adapter 'acme' has no sandbox: it is a file; test it with" in result.stderr


def test_a_sandbox_that_is_not_found_says_where_it_is_looked_for(command: Command) -> None:
    """A file names it, and Python does not look beside that."""
    describe("acme.toml", ('name = "acme"', 'name = "acme"\nsandbox = "nowhere_at_all:Sandbox"'))
    result = command("sandbox", "file:acme.toml", "--switches")
    assert result.exit_code == ExitCode.USAGE
    assert "No module named 'nowhere_at_all'; is its folder on PYTHONPATH?" in result.stderr


# Where it is.


def test_a_path_starts_at_the_settings_file(command: Command, tmp_path: Path) -> None:
    """Not at the working folder; `init` writes it so."""
    describe("conf/mine/acme.toml")
    Path("acme.toml").unlink()
    Path("conf/x").mkdir()
    config = ("--config", "conf/x/batchhub.toml")
    assert command("init", "--adapter", "file:conf/mine/acme.toml", *config).exit_code == 0
    assert 'adapter = "file:../mine/acme.toml"' in Path("conf/x/batchhub.toml").read_text()

    settle("conf/x/batchhub.toml", shop=ACCOUNT.replace("acme.toml", "../mine/acme.toml"))
    result = command("run", "items.jsonl", "--account", "shop", "--dry-run", *config)
    assert result.exit_code == 0, result.stderr


def test_a_path_of_the_environment_starts_at_the_working_folder(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the store's does."""
    settle("conf/batchhub.toml", shop=ACCOUNT)
    monkeypatch.setenv("BATCHHUB_CONFIG", "conf/batchhub.toml")
    assert dry_run(command).exit_code == ExitCode.USAGE
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__SHOP__ADAPTER", "file:acme.toml")
    assert dry_run(command).exit_code == 0


def test_an_account_of_the_environment_alone_may_name_a_file(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys are variables as those of any other."""
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__SHOP__ADAPTER", "file:acme.toml")
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__SHOP__SHOP", "007")
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__SHOP__TOKEN", TOKEN)
    assert dry_run(command).exit_code == 0
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__SHOP__TOKENS", TOKEN)
    result = dry_run(command)
    assert "did you mean BATCHHUB_ACCOUNTS__SHOP__TOKEN?" in result.stderr


@pytest.mark.parametrize("path", ["~/acme.toml", "{folder}/acme.toml", "//{folder}/acme.toml"])
def test_a_path_may_be_at_home_or_absolute(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Also as the path of a file URL, with three slashes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    settle("conf/batchhub.toml", shop=ACCOUNT.replace("acme.toml", path.format(folder=tmp_path)))
    monkeypatch.setenv("BATCHHUB_CONFIG", "conf/batchhub.toml")
    assert dry_run(command).exit_code == 0, dry_run(command).stderr


def test_one_file_under_several_names_is_one_adapter(command: Command, tmp_path: Path) -> None:
    """Through links of both kinds, and however its path is written."""
    Path("soft.toml").symlink_to("acme.toml")
    Path("hard.toml").hardlink_to("acme.toml")
    paths = ["acme.toml", "./acme.toml", str(tmp_path / "acme.toml"), "soft.toml", "hard.toml"]
    settle(**{f"n{n}": ACCOUNT.replace("acme.toml", path) for n, path in enumerate(paths)})
    for n in range(len(paths)):
        assert dry_run(command, f"n{n}").exit_code == 0


# What can't be used.


def make_large() -> None:
    """Write 10 MB."""
    Path("acme.toml").write_bytes(b"#" * 10_000_000)


def make_folder() -> None:
    """Put a folder in the file's place."""
    Path("acme.toml").unlink()
    Path("acme.toml").mkdir()


def make_pipe() -> None:
    """Put a pipe in its place: reading it would not end."""
    Path("acme.toml").unlink()
    os.mkfifo("acme.toml")


def make_loop() -> None:
    """Put a link to itself in its place."""
    Path("acme.toml").unlink()
    Path("acme.toml").symlink_to("acme.toml")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (delete, "no file acme.toml"),
        (lambda: Path("acme.toml").rename("Acme.toml"), "did you mean 'Acme.toml'?"),
        (make_folder, "acme.toml is a folder, not a description"),
        (make_pipe, "acme.toml is no file, but a device or a pipe"),
        (make_loop, "can't read acme.toml: "),
        (make_large, "acme.toml is no description: it has 10,000,000 bytes"),
        (lambda: Path("acme.toml").write_bytes(b"name = 'a'\n\xff"), "is not UTF-8 text (line 2)"),
        (lambda: Path("acme.toml").write_text("name = 'a'\nb =\n"), "(at line 2, column 4)"),
        (lambda: Path("acme.toml").write_text("name = 'a'\nname = 'b'\n"), "(at line 2, column "),
        (lambda: Path("acme.toml").write_text("a = " + "[" * 5000), "acme.toml is "),
    ],
)
def test_a_file_that_can_not_be_read_is_said_in_a_line(
    command: Command, spoil: Callable[[], object], why: str
) -> None:
    """With the account that names it; nothing is sent or stored."""
    settle(shop=ACCOUNT)
    spoil()
    for call in (
        ("run", "items.jsonl", "--account", "shop"),
        ("submit", "items.jsonl", "--account", "shop"),
        ("check",),
        ("doctor", "shop"),
        ("init", "--adapter", "file:acme.toml", "--config", "new.toml"),
    ):
        result = command(*call)
        assert result.exit_code == ExitCode.USAGE, result.output
        said = next(line for line in result.output.splitlines() if why in line)
        assert call[0] == "init" or "account 'shop' in batchhub.toml" in said
        assert result.stderr.count("\n") == (call[0] != "check")
    assert not Path("jobs.db").exists()
    assert not Path("new.toml").exists()


def test_an_empty_file_lacks_what_is_needed(command: Command) -> None:
    """A line for each table that is missing."""
    settle(shop=ACCOUNT)
    Path("acme.toml").write_text("")
    result = dry_run(command)
    assert result.exit_code == ExitCode.USAGE
    first, *lines = result.stderr.splitlines()
    assert first == "error: account 'shop' in batchhub.toml: acme.toml has 3 mistakes:"
    assert [line.split(":")[0] for line in lines] == ["  name", "  account", "  operations"]


def test_all_mistakes_are_said_at_once(command: Command) -> None:
    """Each in a line, with its place; `check` lists them in its own way."""
    settle(shop=ACCOUNT)
    describe(
        "acme.toml",
        ('name = "acme"', 'name = "Acme"'),
        ('ref = "id"', "ref = 5"),
        ("max_items = 100", "max_items = 0"),
        ('done = "completed"', 'done = "complete"'),
        ('bearer = "{token}"', 'bearer = "{tokens}"'),
        ('price = "number"', 'price = "float"'),
        ('request = "GET /shops/{shop}"', 'request = "/shops/{shop}"'),
        ('list = "results"', 'list = "results["'),
        ('kind = "secret"', 'kind = "password"'),
        ('error = "failed"', 'error = "bad"'),
    )
    result = dry_run(command)
    assert result.exit_code == ExitCode.USAGE
    first, *lines = result.stderr.splitlines()
    assert first == "error: account 'shop' in batchhub.toml: acme.toml has 10 mistakes:"
    places = {line.strip().split(": ")[0] for line in lines}
    assert len(lines) == 10
    assert {
        "name",
        "account.fields.token.kind",
        "auth.bearer",
        "states.done",
        "probe.request",
        "operations.prices.max_items",
        "operations.prices.submit.ref",
        "operations.prices.results.list",
        "operations.prices.results.words.error",
        "operations.prices.fields.price",
    } == places

    check = command("check")
    listed = [line for line in check.stdout.splitlines() if line.startswith("  settings")]
    assert check.exit_code == ExitCode.USAGE
    assert len(listed) == 10
    assert all("acme.toml: " in line for line in listed)
    assert check.stdout.startswith("shop (file:acme.toml): invalid settings\n")


@pytest.mark.parametrize(
    ("adapter", "why"),
    [
        ("file:", "it is the path of a description"),
        ("file: ", "it is the path of a description"),
        ("file:a\\nb", "it is the path of a description"),
        ("file://acme.toml", "write file:acme.toml"),
        ("file:https://acme.example/a.toml", "it is a path, not an address"),
        ("file:~nobody-of-that-name/a.toml", "there is no such home folder"),
        ("acme.toml", "as in file:acme.toml"),
        ("./acme", "as in file:./acme"),
        ("FILE:acme.toml", "written in lower case: file:acme.toml"),
    ],
)
def test_what_is_no_path_says_how_to_write_one(command: Command, adapter: str, why: str) -> None:
    """In one line, for this account alone."""
    settle(shop=ACCOUNT.replace("file:acme.toml", adapter), other=ECWID)
    result = dry_run(command)
    assert result.exit_code == ExitCode.USAGE
    assert why in result.stderr
    assert "account 'shop' in batchhub.toml" in result.stderr
    assert result.stderr.count("\n") == 1
    Path("items.jsonl").write_text('{"method": "GET", "path": "/products/1"}\n')
    assert dry_run(command, "other").exit_code == 0


def test_it_can_not_have_the_name_of_an_installed_adapter(command: Command) -> None:
    """The file needs a name of its own; the installed adapter goes on."""
    describe("acme.toml", ('name = "acme"', 'name = "ecwid"'))
    settle(shop=ACCOUNT, other=ECWID)
    result = dry_run(command)
    assert result.exit_code == ExitCode.USAGE
    assert "acme.toml: an adapter 'ecwid' is installed (batchhub " in result.stderr
    Path("items.jsonl").write_text('{"method": "GET", "path": "/products/1"}\n')
    assert dry_run(command, "other").exit_code == 0


def test_a_file_is_not_named_by_the_name_in_it(command: Command) -> None:
    """Where another account names the file, its path is said."""
    settle(shop=ACCOUNT, other=ACCOUNT.replace("file:acme.toml", "acme"))
    result = dry_run(command, "other")
    assert result.exit_code == ExitCode.USAGE
    assert "which is named by its path: file:acme.toml" in result.stderr


def test_two_files_can_not_have_one_name(command: Command) -> None:
    """Both accounts are refused, whichever is used, and both files are named."""
    describe("old/acme.toml")
    settle(new=ACCOUNT, old=ACCOUNT.replace("acme.toml", "old/acme.toml"))
    for name in ("new", "old"):
        result = dry_run(command, name)
        assert result.exit_code == ExitCode.USAGE
        assert "acme.toml and old/acme.toml both describe an adapter 'acme'" in result.stderr


# Its accounts.


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("shop =", "shopp =", "did you mean 'shop'?"),
        ('shop = "s-17"', "", "lacks shop"),
        ('shop = "s-17"', "shop = true", "shop must be text"),
        ("ACME_TOKEN", "NOT_SET", "NOT_SET, which is not set"),
        ('{ env = "ACME_TOKEN" }', '{ env = "ACME_TOKEN", x = 1 }', "token must be { env"),
        ('shop = "s-17"', 'shop = "s-17"\nbase_url = "acme"', "base_url must begin with http"),
    ],
)
def test_its_keys_are_those_it_declares(command: Command, old: str, new: str, why: str) -> None:
    """They are checked as those of any adapter."""
    settle(shop=ACCOUNT.replace(old, new))
    result = dry_run(command)
    assert result.exit_code == ExitCode.USAGE
    assert why in result.stderr


def test_a_secret_in_the_settings_is_warned_about(command: Command) -> None:
    """As any other adapter's."""
    settle(shop=ACCOUNT.replace('{ env = "ACME_TOKEN" }', '"literal-token"'))
    result = dry_run(command)
    assert "the secret accounts.shop.token is written in batchhub.toml itself" in result.stderr
    assert "literal-token" not in result.output


def test_two_accounts_of_one_shop_must_agree(command: Command, vendor: str) -> None:
    """They go through one lane, under whatever names their file is known."""
    describe(at=vendor)
    Path("soft.toml").symlink_to("acme.toml")
    other = ACCOUNT.replace("acme.toml", "soft.toml").replace('{ env = "ACME_TOKEN" }', '"other"')
    settle(a=ACCOUNT, b=other)
    result = command("run", "items.jsonl", "--account", "a")
    assert result.exit_code == ExitCode.USAGE
    assert "accounts 'a' and 'b' are both acme:127.0.0.1:" in result.stderr


# What goes on without it.


def test_who_only_reads_the_store_needs_no_file(command: Command, vendor: str) -> None:
    """A job stays readable when its description is gone; what would drive it says what is gone."""
    describe(at=vendor)
    settle(shop=ACCOUNT)
    assert command("run", "items.jsonl", "--account", "shop").exit_code == 1
    Path("acme.toml").unlink()
    (job,) = json.loads(command("list", "--json").stdout)
    for call in (("list",), ("status", job["job_id"]), ("results", job["job_id"]), ("watch",)):
        result = command(*call)
        assert result.exit_code == 0, result.output
        assert "acme.toml" not in result.output
    retry = command("retry", job["job_id"])
    assert retry.exit_code == ExitCode.USAGE
    assert "account 'shop' in batchhub.toml: no file acme.toml" in retry.stderr


def test_a_broken_file_stops_only_its_accounts(command: Command, vendor: str) -> None:
    """Others run; `resume` of all says in a line which account it leaves out, and why."""
    describe(at=vendor)
    describe("bad.toml", ("max_items = 100", "max_items = 0"), ('ref = "id"', "ref = 1"))
    settle(shop=ACCOUNT, bad=ACCOUNT.replace("acme.toml", "bad.toml"))
    assert command("submit", "items.jsonl", "--account", "shop").exit_code == 0
    check = command("check")
    assert check.exit_code == ExitCode.USAGE
    assert "shop (acme): OK" in check.stdout

    Path("acme.toml").rename("good.toml")
    Path("acme.toml").write_bytes(Path("bad.toml").read_bytes())
    stopped = command("resume", "--timeout", "1")
    assert stopped.exit_code == ExitCode.UNFINISHED
    assert stopped.stderr.splitlines()[0] == (
        "warning: account 'shop' in batchhub.toml: acme.toml has 2 mistakes, which 'batchhub "
        "check' lists; account 'shop' is ignored"
    )
    Path("good.toml").replace("acme.toml")
    resumed = command("resume")
    assert resumed.exit_code == ExitCode.UNSUCCESSFUL, resumed.output


def test_a_job_is_found_by_another_account_of_its_file(command: Command, vendor: str) -> None:
    """Jobs belong to the identity at the vendor, not to the account's name."""
    describe(at=vendor)
    settle(shop=ACCOUNT)
    assert command("run", "items.jsonl", "--account", "shop").exit_code == 1
    (job,) = json.loads(command("list", "--json").stdout)
    settle(renamed=ACCOUNT)
    retry = command("retry", job["job_id"], "--wait")
    assert retry.exit_code == ExitCode.UNSUCCESSFUL, retry.output


# From Python.


async def test_a_process_goes_on_with_what_it_read(
    command: Command, stage: Stage, tmp_path: Path
) -> None:
    """The file may be changed or deleted; the next hub follows the file as it is then."""
    settle(shop=ACCOUNT)
    hub = BatchHub.from_config("batchhub.toml")
    describe("acme.toml", ("prices", "stock"))  # as somebody edits it
    assert (await hub.plan("shop", [{"sku": "A", "price": 1}])).operation == "prices"
    changed = BatchHub.from_config("batchhub.toml")
    delete()
    assert (await hub.plan("shop", [{"sku": "A", "price": 1}])).operation == "prices"
    assert (await changed.plan("shop", [{"sku": "A", "price": 1}])).operation == "stock"
    with pytest.raises(SettingsError, match=r"no file acme\.toml"):
        BatchHub.from_config("batchhub.toml")


def test_a_file_that_is_read_twice_is_one_adapter(command: Command) -> None:
    """As long as it says the same; so its accounts may be made one by one."""
    first = declared("acme.toml")
    assert declared(Path("acme.toml").absolute()) is first
    describe("acme.toml", ("max_items = 100", "max_items = 50"))
    assert declared("acme.toml") is not first


async def test_a_declared_adapter_needs_no_entry_point(command: Command, vendor: str) -> None:
    """Its accounts are all a hub needs, also that for threads."""
    adapter: type = declared("acme.toml")
    account = adapter.account_type(shop=SHOP, token=TOKEN, base_url=vendor)  # type: ignore[attr-defined]
    async with BatchHub(":memory:", {"a": account}) as hub:
        job = await hub.submit("a", [{"sku": "A-1", "price": 1}])
        await job.wait(timeout_s=PATIENCE_S)
        assert [each.state for each in await results_of(job)] == [ItemState.SUCCEEDED]


def test_a_declared_adapter_works_in_threads(command: Command, vendor: str) -> None:
    """`batchhub.sync` takes the same accounts."""
    adapter: type = declared("acme.toml")
    account = adapter.account_type(shop=SHOP, token=TOKEN, base_url=vendor)  # type: ignore[attr-defined]
    with sync.BatchHub(":memory:", {"a": account}) as hub:
        assert hub.submit("a", [{"sku": "A-1", "price": 1}]).wait(60).counts.succeeded == 1


def test_a_file_has_no_grade(command: Command) -> None:
    """The suite keeps grades beside packages, and a file is in none."""
    assert find_place(declared("acme.toml").__module__) is None

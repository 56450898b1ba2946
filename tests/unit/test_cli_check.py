"""`batchhub check`: of each account, whether settings, secrets, vendor and credentials work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.plugins import write_plugin
from typer.testing import CliRunner, Result

from batchhub._settings import account_reader
from batchhub.cli.app import app
from batchhub.cli.shell.exits import ExitCode

TOKEN = "secret_9vKq2LxT"
Command = Callable[..., Result]

VENDOR = """
from attrs import frozen
from batchhub.adapter import Account, Adapter, Budget, Capabilities, Probe, secret
from batchhub.errors import ConnectError, CredentialsError, NotFoundError, ServerError

@frozen(kw_only=True)
class PluginAccount(Account):
    adapter = {name!r}
    base_url: str = "http://127.0.0.1:9"
    mode: str = "fine"
    token: str = secret()
    webhook_signing_key: str = secret(default="")

    @property
    def identity(self):
        return "one"

    @property
    def budget(self):
        return Budget(requests=1000, per_s=1.0)

class PluginAdapter(Adapter):
    name = {name!r}
    account_type = PluginAccount
    operations = {{"work": Capabilities(max_items=10)}}
    states = {{}}

    def encode(self, operation, item, options):
        return b"{{}}"

    async def submit(self, submission, steps):
        raise NotImplementedError

    async def poll(self, tickets):
        raise NotImplementedError

    async def fetch_results(self, ticket, items):
        raise NotImplementedError

    async def probe(self, vendor_ref=None):
        modes = {{
            "refused": CredentialsError("the key is wrong", status=401),
            "lost": NotFoundError("no such place", status=404),
            "down": ServerError("down for lunch", status=503),
            "silent": ConnectError("no connection"),
            "buggy": KeyError(self.account.token),
        }}
        if self.account.mode == "shy":
            return await super().probe(vendor_ref)
        if self.account.mode in modes:
            raise modes[self.account.mode]
        return Probe(request="GET /me", status=200, raw=b"{{}}", reading={{}})
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `check` in a folder, where an adapter ``plugged`` is installed."""
    site = tmp_path / "site"
    site.mkdir()
    write_plugin(site, "plugged", VENDOR)
    monkeypatch.syspath_prepend(site)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("BATCHHUB_CONFIG", raising=False)
    monkeypatch.setenv("PLUGGED_TOKEN", TOKEN)
    monkeypatch.setattr(account_reader, "_warned", set())

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, ["check", *arguments], prog_name="batchhub")
        assert TOKEN not in result.output
        return result

    return run


def write(*modes: str, **tables: str) -> None:
    """Write settings with an account for each mode of the vendor, and others."""
    good = 'adapter = "plugged"\ntoken = { env = "PLUGGED_TOKEN" }\n'
    accounts = {mode: f'{good}mode = "{mode}"\n' for mode in modes} | tables
    text = "".join(f"[accounts.{name}]\n{table}\n" for name, table in accounts.items())
    Path("batchhub.toml").write_text(text)


def test_an_account_that_works_is_all_right(command: Command) -> None:
    """It says where the secret is from, that the vendor answers and that the credentials work."""
    write("fine")

    result = command()

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "fine (plugged): OK",
        "  settings     complete",
        "  token        from the environment variable PLUGGED_TOKEN",
        "  vendor       answers HTTP 200 to GET /me",
        "  credentials  work",
    ]
    assert [path.name for path in Path().iterdir()] == ["batchhub.toml"]


def test_columns_are_as_wide_as_the_longest_name(command: Command) -> None:
    """Whatever a vendor calls its secrets."""
    key = 'webhook_signing_key = { env = "PLUGGED_TOKEN" }'
    write(fine=f'adapter = "plugged"\ntoken = {{ env = "PLUGGED_TOKEN" }}\n{key}\n')

    lines = command().stdout.splitlines()

    assert lines[1:] == [
        "  settings             complete",
        "  token                from the environment variable PLUGGED_TOKEN",
        "  webhook_signing_key  from the environment variable PLUGGED_TOKEN",
        "  vendor               answers HTTP 200 to GET /me",
        "  credentials          work",
    ]


@pytest.mark.parametrize(
    ("mode", "code", "line"),
    [
        ("fine", 0, "fine (plugged): OK"),
        ("shy", 0, "shy (plugged): settings complete; connection not tried"),
        ("refused", 3, "refused (plugged): credentials refused: the key is wrong"),
        ("lost", 3, "lost (plugged): refused by the vendor: no such place"),
        ("down", 4, "down (plugged): unusable answer: down for lunch"),
        ("silent", 4, "silent (plugged): no answer: no connection"),
        (
            "buggy",
            4,
            (
                "buggy (plugged): check not finished: adapter 'plugged' (batchhub-plugged 1.0) "
                "failed in probe: KeyError: '***'"
            ),
        ),
    ],
)
def test_every_end_has_its_code_and_one_line(
    command: Command, mode: str, code: int, line: str
) -> None:
    """With --quiet there is one line an account, with what is wrong."""
    write(mode)

    result = command("--quiet")

    assert (result.exit_code, result.stdout) == (code, f"{line}\n")


def test_every_account_is_checked_whatever_the_others_are(command: Command) -> None:
    """A broken account stops no other; each problem has a line of its own."""
    write("fine", none='adapter = "nobodys"', half='adapter = "plugged"\nmod = "x"')

    result = command()

    assert result.exit_code == ExitCode.USAGE
    assert "fine (plugged): OK" in result.stdout
    assert "no adapter named 'nobodys'; known: " in result.stdout
    assert "account 'none' in batchhub.toml names it" in result.stdout
    assert "unknown setting accounts.half.mod; did you mean 'mode'?" in result.stdout
    assert "account 'half' in batchhub.toml lacks token" in result.stdout


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["fine"], 0),
        (["fine", "down"], 4),
        (["fine", "down", "nobody"], 2),
        (["refused", "down", "nobody"], 3),
    ],
)
def test_the_code_is_the_worst_of_those_asked_for(
    command: Command, names: list[str], code: int
) -> None:
    """Refused credentials first, then settings, then no answer; unnamed accounts do not count."""
    write("fine", "down", "refused")

    result = command(*names, "--json")

    assert result.exit_code == code
    told = json.loads(result.stdout)
    assert [entry["account"] for entry in told] == names
    assert [entry["ok"] for entry in told] == [name == "fine" for name in names]
    assert set(told[0]) == {
        *("account", "adapter", "ok", "code", "summary", "error", "problems"),
        *("secrets", "vendor", "credentials"),
    }


def test_the_proxy_and_what_is_risky_are_said(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which proxy is used and who names it; plain text to another host; a secret that is short."""
    monkeypatch.setenv("http_proxy", "http://me:hunter2@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    common = 'adapter = "plugged"\nmode = "fine"\ntoken = { env = "PLUGGED_TOKEN" }\n'
    write(
        "fine",
        far=f'{common}base_url = "http://vendor.example"\n',
        own=f'{common}base_url = "http://vendor.example"\nproxy = "http://me:hunter2@own:1"\n',
        none=f'{common}base_url = "https://vendor.example"\nproxy = "none"\n',
    )

    told = command()
    entries = {entry["account"]: entry for entry in json.loads(command("--json").stdout)}

    assert told.exit_code == 0
    assert "hunter2" not in told.output
    environment = "http://proxy.example:3128 (environment variable http_proxy)"
    assert f"  proxy        {environment}\n" in told.stdout
    assert "  warning      base_url is http://" in told.stdout
    assert entries["far"]["proxy"] == environment
    assert entries["own"]["proxy"] == "http://own:1 (setting 'proxy')"
    assert "proxy" not in entries["none"]
    assert "warnings" not in entries["none"]
    assert "proxy" not in entries["fine"]


def test_the_file_of_certificates_is_said(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company's own authority is in a file that the environment names."""
    write("fine")
    assert "certificates" not in command().stdout
    file = str(Path(__file__).parents[1] / "fixtures/tls/cert.pem")
    monkeypatch.setenv("SSL_CERT_FILE", file)
    assert f"  certificates  {file} (SSL_CERT_FILE)\n" in command().stdout
    (entry,) = json.loads(command("--json").stdout)
    assert entry["certificates"] == f"{file} (SSL_CERT_FILE)"


def test_the_rule_for_polls_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one, and whether it is the account's own; nothing if no setting names one."""
    common = 'adapter = "plugged"\nmode = "fine"\ntoken = { env = "PLUGGED_TOKEN" }\n'
    write("fine", own=f'{common}polling = "backoff 1 2 60"\n')

    assert "polling" not in json.loads(command("--json", "fine").stdout)[0]
    monkeypatch.setenv("BATCHHUB_POLLING", "fixed 5")
    told = command()
    entries = {entry["account"]: entry for entry in json.loads(command("--json").stdout)}

    assert told.exit_code == 0
    assert "  polling      backoff 1 2 60 (for this account)\n" in told.stdout
    assert entries["own"]["polling"] == "backoff 1 2 60 (for this account)"
    assert entries["fine"]["polling"] == "fixed 5 (for all accounts)"


def test_a_proxy_of_the_environment_that_is_none_is_said(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is named, its value is not shown."""
    monkeypatch.setenv("HTTP_PROXY", "socks5://me:hunter2@proxy")
    write("fine")

    told = command("--quiet")

    assert told.exit_code == ExitCode.USAGE
    assert "environment variable HTTP_PROXY must begin with http://" in told.stdout
    assert "hunter2" not in told.output


def test_accounts_of_one_identity_are_asked_with_their_own_credentials(command: Command) -> None:
    """Two names for the same account at the vendor may have different keys."""
    write("fine", "refused")

    assert [line.split(":")[0] for line in command("--quiet").stdout.splitlines()] == [
        "fine (plugged)",
        "refused (plugged)",
    ]
    assert command("--quiet").exit_code == ExitCode.REFUSED


def test_nothing_to_check_is_said(command: Command) -> None:
    """Without settings, or without accounts in them, there is nothing that could be right."""
    without = command()
    Path("batchhub.toml").write_text("")
    empty = command()

    assert without.exit_code == empty.exit_code == ExitCode.USAGE
    assert "create the file with 'batchhub init'" in without.stderr
    assert "batchhub.toml has no accounts" in empty.stderr


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ('{ env = "NOT_THERE" }', "the environment variable NOT_THERE, which is not set"),
        ('"postgresql://db/shop?listen=maybe"', "listen is on or off"),
    ],
)
def test_a_store_that_leads_nowhere_hides_no_account(
    command: Command, store: str, words: str
) -> None:
    """All vendors were asked by then; it has a verdict as they have, and a code."""
    write("fine", "shy")
    path = Path("batchhub.toml")
    path.write_text(f"store = {store}\n{path.read_text()}")

    shown, found = command(), json.loads(command("--json").stdout)

    lines = shown.stdout.splitlines()
    assert "fine (plugged): OK" in lines
    assert lines[-1].startswith("store of the settings: ")
    assert words in lines[-1]
    assert shown.exit_code == ExitCode.USAGE
    assert [each["ok"] for each in found] == [True, True, False]
    assert found[-1]["store"] == "of the settings"
    assert words in found[-1]["error"]


def test_an_account_of_the_environment_is_checked(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is needed."""
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__KIOSK__ADAPTER", "plugged")
    monkeypatch.setenv("BATCHHUB_ACCOUNTS__KIOSK__TOKEN", TOKEN)

    result = command()

    assert result.exit_code == 0
    assert "from the environment variable BATCHHUB_ACCOUNTS__KIOSK__TOKEN" in result.stdout

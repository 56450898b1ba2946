"""What the page on services says of systemd and containers is what a worker does."""

from __future__ import annotations

import re
import shlex
import signal
from contextlib import closing
from pathlib import Path

import pytest
from support.crash_lab import Lab
from support.notify_socket import notify_socket
from support.pages import DOCS, read_blocks
from support.processes import TOKEN
from support.stand_ins import standing_in

from batchhub.cli.shell.worker_options import WorkerOptions
from batchhub_ecwid.sandbox import EcwidSandbox

PAGE = DOCS / "howto" / "operate.md"
BLOCKS = {block.title: block.text for block in read_blocks(PAGE) if block.title}
UNIT = {
    name: value
    for name, _, value in (
        line.partition("=") for line in BLOCKS["batchhub.service"].splitlines() if "=" in line
    )
}


@pytest.fixture
def words() -> list[str]:
    """The command that the unit starts, without its path and its settings."""
    path, *words = shlex.split(UNIT["ExecStart"])
    assert Path(path).name == "batchhub"
    at = words.index("--config")
    assert Path(words[at + 1]).name == Path("etc/batchhub.toml").name
    # Whatever has the port on this machine is none of the test's business.
    return [re.sub(r":\d+$", ":0", word) for word in words[:at] + words[at + 2 :]]


def test_the_unit_starts_a_worker(lab: Lab, tmp_path: Path, words: list[str]) -> None:
    """With the settings of the page and a credential; it hears what systemd sends, and is heard."""
    name = UNIT["LoadCredential"].partition(":")[0]
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / name).write_text(f"{TOKEN}\n")
    (tmp_path / "credentials" / name).chmod(0o400)
    with (
        standing_in(EcwidSandbox()) as url,
        notify_socket(f"@{tmp_path}/notify") as systemd,
    ):
        text = BLOCKS["etc/batchhub.toml"].replace("https://app.ecwid.com", url)
        assert UNIT["StateDirectory"] in text
        (tmp_path / "batchhub.toml").write_text(text.replace("/var/lib/batchhub/", ""))
        variables = {
            "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
            "NOTIFY_SOCKET": systemd.address,
            "WATCHDOG_USEC": "2000000",
        }
        assert UNIT["Type"] == "notify"
        assert int(UNIT["WatchdogSec"]) > 0
        with closing(lab.start(tmp_path, *words, env=variables)) as worker:
            assert systemd.receive_until("READY")["STATUS"] == "drives shop"
            assert systemd.receive_until("WATCHDOG")
            assert UNIT["ExecReload"] == "/bin/kill -HUP $MAINPID"
            worker.send(signal.SIGHUP)
            assert systemd.receive_until("RELOADING")
            assert systemd.receive_until("READY")
            worker.send(signal.SIGTERM)
            assert systemd.receive_until("STOPPING")
            assert worker.wait().code == 0


def test_a_worker_has_the_time_to_end() -> None:
    """Whoever stops it waits longer than its grace, and what else it takes."""
    grace_s = WorkerOptions().grace_s

    assert int(UNIT["TimeoutStopSec"]) >= grace_s + 15
    (compose,) = re.findall(r"stop_grace_period: (\d+)s", BLOCKS["compose.yaml"])
    assert int(compose) >= grace_s + 15


def test_wrong_settings_are_not_tried_again(lab: Lab, tmp_path: Path, words: list[str]) -> None:
    """That is the exit code that the unit names."""
    assert lab.run(tmp_path, *words).code == int(UNIT["RestartPreventExitStatus"])


def test_the_container_starts_a_worker() -> None:
    """Its command is one of ours, and the secrets are where the settings look for them."""
    text = BLOCKS["Containerfile"]
    assert 'ENTRYPOINT ["batchhub"]' in text
    assert 'CMD ["worker"' in text
    assert "CREDENTIALS_DIRECTORY=/run/secrets" in text
    name = UNIT["LoadCredential"].partition(":")[0]
    assert f"secrets: [{name}]" in BLOCKS["compose.yaml"]
    assert f"CREDENTIALS_DIRECTORY}}/{name}" in BLOCKS["etc/batchhub.toml"]

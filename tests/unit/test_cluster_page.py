"""The files that the page on clusters shows are what systemd, compose and batchhub read."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from support.pages import DOCS

from batchhub._base.store_place import find_store_place
from batchhub.cli.shell.worker_options import WorkerOptions

FOLDER: Final = DOCS / "examples" / "cluster"
UNIT: Final = FOLDER / "batchhub-worker@.service"
MARGIN_S: Final = 15


def read_unit(path: Path) -> dict[str, list[str]]:
    """Return the settings of a unit; some are there more than once."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def read_compose() -> dict[str, Any]:
    """Return what the compose file says."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """An instance of the unit, and the target; nothing is said of either."""
    command = tmp_path / "batchhub"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    text = UNIT.read_text(encoding="utf-8").replace("/opt/batchhub/bin/batchhub", str(command))
    (tmp_path / "batchhub-worker@1.service").write_text(text)
    shutil.copy(FOLDER / "batchhub-workers.target", tmp_path)
    units = ["batchhub-worker@1.service", "batchhub-workers.target"]
    done = subprocess.run(
        ["systemd-analyze", "verify", *units],
        cwd=tmp_path,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_the_unit_is_that_of_a_single_worker() -> None:
    """What differs is what has to: instances, and the database's password."""
    unit = read_unit(UNIT)
    page = (DOCS / "howto" / "operate.md").read_text(encoding="utf-8")
    block = page.partition('title="batchhub.service"\n')[2].partition("```")[0]
    single = {line for line in block.splitlines() if "=" in line and not line.startswith("#")}
    lines = {f"{name}={value}" for name, values in unit.items() for value in values}
    assert {line.partition("=")[0] for line in lines ^ single} == {
        *("Description", "PartOf", "Environment", "ExecStart", "LoadCredential", "WantedBy"),
        *("ExecStartPre", "RuntimeDirectory", "RuntimeDirectoryMode"),
    }
    (stop_s,) = unit["TimeoutStopSec"]
    assert int(stop_s) >= WorkerOptions().grace_s + MARGIN_S


def test_its_secrets_are_where_the_settings_look() -> None:
    """The token by CREDENTIALS_DIRECTORY, the password by libpq's own variable."""
    unit, compose = read_unit(UNIT), read_compose()
    settings = tomllib.loads((FOLDER / "batchhub.toml").read_text(encoding="utf-8"))
    (token,) = {account["token"]["file"] for account in settings["accounts"].values()}
    name = token.removeprefix("${CREDENTIALS_DIRECTORY}/")
    credentials = {each.partition(":")[0] for each in unit["LoadCredential"]}
    assert credentials == {name, "pgpass"}
    # As a file of the service's own: libpq takes none whose mode gives it to a group.
    assert unit["Environment"] == ["PGPASSFILE=%t/batchhub-%i/pgpass"]
    assert unit["RuntimeDirectory"] == ["batchhub-%i"]
    (copying,) = unit["ExecStartPre"]
    assert copying.split()[1:] == ["-m", "0600", "%d/pgpass", "%t/batchhub-%i/pgpass"]
    assert set(compose["services"]["worker"]["secrets"]) == credentials
    variables = compose["services"]["worker"]["environment"]
    assert variables["PGPASSFILE"] == f"{variables['CREDENTIALS_DIRECTORY']}/pgpass"
    for store in (settings["store"], variables["BATCHHUB_STORE"]):
        place = find_store_place(store)
        assert place.is_postgres
        assert not place.passwords


def test_the_compose_file_holds_together() -> None:
    """Whatever a service names is there; the tables are made before a worker starts."""
    compose = read_compose()
    services = compose["services"]
    for service in services.values():
        assert set(service.get("secrets", ())) <= compose["secrets"].keys()
        named = {volume.partition(":")[0] for volume in service["volumes"]}
        assert {name for name in named if name[0] not in "./"} <= compose["volumes"].keys()
        assert set(service.get("depends_on", ())) <= services.keys()
    assert services["init"]["command"] == ["cluster", "init"]
    assert services["worker"]["command"][0] == "worker"
    assert services["worker"]["deploy"]["replicas"] > 1
    assert services["worker"]["depends_on"] == {
        "init": {"condition": "service_completed_successfully"}
    }
    assert services["init"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    grace_s = int(services["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace_s >= WorkerOptions().grace_s + MARGIN_S

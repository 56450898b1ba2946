"""The registry: adapters by name, loaded when asked for, each one's trouble its own."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from support.plugins import ADAPTER, write_plugin

from batchhub._settings import installed
from batchhub._settings.accounts import make_accounts
from batchhub._settings.file import load_settings
from batchhub._settings.registry import AdapterInfo, Registry
from batchhub.errors import AdapterError, NotKnownError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder that distributions are found in."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def info_of(name: str) -> AdapterInfo:
    """Return what the registry tells of a name."""
    return next(info for info in Registry().describe() if info.name == name)


def test_an_installed_adapter_is_found_by_its_entry_point(folder: Path) -> None:
    """A distribution with an entry point in the group is all it takes."""
    module = write_plugin(folder, "acme", version="2.3")

    adapter = Registry().get("acme")

    assert (adapter.__module__, adapter.name) == (module, "acme")
    assert info_of("acme") == AdapterInfo(
        name="acme", source="batchhub-acme 2.3", adapter=adapter, error=None
    )


def test_the_in_tree_adapters_are_found_as_any_other() -> None:
    """Nothing but their entry points makes the in-tree adapters known."""
    registry = Registry()

    assert registry.get("ecwid").__module__.partition(".")[0] == "batchhub_ecwid"
    assert info_of("ecwid").source.startswith("batchhub ")


def test_nothing_is_imported_before_it_is_asked_for(folder: Path) -> None:
    """Naming what is installed imports none of it; `get` imports the one that is asked for."""
    module, other = write_plugin(folder, "acme"), write_plugin(folder, "emca")

    registry = Registry()
    assert {"acme", "emca"} <= set(registry.names)
    assert not {module, other} & set(sys.modules)

    registry.get("acme")
    assert {module, other} & set(sys.modules) == {module}


def test_what_is_installed_is_looked_up_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look reads a file of each package; a hub makes one only after something was installed."""
    looks = 0
    look = importlib.metadata.entry_points

    def counted() -> Any:
        nonlocal looks
        looks += 1
        return look()

    monkeypatch.setattr(installed, "entry_points", counted)
    # Folders that nothing else changes meanwhile.
    monkeypatch.setattr(sys, "path", [str(folder), sysconfig.get_path("purelib")])
    age(folder)
    before = looks
    for _ in range(5):
        assert "acme" not in Registry().names
    assert looks == before

    write_plugin(folder, "acme", version="2.3")
    Registry()  # as of a hub without accounts
    assert looks == before
    assert Registry().source("acme") == "batchhub-acme 2.3"
    assert looks == before + 1
    write_plugin(folder, "emca")  # perhaps in the same tick of the disk's clock
    assert "emca" in Registry().names


def test_what_is_installed_or_removed_meanwhile_is_noticed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a program that goes on: a new package, another version, none any more, another folder."""
    assert "acme" not in Registry().names
    write_plugin(folder, "acme", version="2.3")
    assert Registry().source("acme") == "batchhub-acme 2.3"

    age(folder)
    shutil.rmtree(folder / "batchhub_acme-2.3.dist-info")
    write_plugin(folder, "acme", version="2.4")
    assert Registry().source("acme") == "batchhub-acme 2.4"

    age(folder)
    shutil.rmtree(folder / "batchhub_acme-2.4.dist-info")
    assert "acme" not in Registry().names

    other = tmp_path / "other"
    other.mkdir()
    write_plugin(other, "emca")
    assert "emca" not in Registry().names
    monkeypatch.syspath_prepend(other)
    assert "emca" in Registry().names


def age(folder: Path) -> None:
    """Make a folder older, so that a change of it shows on whatever clock its disk has."""
    then = folder.stat().st_mtime - 10
    os.utime(folder, (then, then))
    importlib.invalidate_caches()
    assert Registry().names


def test_an_adapter_is_loaded_once(folder: Path) -> None:
    """The same class comes back every time."""
    write_plugin(folder, "acme")
    registry = Registry()

    assert registry.get("acme") is registry.get("acme")


def test_what_is_not_installed_is_not_known(folder: Path) -> None:
    """A name nothing is installed under is refused with the names that are, and what to do."""
    write_plugin(folder, "acme")
    registry = Registry()

    with pytest.raises(NotKnownError) as caught:
        registry.get("nobody")

    assert (caught.value.kind, caught.value.name) == ("adapter", "nobody")
    assert caught.value.known == registry.names
    assert {"acme", "ecwid"} <= set(caught.value.known)
    assert "install the package that has it" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise RuntimeError('no\\n  licence')", "RuntimeError: no licence"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named"),
        ("raise SystemExit('goodbye')", "SystemExit: goodbye"),
        ("def broken(:", "SyntaxError: "),
        ("from batchhub.adapter import Adaptor", "ImportError: "),
        ("x = 1", "AttributeError: "),
        (None, "ModuleNotFoundError: "),
    ],
)
def test_a_plugin_that_does_not_load_touches_no_other(
    folder: Path, source: str | None, error: str
) -> None:
    """What fails to load is told of under its own name, in one line; all others load."""
    write_plugin(folder, "broken", source)
    write_plugin(folder, "acme")

    infos = {info.name: info for info in Registry().describe()}

    told = infos["broken"].error or ""
    assert told.startswith("adapter 'broken' of batchhub-broken 1.0 does not load: " + error)
    assert "\n" not in told
    assert infos["broken"].adapter is None
    assert infos["acme"].adapter is not None
    assert infos["ecwid"].error is None
    with pytest.raises(AdapterError) as caught:
        Registry().get("broken")
    assert caught.value.__cause__ is not None


def test_a_name_that_two_claim_is_refused(folder: Path) -> None:
    """Neither of two distributions silently wins a name; both are named, others are fine."""
    write_plugin(folder, "acme", distribution="acme-one", version="1.1")
    write_plugin(folder, "acme", distribution="acme-two", version="2.2")
    write_plugin(folder, "emca")
    registry = Registry()

    with pytest.raises(AdapterError) as caught:
        registry.get("acme")

    told = str(caught.value)
    assert "claimed by" in told
    assert "acme-one 1.1" in told
    assert "acme-two 2.2" in told
    assert "uninstall one" in told
    assert registry.get("emca").name == "emca"
    info = info_of("acme")
    assert (info.adapter, info.error) == (None, told)
    assert sorted(info.source.split(", ")) == ["acme-one 1.1", "acme-two 2.2"]


def test_a_plugin_can_not_take_the_place_of_an_in_tree_adapter(folder: Path) -> None:
    """An in-tree adapter goes on; who claims its name is told of."""
    write_plugin(folder, "ecwid")

    registry = Registry()

    assert registry.get("ecwid").__module__.partition(".")[0] == "batchhub_ecwid"
    ours, theirs = (info for info in registry.describe() if info.name == "ecwid")
    assert (ours.error, theirs.adapter) == (None, None)
    assert theirs.source == "batchhub-ecwid 1.0"
    assert theirs.error == (
        "the name 'ecwid' is batchhub's own; batchhub-ecwid 1.0 needs another one"
    )


@pytest.mark.parametrize(
    ("group", "version"),
    [("batchhub.adapters.v2", "version 2"), ("batchhub.adapters", "no version")],
)
def test_an_adapter_for_another_version_is_named_and_not_imported(
    folder: Path, group: str, version: str
) -> None:
    """What it was written for is in its entry point's group."""
    module = write_plugin(folder, "acme", version="2.3", group=group)

    info = info_of("acme")

    assert info.error == (
        f"adapter 'acme' of batchhub-acme 2.3 is for {version} of the adapter API, and this "
        "batchhub has version 1; install versions that fit"
    )
    assert module not in sys.modules


def test_what_a_plugin_prints_when_it_loads_is_not_shown(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may be a secret, and it would spoil the output of a command."""
    source = ADAPTER + "\nimport sys\nprint('secret_1')\nprint('secret_2', file=sys.stderr)\n"
    write_plugin(folder, "acme", source)

    assert info_of("acme").error is None
    assert capfd.readouterr() == ("", "")


def test_an_older_copy_further_down_the_path_is_no_second_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one distribution that is there twice, the first on the path counts, as in Python."""
    for version in ("1.0", "2.0"):
        folder = tmp_path / version
        folder.mkdir()
        write_plugin(folder, "acme", version=version)
        monkeypatch.syspath_prepend(folder)

    assert info_of("acme").source == "batchhub-acme 2.0"
    assert info_of("acme").error is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("class PluginAdapter(Adapter):", "class PluginAdapter:"), "is no subclass of"),
        (("async def submit", "async def post"), "it does not define submit"),
        (
            ("async def submit(self, submission, steps)", "async def submit(self, submission)"),
            "its submit can't be called with (submission, steps): too many positional arguments",
        ),
        (
            ("def encode(self, operation, item, options)", "def encode(self, item)"),
            "its encode can't be called with (operation, item, options)",
        ),
        (
            ("Capabilities(max_items=10)", "Capabilities(max_items=10, can_cancel=True)"),
            "its operation 'work' says that it can cancel; it has no cancel",
        ),
        (
            ("Capabilities(max_items=10)", "Capabilities(max_items=10, finds_attempts=True)"),
            "its operation 'work' says that it can find attempts; it has no find_attempt",
        ),
        (("Capabilities(max_items=10)", "10"), "its operation 'work' has no Capabilities"),
        (("    account_type = PluginAccount", ""), "it does not define account_type"),
        (("    name = {name!r}", "    name = 'other'"), "it calls itself 'other'"),
        (('{{"work": Capabilities(max_items=10)}}', "{{}}"), "it has no operations"),
        (("account_type = PluginAccount", "account_type = dict"), "is no subclass of"),
        (("account_type = PluginAccount", "account_type = 'x'"), "is no subclass of"),
        (("def identity(self)", "def who(self)"), "its accounts do not say who they are"),
        (("adapter = {name!r}", "adapter = 'other'"), "its accounts are not of the adapter 'acme'"),
        (
            (
                "    states = {{}}",
                (
                    "    states = {{}}\n"
                    "    Odd = type('Odd', (), {{'__signature__': property(lambda self: 1 / 0)}})\n"
                    "    Odd.__call__ = lambda self: None\n"
                    "    target = Odd()"
                ),
            ),
            "it can't be looked at: ZeroDivisionError: ",
        ),
        (("    adapter = {name!r}", ""), "its accounts are not of the adapter 'acme'"),
    ],
)
def test_what_breaks_a_rule_of_the_seam_is_refused(
    folder: Path, change: tuple[str, str], problem: str
) -> None:
    """An adapter that could only fail later is refused when it is loaded, with the rule."""
    old, new = change
    assert ADAPTER.count(old) == 1
    write_plugin(folder, "acme", ADAPTER.replace(old, new))

    info = info_of("acme")

    assert info.adapter is None
    assert (info.error or "").startswith("adapter 'acme' of batchhub-acme 1.0: ")
    assert problem in (info.error or "")


@pytest.mark.parametrize("value", ["PluginAdapter()", "print", "42"])
def test_an_entry_point_that_is_no_class_is_refused(folder: Path, value: str) -> None:
    """Whatever else an entry point names, it is told of and not used."""
    source = "from batchhub.adapter import Adapter\nclass PluginAdapter: pass\n"
    write_plugin(folder, "acme", f"{source}thing = {value}\n", attribute="thing")

    with pytest.raises(AdapterError, match=r"is no subclass of batchhub\.adapter\.Adapter"):
        Registry().get("acme")


def test_everything_installed_is_described_by_name(folder: Path) -> None:
    """Each name is told of once, sorted."""
    for name in ("zeta", "acme", "mid"):
        write_plugin(folder, name)

    registry = Registry()

    names = [info.name for info in registry.describe()]
    assert names == sorted(names) == list(registry.names)
    assert {"zeta", "acme", "mid"} <= set(names)


def test_a_secret_that_it_raises_as_it_loads_is_blanked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the settings take from the environment is known before an adapter is loaded."""
    token = "secret_Qw83mmVt0PsLk3Zx"
    monkeypatch.setenv("ODD_TOKEN", token)
    monkeypatch.syspath_prepend(tmp_path)
    write_plugin(tmp_path, "odd", 'import os\nraise BaseException(os.environ["ODD_TOKEN"])\n')
    path = tmp_path / "batchhub.toml"
    path.write_text('[accounts.odd]\nadapter = "odd"\ntoken = { env = "ODD_TOKEN" }\n')
    with pytest.raises(AdapterError, match=r"odd 1\.0 does not load: BaseException: \*\*\*$"):
        make_accounts(load_settings(path), Registry())

"""The registry: adapters by name, loaded when asked for, each one's trouble its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.plugins import ADAPTER, write_plugin

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
        name="acme", distribution="batchhub-acme 2.3", adapter=adapter, error=None
    )


def test_the_in_tree_adapters_are_found_as_any_other() -> None:
    """Nothing but their entry points makes the in-tree adapters known."""
    registry = Registry()

    assert registry.get("ecwid").__module__.partition(".")[0] == "batchhub_ecwid"
    assert info_of("ecwid").distribution.startswith("batchhub ")


def test_nothing_is_imported_before_it_is_asked_for(folder: Path) -> None:
    """Naming what is installed imports none of it; `get` imports the one that is asked for."""
    module, other = write_plugin(folder, "acme"), write_plugin(folder, "emca")

    registry = Registry()
    assert {"acme", "emca"} <= set(registry.names)
    assert not {module, other} & set(sys.modules)

    registry.get("acme")
    assert {module, other} & set(sys.modules) == {module}


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
    assert sorted(info.distribution.split(", ")) == ["acme-one 1.1", "acme-two 2.2"]


def test_a_plugin_can_not_take_the_place_of_an_in_tree_adapter(folder: Path) -> None:
    """A second claim on an in-tree name is refused as any other."""
    write_plugin(folder, "ecwid")

    with pytest.raises(AdapterError, match=r"claimed by .*batchhub-ecwid 1\.0"):
        Registry().get("ecwid")


def test_an_older_copy_further_down_the_path_is_no_second_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one distribution that is there twice, the first on the path counts, as in Python."""
    for version in ("1.0", "2.0"):
        folder = tmp_path / version
        folder.mkdir()
        write_plugin(folder, "acme", version=version)
        monkeypatch.syspath_prepend(folder)

    assert info_of("acme").distribution == "batchhub-acme 2.0"
    assert info_of("acme").error is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("class PluginAdapter(Adapter):", "class PluginAdapter:"), "is no subclass of"),
        (("async def poll", "async def pole"), "it does not define poll"),
        (("    states = {{}}", ""), "it does not define states"),
        (("    name = {name!r}", ""), "it does not define name"),
        (("    name = {name!r}", "    name = 'other'"), "it calls itself 'other'"),
        (('{{"work": Capabilities(max_items=10)}}', "{{}}"), "it has no operations"),
        (("account_type = PluginAccount", "account_type = dict"), "is no subclass of"),
        (("account_type = PluginAccount", "account_type = 'x'"), "is no subclass of"),
        (("adapter = {name!r}", "adapter = 'other'"), "its accounts are not of the adapter 'acme'"),
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

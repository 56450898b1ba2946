"""Who may use a store: its owner alone, or a group, whatever the umask; and what says so."""

from __future__ import annotations

import grp
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.hubs import numbered
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub
from batchhub.adapter import Observation
from batchhub.errors import SettingsError, StoreError, UsageError
from batchhub.settings import load_settings

pytestmark = pytest.mark.sqlite_only("who may use files")

NOBODY = 65534


@contextmanager
def umask(value: int) -> Iterator[None]:
    """Run with a umask."""
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def somebody_else() -> Iterator[None]:
    """Run as a user who owns nothing here."""
    if os.geteuid():
        pytest.skip("only root can become another user")
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def groups(folder: Path) -> set[int]:
    """Return the groups of all that is in a folder."""
    return {each.stat().st_gid for each in folder.rglob("*")}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that anybody can go into; pytest's own is root's alone."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


async def drive(store: Path, **how: str) -> dict[str, int]:
    """Drive a job and return the mode of each file beside the store while it is under way."""
    vendor = Vendor()
    vendor.polls.extend([Observation(words=("Running",))] * 100)
    async with BatchHub(store, {"shop": ScriptedAccount(vendor=vendor)}, **how) as hub:  # type: ignore[arg-type]
        job = await hub.submit("shop", numbered(1))
        await job.hand_over()
        found = sorted(store.parent.rglob("*"))
        modes = {each.suffix or each.name: each.stat().st_mode for each in found}
    return {name.removeprefix(".db"): stat.S_IMODE(mode) for name, mode in modes.items()}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o277])
@pytest.mark.parametrize(
    ("mode", "of_file", "of_folder"), [("private", 0o600, 0o700), ("group", 0o660, 0o2770)]
)
async def test_files_have_one_mode_whatever_the_umask(
    tmp_path: Path, mask: int, mode: str, of_file: int, of_folder: int
) -> None:
    """The store, both files SQLite keeps beside it, the locks, and their folder."""
    with umask(mask):
        modes = await drive(tmp_path / "jobs.db", store_mode=mode)

    assert modes == {
        "": of_file,
        "-wal": of_file,
        "-shm": of_file,
        ".lanes": of_folder,
        ".lock": of_file,
    }


async def test_a_private_store_is_opened_up_for_the_group(tmp_path: Path) -> None:
    """Once its owner has said so, with all that is beside it."""
    store = tmp_path / "jobs.db"
    before = await drive(store)
    after = await drive(store, store_mode="group")

    assert set(before.values()) == {0o600, 0o700}
    assert set(after.values()) == {0o660, 0o2770}


async def test_files_belong_to_the_group_of_their_folder(folder: Path) -> None:
    """Not to the one their maker happens to be in."""
    if os.geteuid():
        pytest.skip("only root can give a folder to any group")
    os.chown(folder, -1, NOBODY)
    await drive(folder / "jobs.db", store_mode="group")

    assert groups(folder) == {NOBODY}


async def test_a_colleague_is_told_whose_store_it_is(folder: Path) -> None:
    """And what its owner can do about it."""
    store = folder / "jobs.db"
    await drive(store)
    with somebody_else(), pytest.raises(StoreError) as caught:
        await BatchHub(store).__aenter__()

    assert str(caught.value) == (
        f"store {store}: its mode (0600) lets only user root use it; work as that user, or let "
        'them set store_mode = "group" in the settings'
    )


async def test_somebody_outside_the_group_is_told_which_one_it_is(folder: Path) -> None:
    """The owner has let the group in already: to say it again would help nobody."""
    store = folder / "jobs.db"
    await drive(store, store_mode="group")
    group = grp.getgrgid(store.stat().st_gid).gr_name
    with somebody_else(), pytest.raises(StoreError) as caught:
        await BatchHub(store).__aenter__()

    assert str(caught.value) == (
        f"store {store}: its mode (0660) lets only user root and the group {group} use it; work "
        "as a member of that group"
    )


async def test_colleagues_of_one_group_work_on_one_store(folder: Path) -> None:
    """Each sees whether the other's process lives, and drives what it has left."""
    if os.geteuid():
        pytest.skip("only root can give a folder to any group")
    store = folder / "jobs.db"
    os.chown(folder, -1, NOBODY)
    os.chmod(folder, 0o2775)  # noqa: PTH101  # in a test
    await drive(store, store_mode="group")
    with somebody_else():
        account = ScriptedAccount(vendor=Vendor())
        async with BatchHub(store, {"shop": account}, store_mode="group") as hub:
            (job,) = await hub.resume()

    assert job.status.state.is_terminal


async def test_a_store_with_two_names_is_refused(tmp_path: Path) -> None:
    """SQLite keeps a log for each name, so what one process writes the other doesn't see."""
    store, other = tmp_path / "jobs.db", tmp_path / "other.db"
    await drive(store)
    other.hardlink_to(store)
    for path in (store, other):
        with pytest.raises(StoreError, match=r"its file has 2 names \(hard links\)"):
            await BatchHub(path).__aenter__()
    other.unlink()
    async with BatchHub(store) as hub:
        assert len(await hub.jobs()) == 1


# The setting.


@pytest.mark.parametrize(("text", "mode"), [("", "private"), ('store_mode = "group"', "group")])
def test_the_mode_is_a_setting(tmp_path: Path, text: str, mode: str) -> None:
    """In the file; the environment wins."""
    (tmp_path / "batchhub.toml").write_text(text)

    assert load_settings(tmp_path / "batchhub.toml", {}).store_mode == mode
    over = {"BATCHHUB_STORE_MODE": "group"}
    assert load_settings(tmp_path / "batchhub.toml", over).store_mode == "group"


@pytest.mark.parametrize("value", ['"open"', "0o660", "true", '""'])
def test_a_mode_there_is_not_is_refused(tmp_path: Path, value: str) -> None:
    """With the ones there are."""
    (tmp_path / "batchhub.toml").write_text(f"store_mode = {value}")

    with pytest.raises(SettingsError, match="store_mode must be 'private' or 'group', not"):
        load_settings(tmp_path / "batchhub.toml", {})
    over = {"BATCHHUB_STORE_MODE": "open"}
    with pytest.raises(SettingsError, match=r"^the environment: BATCHHUB_STORE_MODE") as got:
        load_settings(tmp_path / "batchhub.toml", over)
    assert got.value.path is None
    with pytest.raises(UsageError, match="store_mode is 'private' or 'group', not 'open'"):
        BatchHub(store_mode="open")

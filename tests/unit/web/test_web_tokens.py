"""The files one signs in with: made, read anew, and refused where others can read them."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from batchhub._web.look import Role
from batchhub._web.tokens import SHORTEST, TokenError, Tokens
from batchhub.errors import UsageError


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """Make the tokens of a new folder."""
    made = Tokens(tmp_path / "web")
    made.check()
    return made


def test_tokens_are_made_for_their_owner_alone(tokens: Tokens) -> None:
    """Each role gets a file of its own with 32 random bytes in it; folder and files are private."""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tokens.folder.iterdir()}

    assert modes == {"operator": 0o600, "viewer": 0o600}
    assert stat.S_IMODE(tokens.folder.stat().st_mode) == 0o700
    assert all(len(tokens.get(role)) == 43 for role in Role)
    assert tokens.get(Role.OPERATOR) != tokens.get(Role.VIEWER)


def test_tokens_stay(tokens: Tokens) -> None:
    """Another start reads what is there."""
    again = Tokens(tokens.folder)
    again.check()

    assert [again.get(role) for role in Role] == [tokens.get(role) for role in Role]


def test_a_token_is_whose_it_is(tokens: Tokens) -> None:
    """Each role has its token, and nobody else has one."""
    assert [tokens.find_role(tokens.get(role)) for role in Role] == list(Role)
    assert tokens.find_role(tokens.get(Role.VIEWER)[:-1]) is None
    assert tokens.find_role("") is None
    assert tokens.find_role("käse") is None


def test_a_token_may_be_replaced_or_deleted(tokens: Tokens) -> None:
    """What the file has now counts; a deleted one is made anew."""
    old = tokens.get(Role.OPERATOR)
    tokens.path_of(Role.OPERATOR).write_text("x" * SHORTEST + "\n")
    assert tokens.find_role(old) is None
    assert tokens.find_role("x" * SHORTEST) is Role.OPERATOR

    tokens.path_of(Role.OPERATOR).unlink()
    new = tokens.get(Role.OPERATOR)
    assert new not in {old, "x" * SHORTEST}
    assert tokens.find_role(new) is Role.OPERATOR


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (b"x" * SHORTEST, 0o640, r"others can read it \(mode 0640\).*chmod 600"),
        (b"x" * (SHORTEST - 1), 0o600, "20 or more plain characters"),
        (b"", 0o600, "delete it, and a new one is made"),
        (b"one line of text\nand another", 0o600, "one line"),
        (b"\xff" * 40, 0o600, "plain characters"),
    ],
)
def test_what_is_no_token_is_refused(
    tokens: Tokens, text: bytes, mode: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start it is an error; while the page runs its role can't sign in, said once."""
    caplog.set_level(logging.ERROR)
    path = tokens.path_of(Role.VIEWER)
    path.write_bytes(text)
    path.chmod(mode)

    with pytest.raises(UsageError, match=said):
        Tokens(tokens.folder).check()
    with pytest.raises(TokenError, match=said):
        tokens.get(Role.VIEWER)
    assert tokens.find_role(text.decode("latin-1")) is None
    assert tokens.find(Role.VIEWER) is None
    assert [record.message for record in caplog.records if "viewer" in record.message] == [
        caplog.records[0].message
    ]


def test_two_equal_tokens_are_refused(tokens: Tokens) -> None:
    """Nobody could say which role it is."""
    tokens.path_of(Role.VIEWER).write_text(tokens.get(Role.OPERATOR))

    with pytest.raises(UsageError, match="the same"):
        Tokens(tokens.folder).check()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The message says what to do."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="--tokens"):
        Tokens(tmp_path / "file" / "web").check()


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused(tokens: Tokens, kind: str) -> None:
    """The page neither waits for somebody to write a token nor says that it is others'."""
    path = tokens.path_of(Role.VIEWER)
    path.unlink()
    path.mkdir(0o700) if kind == "folder" else os.mkfifo(path, 0o600)

    with pytest.raises(UsageError, match=r"viewer: it is no file"):
        Tokens(tokens.folder).check()


@pytest.mark.parametrize(("mode", "is_taken"), [(0o755, True), (0o1777, True), (0o770, False)])
def test_a_folder_that_others_write_to_is_refused(
    tmp_path: Path, mode: int, *, is_taken: bool
) -> None:
    """Whoever puts a token there would be an operator; in one as /tmp nobody's can be replaced."""
    folder = tmp_path / "web"
    folder.mkdir()
    folder.chmod(mode)

    if is_taken:
        Tokens(folder).check()
    else:
        with pytest.raises(UsageError, match=r"mode 0770.*chmod 700"):
            Tokens(folder).check()

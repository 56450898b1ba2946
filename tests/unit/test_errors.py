"""The error tree: as it is drawn, and what its messages and attributes say."""

from __future__ import annotations

import builtins
import copy
import pickle
import re
from collections.abc import Iterator

import pytest

from batchhub import errors
from batchhub.errors import (
    BatchHubError,
    ContactError,
    InputError,
    NotKnownError,
    SettingsError,
    VendorError,
)

_LINE = re.compile(r"^    (?P<branches>[│├└─ ]*)(?P<name>\w+Error)(?: \((?P<builtin>\w+)\))? *")


def subclasses(root: type[BatchHubError]) -> Iterator[type[BatchHubError]]:
    """Yield a class of our own module and all below it."""
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from subclasses(child)


ALL = list(subclasses(BatchHubError))


def drawn() -> Iterator[tuple[str, str | None, str | None]]:
    """Yield each error of the drawing: its name, its parent's, and its builtin parent's."""
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := _LINE.match(line):
            depth = len(match["branches"]) // 4
            del parents[depth:]
            yield match["name"], parents[-1] if parents else None, match["builtin"]
            parents.append(match["name"])


def make(kind: type[BatchHubError]) -> BatchHubError:
    """Make an error of a kind."""
    if kind is NotKnownError:
        return NotKnownError("job", "j1")
    return kind("what happened")


def test_the_tree_is_as_it_is_drawn() -> None:
    """The drawing in the docstring has every class at its place, with its builtin parent."""
    real = []
    for kind in ALL:
        parents = [base.__name__ for base in kind.__bases__ if base.__module__ == errors.__name__]
        builtin = [base.__name__ for base in kind.__bases__ if hasattr(builtins, base.__name__)]
        outside = builtin[0] if kind is not BatchHubError and builtin else None
        real.append((kind.__name__, parents[0] if parents else None, outside))

    assert list(drawn()) == real


def test_every_error_is_public() -> None:
    """`errors.__all__` is the tree, sorted."""
    assert errors.__all__ == sorted(kind.__name__ for kind in ALL)


@pytest.mark.parametrize("kind", ALL)
def test_an_error_names_its_job_if_it_has_one(kind: type[BatchHubError]) -> None:
    """Every error can carry the job it happened to."""
    error = make(kind)

    assert error.job_id is None
    error.job_id = "261122-k3f9x2ab"
    assert error.job_id == "261122-k3f9x2ab"


def test_what_can_be_tried_again_is_said_by_the_class() -> None:
    """Only these may succeed later without a change."""
    assert {kind.__name__ for kind in ALL if kind.retryable} == {
        "WaitTimeoutError",
        "RateLimitedError",
        "BlockedError",
        "BusyError",
        "OtherHostError",
        "RepeatedError",
        "ServerError",
        "ReplyError",
        "ReplyTooLargeError",
        "ResultsMissingError",
        "ContactError",
        "ConnectError",
        "NoAnswerError",
        "StoreError",
    }


def test_what_leaves_a_write_in_doubt_is_said_by_the_class() -> None:
    """Only after these nobody knows whether a request with an effect had it."""
    told = [*subclasses(VendorError), *subclasses(ContactError)]

    assert {kind.__name__ for kind in told if kind.may_have_run} == {  # type: ignore[attr-defined]
        "RepeatedError",
        "ServerError",
        "ReplyError",
        "ReplyTooLargeError",
        "ResultsMissingError",
        "NoAnswerError",
    }


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InputError("too long"), "too long"),
        (InputError("too long", position=3), "item 3: too long"),
        (InputError("too long", position=3, item_id="3"), "item 3: too long"),
        (InputError("too long", position=3, item_id="a"), "item 3 (id 'a'): too long"),
        (InputError("too long", line=9, position=3), "line 9: too long"),
        (InputError("too long", line=9, item_id="a"), "line 9 (id 'a'): too long"),
        (InputError("too long", item_id="a"), "too long"),
    ],
)
def test_an_input_error_says_where(error: InputError, text: str) -> None:
    """The line if the input is a file, else the item's place, and its id if that says more."""
    assert str(error) == text
    assert error.reason == "too long"


def test_a_name_that_is_not_known_is_told_with_those_that_are() -> None:
    """The known names are sorted, and a hint comes last."""
    error = NotKnownError("account", "shp", ["web", "shop"], "add it")

    assert str(error) == "no account named 'shp'; known: shop, web; add it"
    assert (error.kind, error.name, error.known) == ("account", "shp", ("shop", "web"))
    assert str(NotKnownError("job", "x")) == "no job named 'x'"


def test_callers_may_catch_what_python_calls_it() -> None:
    """Wrong calls are `ValueError`, names not found `LookupError`, silence `ConnectionError`."""
    assert issubclass(SettingsError, ValueError)
    assert issubclass(NotKnownError, LookupError)
    assert issubclass(errors.WaitTimeoutError, TimeoutError)
    assert issubclass(errors.NoAnswerError, ConnectionError)


@pytest.mark.parametrize("kind", ALL)
def test_an_error_survives_copying_and_other_processes(kind: type[BatchHubError]) -> None:
    """An error can be copied and pickled: message and attributes stay."""
    error = make(kind)
    error.job_id = "j1"

    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is kind
        assert (str(other), vars(other)) == (str(error), vars(error))

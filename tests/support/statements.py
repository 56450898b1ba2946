"""The statements that stores run, as tests are told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

from batchhub._store import statements


@contextmanager
def on_statements(tell: Callable[[str], object]) -> Iterator[None]:
    """Tell the text of each statement before any store runs it; what that raises comes of it."""
    run, run_many = statements._run, statements._run_many

    def note(*args: Any) -> None:
        tell(args[2])

    def noted_run(connection: Any, text: str, values: Any) -> Any:
        tell(text)
        return run(connection, text, values)

    def noted_run_many(connection: Any, text: str, rows: Any) -> int:
        tell(text)
        return run_many(connection, text, rows)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with (
            patch.object(statements, "_run", noted_run),
            patch.object(statements, "_run_many", noted_run_many),
        ):
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)

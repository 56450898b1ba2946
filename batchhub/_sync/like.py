"""The documentation of an async method, for the one that passes calls on to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def like(method: Callable[..., Any]) -> Callable[[F], F]:
    """Append the docstring of the async method, for `help`."""

    def add(function: F) -> F:
        docs = [inspect.cleandoc(each.__doc__ or "") for each in (function, method)]
        function.__doc__ = "\n\n".join(docs)
        return function

    return add

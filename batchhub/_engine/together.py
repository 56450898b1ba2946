"""What many ask for at once, done once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """
    Does the same for all who ask in one turn of the loop, or while others' turn lasts.

    Thousands of lanes that end in the same moment would write a row each; together they are a few
    writes of many rows.

    Args:
        do: Does it for some, as many as `most`; returns what comes of it for each, in their order.
            What it raises is raised to all of them.
        name: What its task is called.
        most: The most that are done for at once.
    """

    def __init__(
        self, do: Callable[[Sequence[T]], Awaitable[Sequence[R]]], *, name: str, most: int
    ) -> None:
        self._do = do
        self._name = name
        self._most = most
        self._asked: list[tuple[T, asyncio.Future[R]]] = []
        self._doing: asyncio.Task[None] | None = None

    async def ask(self, one: T) -> R:
        """Have it done for one; it is done all the same if whoever asks is cancelled meanwhile."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._asked.append((one, answer))
        if self._doing is None or self._doing.done():
            self._doing = asyncio.create_task(self._do_all(), name=self._name)
        return await answer

    async def _do_all(self) -> None:
        while self._asked:
            some, self._asked = self._asked[: self._most], self._asked[self._most :]
            try:
                results = await self._do([one for one, _ in some])
            except asyncio.CancelledError:  # the loop ends
                for _, answer in some:
                    answer.cancel()
                raise
            except Exception as error:  # handed to all who asked
                for _, answer in some:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for (_, answer), result in zip(some, results, strict=True):
                    if not answer.done():
                        answer.set_result(result)

"""The rows that items are made of, on their way into the store with the items."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from attrs import evolve

from batchhub._store.row_blocks import Block, BlockWriter, read_data, write_head
from batchhub.errors import InputError
from batchhub.models.rows import Cells

from .raw_items import KeepsRows

_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_HINT: Final = "take it out, or submit with keep_input=False"


class RowKeeper:
    """
    Takes rows one by one, and hands them on in blocks.

    Attributes:
        head: What is known of all rows, packed, after `finish`; `None` if nothing is.

    Args:
        source: Where they come from.
        redact: Blanks the secrets of the account in bytes.
        secrets: These secrets, as far as they are known before.
        on_block: Called with the bytes of each block.
        rest: Hands on what there is, if it is much.
    """

    def __init__(
        self,
        source: KeepsRows,
        redact: Callable[[bytes], bytes],
        secrets: Iterable[str],
        on_block: Callable[[int], None],
        rest: Callable[[], Awaitable[None]],
    ) -> None:
        self.head: bytes | None = None
        self._source = source
        self._redact = redact
        # A number of a workbook has no digits that could be looked for.
        self._looks_at_numbers = any(_NUMBER.fullmatch(secret) for secret in secrets)
        self._on_block = on_block
        self._rest = rest
        self._writer = BlockWriter()
        self._blocks: list[Block] = []
        self._first_row = self._first_item = 1

    def add(self, line: int, cells: Cells, reason: str | None) -> None:
        """
        Keep a row.

        Raises:
            InputError: One of those before holds a secret of the account.
        """
        writer = self._writer
        if len(writer.rows) >= writer.most:
            self.close()  # not before: what the adapter thinks of the last row was yet to come
        # As `add` does it, without the call: there are very many rows.
        writer.rows.append(cells)
        writer.lines.append(line)
        if reason is not None:
            writer.refuse(self._blank(reason))

    def refuse(self, reason: str) -> None:
        """Note why the last row can't be sent, in a text without secrets."""
        self._writer.refuse(reason)

    async def rest(self) -> None:
        """Hand on what there is, if it is much."""
        await self._rest()

    def close(self) -> None:
        """
        End the block that is being filled.

        Raises:
            InputError: A row of it holds a secret of the account.
        """
        rows, refused = len(self._writer.rows), self._writer.refused
        if not rows:
            return
        data = self._writer.take()
        if self._shows_secret(data):
            self._refuse_secret(data)
        block = Block(first_row=self._first_row, first_item=self._first_item, data=data)
        self._blocks.append(block)
        self._on_block(len(data))
        self._first_row += rows
        self._first_item += rows - refused

    def take(self) -> list[Block]:
        """Return the blocks that have not been handed on yet."""
        blocks, self._blocks = self._blocks, []
        return blocks

    def finish(self) -> None:
        """
        End the last block, now that there are no more rows.

        Raises:
            InputError: A row of it, or the name of a column, holds a secret of the account.
        """
        self.close()
        head = self._source.head
        if head is None:
            return
        for name in head.columns or ():
            if self._blank(name) != name:
                raise InputError(
                    f"the name of a column holds a secret of the account, which would be stored; "
                    f"{_HINT}"
                )
        path = None if head.path is None else self._blank(head.path)
        shown = evolve(head, name=self._blank(head.name), path=path)
        self.head = write_head(shown, self._first_row - 1)

    def _blank(self, text: str) -> str:
        found = self._redact(text.encode("utf-8", "surrogatepass"))
        return found.decode("utf-8", "surrogatepass")

    def _shows_secret(self, data: bytes) -> bool:
        if self._redact(data) != data:
            return True
        if not self._looks_at_numbers:
            return False
        shown = str(read_data(data).cells)
        return self._blank(shown) != shown

    def _refuse_secret(self, data: bytes) -> None:
        """Raise which row of a block holds a secret of the account."""
        block = read_data(data)
        for line, cells in zip(block.lines, block.cells, strict=True):
            writer = BlockWriter()
            writer.add(line, cells)
            if self._shows_secret(writer.take()):
                raise InputError(
                    f"{self._source.place} {line} holds a secret of the account, which would be "
                    f"stored; {_HINT}"
                )
        raise InputError(f"a row holds a secret of the account, which would be stored; {_HINT}")

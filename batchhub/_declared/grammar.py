"""
The grammar: every key of a description, in one table.

`docs/declare-an-adapter.md` is made of it. In a key's full name `NAME` stands for a name that the
author chooses. What keys have to do with each other is in `checks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from . import readers
from .operation_keys import CANCEL, ITEMS, LIMITS, POLL, RESULTS, SUBMIT
from .parts import ANY, Each, Key, Part, Section, key, needed

__all__ = ["ANY", "GRAMMAR", "LIMITS", "Each", "Key", "Part", "Section", "list_keys"]

GRAMMAR: Final = Section(
    about="A description of an adapter.",
    parts={
        "name": needed(readers.read_name, "The adapter's name."),
        "title": key(readers.read_text, "The vendor's name, as people write it."),
        "sandbox": key(
            readers.read_class, "Where its stand-in server is, if it has one: module:Class."
        ),
        "account": Section(
            about="What the settings say of an account.",
            is_needed=True,
            parts={
                "base_url": key(
                    readers.read_text,
                    "Where the vendor answers: scheme and host. Without it each account says it.",
                ),
                "budget": Section(
                    about="How many requests an account may make.",
                    is_needed=True,
                    parts={
                        "requests": needed(readers.read_whole, "At most this many requests …"),
                        "per_s": needed(readers.read_seconds, "… in this many seconds."),
                        "burst": key(readers.read_whole, "How many of them may go at once."),
                    },
                ),
                "fields": Each(
                    about="The settings of an account, by name.",
                    is_needed=True,
                    check=readers.check_field,
                    part=Section(
                        about="A setting.",
                        parts={
                            "kind": needed(
                                readers.read_account_kind, "text, whole_number, flag or secret."
                            ),
                            "identity": key(
                                readers.read_flag,
                                "Whether it says who the account is at the vendor: one does.",
                            ),
                            "default": key(
                                readers.read_default, "Its default; without one it is required."
                            ),
                            "about": key(readers.read_text, "What it is, in a line."),
                        },
                    ),
                ),
            },
        ),
        "auth": Section(
            about="What authorises a request. {names} are fields of the account.",
            parts={
                "bearer": key(readers.read_templated, "The token of Authorization: Bearer."),
                "basic": key(readers.read_pair, "User name and password of HTTP Basic."),
                "headers": Each(
                    about="Headers by name.",
                    part=key(readers.read_templated, "The header's value."),
                    check=readers.check_header,
                ),
            },
        ),
        "headers": Each(
            about="Headers of every request.",
            part=key(
                readers.read_templated,
                "The header's value; {names} are fields of the account that are no secrets.",
            ),
            check=readers.check_plain_header,
        ),
        "states": Each(
            about="What the vendor's words for a batch mean; case does not matter. A word that is "
            "missing here ends nothing.",
            part=key(
                readers.read_state, "queued, in_progress, completed, failed, cancelled or lost."
            ),
            check=readers.check_word,
        ),
        "errors": Section(
            about="How the vendor explains an error.",
            parts={
                "code": key(readers.read_place, "Where its body has a code."),
                "message": key(readers.read_place, "Where its body has a message."),
                "not_executed": key(
                    readers.read_statuses, "HTTP statuses that say that a request did not run."
                ),
            },
        ),
        "probe": Section(
            about="A harmless request, to see whether vendor and credentials work.",
            parts={
                "request": needed(readers.read_line, "Method and path."),
                "expects": needed(
                    readers.read_place,
                    "Where the vendor's own answer has something, and any other server's nothing.",
                ),
            },
        ),
        "operations": Each(
            about="What the vendor can do; the first is the default.",
            is_needed=True,
            check=readers.check_operation,
            part=Section(
                about="A kind of batch.",
                parts={
                    **LIMITS,
                    **ITEMS,
                    "submit": SUBMIT,
                    "poll": POLL,
                    "results": RESULTS,
                    "cancel": CANCEL,
                },
            ),
        ),
    },
)
"""Every key there is."""


def list_keys(part: Part = GRAMMAR, name: str = "") -> Iterator[tuple[str, Part]]:
    """Yield every key and table by its full name, such as ``operations.NAME.submit.ref``."""
    if name:
        yield name, part
    inner = f"{name}." if name else ""
    if isinstance(part, Section):
        for each, below in part.parts.items():
            yield from list_keys(below, f"{inner}{each}")
    elif isinstance(part, Each):
        yield from list_keys(part.part, f"{inner}{ANY}")

"""
The grammar: every key of a description, in one table.

`docs/declare-an-adapter.md` is checked against it. In a key's full name `NAME` stands for a name
that the author chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from attrs import frozen

from . import readers
from .readers import Read

ANY: Final = "NAME"


@frozen(kw_only=True)
class Key:
    """
    A key.

    Attributes:
        read: Makes its value, or raises `Wrong`.
        about: What it says, in a sentence.
        is_needed: Whether its table must have it.
    """

    read: Read
    about: str
    is_needed: bool = False


@frozen(kw_only=True)
class Section:
    """
    A table with keys of fixed names.

    Attributes:
        about: What it is for, in a sentence.
        parts: What may be in it, by name.
        is_needed: Whether the table around it must have it.
    """

    about: str
    parts: Mapping[str, Part]
    is_needed: bool = False


@frozen(kw_only=True)
class Each:
    """
    A table whose keys the author names.

    Attributes:
        about: What it is for, in a sentence.
        part: What stands under each name.
        check: Refuses a wrong name.
        is_needed: Whether the table around it must have it, with something in it.
    """

    about: str
    part: Part
    check: Callable[[str], None]
    is_needed: bool = False


Part = Key | Section | Each


def _key(read: Read, about: str) -> Key:
    return Key(read=read, about=about)


def _needed(read: Read, about: str) -> Key:
    return Key(read=read, about=about, is_needed=True)


_FIELDS_BODY: Final = "Fixed fields of the body; their texts may name fields of the account."

LIMITS: Final[Mapping[str, Key]] = {
    "max_items": _needed(readers.read_whole, "The most items in one batch."),
    "max_bytes": _key(readers.read_whole, "The most bytes in the body of a request."),
    "tickets_per_job": _key(
        readers.read_whole, "How many batches of a job may be on their way at once. Default: 1."
    ),
    "tickets_per_lane": _key(
        readers.read_whole, "How many batches of an account may be on their way at once."
    ),
    "runs_in_order": _key(
        readers.read_flag, "Whether the vendor runs batches, and their items, in order."
    ),
    "poll_s": _key(readers.read_seconds, "The usual seconds between two polls. Default: 5."),
    "min_poll_s": _key(readers.read_seconds, "The fewest seconds between two polls."),
    "counts_items": _key(
        readers.read_flag,
        "Whether the vendor counts items, so that a word for success is believed only together "
        "with the counts.",
    ),
    "count_grace_s": _key(
        readers.read_seconds, "Seconds for which word and counts may disagree. Default: 60."
    ),
    "dedup_window_s": _key(
        readers.read_seconds,
        "Seconds for which a second submit with the same {idempotency_key} gets the first one's "
        "batch.",
    ),
    "visibility_grace_s": _key(
        readers.read_seconds, "Seconds for which a fresh batch may answer 404. Default: 60."
    ),
    "results_kept_s": _key(
        readers.read_seconds, "Retention: seconds for which the vendor keeps the results."
    ),
    "refuses_repeat_s": _key(
        readers.read_seconds, "Seconds for which the vendor refuses a body it has had."
    ),
    "indivisible": _key(readers.read_flag, "Whether the vendor runs a batch wholly or not at all."),
    "results_grace_s": _key(
        readers.read_seconds,
        "Seconds for which missing results of a finished batch are asked for. Default: 900.",
    ),
    "stall_s": _key(
        readers.read_seconds,
        "Seconds without progress after which a batch is said to have stalled. Default: 1800.",
    ),
}
"""The keys of an operation that are fields of `Capabilities`, by the same names."""

_ITEMS: Final[Mapping[str, Part]] = {
    "key_field": _key(
        readers.read_keys,
        "The field that names an item at the vendor, dotted where it is nested: the item's id, and "
        "what it changes.",
    ),
    "may_repeat": _key(
        readers.read_flag,
        "Whether a batch may run twice without more effect than once, so that it is sent again if "
        "no answer came.",
    ),
    "fields": Each(
        about="What kind of value an item's fields take, by name; dotted where they are nested.",
        part=_key(readers.read_kind, "integer, number, number_as_text, text or flag."),
        check=readers.check_item_field,
    ),
}

_SUBMIT: Final = Section(
    about="How a batch is sent.",
    is_needed=True,
    parts={
        "request": _needed(
            readers.read_line,
            "Method and path; {names} are fields of the account, or {idempotency_key}.",
        ),
        "headers": Each(
            about="Headers of this request; they may name {idempotency_key} too.",
            part=_key(readers.read_templated, "The header's value."),
            check=readers.check_header,
        ),
        "items": _key(
            readers.read_keys,
            "The field of the body that holds the items, dotted where it is nested. Without it the "
            "body is the list of items itself.",
        ),
        "body": _key(readers.read_body, f"{_FIELDS_BODY} Also {{idempotency_key}}."),
        "ref": _key(
            readers.read_place,
            "Where the answer has the batch's id. Without it, and without poll, the answer has the "
            "results.",
        ),
        "repeated": Section(
            about="How the vendor says that it has had this very body a short while ago. All keys "
            "that are given must fit.",
            parts={
                "status": _key(readers.read_statuses, "The HTTP status, or a list of them."),
                "code": _key(
                    readers.read_texts, "The error's code as errors.code finds it, or a list."
                ),
                "message": _key(
                    readers.read_text,
                    "A part of the error's message as errors.message finds it; for vendors that "
                    "document nothing better.",
                ),
            },
        ),
    },
)

_POLL: Final = Section(
    about="How a batch is asked about. Without it the answer to the submit has the results.",
    parts={
        "request": _needed(readers.read_line, "Method and path; {ref} is the batch's id."),
        "body": _key(readers.read_body, f"{_FIELDS_BODY} Also {{ref}}."),
        "word": _key(readers.read_place, "Where the answer has the vendor's word for the batch."),
        "fold": _key(
            readers.read_flag,
            "In place of word: the batch has ended when the words of all its items have.",
        ),
        "done": _key(readers.read_place, "How many items are done."),
        "succeeded": _key(readers.read_place, "How many items succeeded."),
        "failed": _key(readers.read_place, "How many items failed."),
        "progress": _key(
            readers.read_place,
            'The share that is done, from 0 to 1; also text such as "50%" or "12/24".',
        ),
        "percent": _key(readers.read_place, "The share that is done, from 0 to 100."),
        "message": _key(readers.read_place, "Why the whole batch failed."),
    },
)

_RESULTS: Final = Section(
    about="How the items went: in the answer to the last poll, or to a request of its own.",
    is_needed=True,
    parts={
        "request": _key(readers.read_line, "Method and path of a request of its own."),
        "body": _key(readers.read_body, f"{_FIELDS_BODY} Also {{ref}}."),
        "list": _needed(readers.read_place, "Where the answer has the list of results."),
        "key": _key(
            readers.read_place,
            "The join key: where an entry has what key_field has in the item. From the entry, like "
            "all that follow.",
        ),
        "id": _key(readers.read_place, "The join key, where it is the item's id."),
        "position": _key(
            readers.read_place, "The join key, where it is the item's place in the request."
        ),
        "first_position": _key(
            readers.read_position, "The place of the first item: 0 or 1. Default: 0."
        ),
        "in_order": _key(
            readers.read_flag,
            "In place of a join key: there is one entry an item, in the order of the request.",
        ),
        "word": _key(readers.read_place, "Where an entry has the vendor's word for the item."),
        "words": Each(
            about="What the vendor's words for an item mean. A word that is missing here ends "
            "nothing.",
            part=_key(
                readers.read_item_state, "succeeded, failed, not_executed, unknown or pending."
            ),
            check=readers.check_word,
        ),
        "named": _key(
            readers.read_outcome, "In place of word: how every item went that is in the list."
        ),
        "rest": _key(
            readers.read_outcome,
            "How the items went that a finished batch does not name. Default: unknown.",
        ),
        "code": _key(readers.read_place, "The item's own HTTP status."),
        "message": _key(readers.read_place, "The vendor's message; a list is joined."),
        "ref": _key(readers.read_place, "The vendor's id for the item."),
    },
)

GRAMMAR: Final = Section(
    about="A description of an adapter.",
    parts={
        "name": _needed(readers.read_name, "The adapter's name."),
        "title": _key(readers.read_text, "The vendor's name, as people write it."),
        "sandbox": _key(
            readers.read_class, "Where its stand-in server is, if it has one: module:Class."
        ),
        "account": Section(
            about="What the settings say of an account.",
            is_needed=True,
            parts={
                "base_url": _key(
                    readers.read_text,
                    "Where the vendor answers: scheme and host. Without it each account says it.",
                ),
                "budget": Section(
                    about="How many requests an account may make.",
                    is_needed=True,
                    parts={
                        "requests": _needed(readers.read_whole, "At most this many requests …"),
                        "per_s": _needed(readers.read_seconds, "… in this many seconds."),
                        "burst": _key(readers.read_whole, "How many of them may go at once."),
                    },
                ),
                "fields": Each(
                    about="The settings of an account, by name.",
                    is_needed=True,
                    check=readers.check_field,
                    part=Section(
                        about="A setting.",
                        parts={
                            "kind": _needed(
                                readers.read_account_kind, "text, whole_number, flag or secret."
                            ),
                            "identity": _key(
                                readers.read_flag,
                                "Whether it says who the account is at the vendor: one does.",
                            ),
                            "default": _key(
                                readers.read_default, "Its default; without one it is required."
                            ),
                            "about": _key(readers.read_text, "What it is, in a line."),
                        },
                    ),
                ),
            },
        ),
        "auth": Section(
            about="What authorises a request. {names} are fields of the account.",
            parts={
                "bearer": _key(readers.read_templated, "The token of Authorization: Bearer."),
                "basic": _key(readers.read_pair, "User name and password of HTTP Basic."),
                "headers": Each(
                    about="Headers by name.",
                    part=_key(readers.read_templated, "The header's value."),
                    check=readers.check_header,
                ),
            },
        ),
        "headers": Each(
            about="Headers of every request.",
            part=_key(
                readers.read_templated,
                "The header's value; {names} are fields of the account that are no secrets.",
            ),
            check=readers.check_header,
        ),
        "states": Each(
            about="What the vendor's words for a batch mean; case does not matter. A word that is "
            "missing here ends nothing.",
            part=_key(
                readers.read_state, "queued, in_progress, completed, failed, cancelled or lost."
            ),
            check=readers.check_word,
        ),
        "errors": Section(
            about="How the vendor explains an error.",
            parts={
                "code": _key(readers.read_place, "Where its body has a code."),
                "message": _key(readers.read_place, "Where its body has a message."),
                "not_executed": _key(
                    readers.read_statuses, "HTTP statuses that say that a request did not run."
                ),
            },
        ),
        "probe": Section(
            about="A harmless request, to see whether vendor and credentials work.",
            parts={
                "request": _needed(readers.read_line, "Method and path."),
                "expects": _needed(
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
                    **_ITEMS,
                    "submit": _SUBMIT,
                    "poll": _POLL,
                    "results": _RESULTS,
                    "cancel": Section(
                        about="How the vendor is asked to stop a batch.",
                        parts={
                            "request": _needed(
                                readers.read_line, "Method and path; {ref} is the batch's id."
                            ),
                            "body": _key(readers.read_body, f"{_FIELDS_BODY} Also {{ref}}."),
                        },
                    ),
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

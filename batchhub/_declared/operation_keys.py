"""The keys of an operation: its limits, its items, and its requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import readers
from .parts import Each, Key, Part, Section, key, needed

FIELDS_BODY: Final = "Fixed fields of the body; their texts may name fields of the account."

LIMITS: Final[Mapping[str, Key]] = {
    "max_items": needed(readers.read_whole, "The most items in one batch."),
    "max_bytes": key(readers.read_whole, "The most bytes in the body of a request."),
    "tickets_per_job": key(
        readers.read_whole, "How many batches of a job may be on their way at once. Default: 1."
    ),
    "tickets_per_lane": key(
        readers.read_whole, "How many batches of an account may be on their way at once."
    ),
    "runs_in_order": key(
        readers.read_flag, "Whether the vendor runs batches, and their items, in order."
    ),
    "poll_s": key(readers.read_seconds, "The usual seconds between two polls. Default: 5."),
    "min_poll_s": key(readers.read_seconds, "The fewest seconds between two polls."),
    "counts_items": key(
        readers.read_flag,
        "Whether the vendor counts items, so that a word for success is believed only together "
        "with the counts.",
    ),
    "count_grace_s": key(
        readers.read_seconds, "Seconds for which word and counts may disagree. Default: 60."
    ),
    "dedup_window_s": key(
        readers.read_seconds,
        "Seconds for which a second submit with the same {idempotency_key} gets the first one's "
        "batch.",
    ),
    "visibility_grace_s": key(
        readers.read_seconds, "Seconds for which a fresh batch may answer 404. Default: 60."
    ),
    "results_kept_s": key(
        readers.read_seconds, "Retention: seconds for which the vendor keeps the results."
    ),
    "refuses_repeat_s": key(
        readers.read_seconds, "Seconds for which the vendor refuses a body it has had."
    ),
    "indivisible": key(readers.read_flag, "Whether the vendor runs a batch wholly or not at all."),
    "results_grace_s": key(
        readers.read_seconds,
        "Seconds for which missing results of a finished batch are asked for. Default: 900.",
    ),
    "stall_s": key(
        readers.read_seconds,
        "Seconds without progress after which a batch is said to have stalled. Default: 1800.",
    ),
}
"""The keys of an operation that are fields of `Capabilities`, by the same names."""

ITEMS: Final[Mapping[str, Part]] = {
    "key_field": key(
        readers.read_keys,
        "The field that names an item at the vendor, dotted where it is nested: the item's id, and "
        "what it changes.",
    ),
    "may_repeat": key(
        readers.read_flag,
        "Whether a batch may run twice without more effect than once, so that it is sent again if "
        "no answer came.",
    ),
    "needs_one_of": key(
        readers.read_texts,
        "Fields of an item of which it needs one, dotted where they are nested: without any it "
        "changes nothing.",
    ),
    "fields": Each(
        about="What kind of value an item's fields take, by name; dotted where they are nested.",
        part=key(readers.read_kind, "integer, number, number_as_text, text or flag."),
        check=readers.check_item_field,
    ),
}

SUBMIT: Final = Section(
    about="How a batch is sent.",
    is_needed=True,
    parts={
        "request": needed(
            readers.read_line,
            "Method and path; {names} are fields of the account, or {idempotency_key}.",
        ),
        "headers": Each(
            about="Headers of this request; they may name {idempotency_key} too.",
            part=key(readers.read_templated, "The header's value."),
            check=readers.check_plain_header,
        ),
        "items": key(
            readers.read_keys,
            "The field of the body that holds the items, dotted where it is nested. Without it the "
            "body is the list of items itself.",
        ),
        "body": key(readers.read_body, f"{FIELDS_BODY} Also {{idempotency_key}}."),
        "ref": key(
            readers.read_place,
            "Where the answer has the batch's id. Without it, and without poll, the answer has the "
            "results.",
        ),
        "repeated": Section(
            about="How the vendor says that it has had this very body a short while ago. All keys "
            "that are given must fit.",
            parts={
                "status": key(readers.read_statuses, "The HTTP status, or a list of them."),
                "code": key(
                    readers.read_texts, "The error's code as errors.code finds it, or a list."
                ),
                "message": key(
                    readers.read_text,
                    "A part of the error's message as errors.message finds it; for vendors that "
                    "document nothing better.",
                ),
            },
        ),
    },
)

POLL: Final = Section(
    about="How a batch is asked about. Without it the answer to the submit has the results.",
    parts={
        "request": needed(readers.read_line, "Method and path; {ref} is the batch's id."),
        "body": key(readers.read_body, f"{FIELDS_BODY} Also {{ref}}."),
        "word": key(readers.read_place, "Where the answer has the vendor's word for the batch."),
        "fold": key(
            readers.read_flag,
            "In place of word: the batch has ended once each of its items has a word that ends it.",
        ),
        "total": key(
            readers.read_place,
            "How many items the batch has, as the vendor counts: a batch of another size is never "
            "adopted.",
        ),
        "done": key(readers.read_place, "How many items are done."),
        "succeeded": key(readers.read_place, "How many items succeeded."),
        "failed": key(readers.read_place, "How many items failed."),
        "progress": key(
            readers.read_place,
            'The share that is done, from 0 to 1; also text such as "50%" or "12/24".',
        ),
        "percent": key(readers.read_place, "The share that is done, from 0 to 100."),
        "message": key(readers.read_place, "Why the whole batch failed."),
    },
)

RESULTS: Final = Section(
    about="How the items went: in the answer to the last poll, or to a request of its own.",
    is_needed=True,
    parts={
        "request": key(readers.read_line, "Method and path of a request of its own."),
        "body": key(readers.read_body, f"{FIELDS_BODY} Also {{ref}}."),
        "list": needed(
            readers.read_place, "Where the answer has the list of results; @ is the answer itself."
        ),
        "key": key(
            readers.read_place,
            "The join key: where an entry has what key_field has in the item. From the entry, like "
            "all that follow.",
        ),
        "id": key(readers.read_place, "The join key, where it is the item's id."),
        "position": key(
            readers.read_place, "The join key, where it is the item's place in the request."
        ),
        "first_position": key(
            readers.read_position, "The place of the first item: 0 or 1. Default: 0."
        ),
        "in_order": key(
            readers.read_flag,
            "In place of a join key: there is one entry an item, in the order of the request.",
        ),
        "word": key(readers.read_place, "Where an entry has the vendor's word for the item."),
        "words": Each(
            about="What the vendor's words for an item mean; case does not matter. A word that is "
            "missing here is never success: with fold the batch stays open, without it the item is "
            "unknown.",
            part=key(
                readers.read_item_state, "succeeded, failed, not_executed, unknown or pending."
            ),
            check=readers.check_word,
        ),
        "named": key(
            readers.read_outcome, "In place of word: how every item went that is in the list."
        ),
        "rest": key(
            readers.read_outcome,
            "How the items went that a finished batch does not name. Default: unknown.",
        ),
        "code": key(readers.read_place, "The item's own HTTP status."),
        "message": key(
            readers.read_place,
            "The vendor's message; a list is joined, an object is given as JSON.",
        ),
        "ref": key(readers.read_place, "The vendor's id for the item."),
    },
)

CANCEL: Final = Section(
    about="How the vendor is asked to stop a batch.",
    parts={
        "request": needed(readers.read_line, "Method and path; {ref} is the batch's id."),
        "body": key(readers.read_body, f"{FIELDS_BODY} Also {{ref}}."),
    },
)

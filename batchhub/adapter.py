"""
What an adapter implements, and what it may use.

An adapter translates one vendor's API and nothing else. The core owns time,
retries, budgets, persistence and the state machine. An adapter is one class,
found through the entry-point group ``batchhub.adapters.v1``; one instance serves
one account. Its class attributes say what the vendor can do; of its verbs only `submit` is
required: `authorize`, `find_attempt`, `poll` or `poll_one`, `fetch_results`, `cancel`, `probe`
and `aclose` have defaults.

Errors: do not catch what `Transport.request` raises, unless you handle it. Raise `InputError` from
`encode` and `check_options`, `ReplyError` for an answer that can't be understood.
"""

from __future__ import annotations

from ._adapter.account import Account, Budget, flag, header_secret, identity, secret, whole_number
from ._adapter.answers import (
    NOT_JSON,
    decode_fields,
    decode_object,
    one_line,
    read_fields,
    repair_text,
)
from ._adapter.bodies import FilePart, Form, Multipart
from ._adapter.capabilities import NO_OPTIONS, Capabilities, JSONMapping
from ._adapter.exchange import (
    Accepted,
    Attempt,
    Credentials,
    ItemReport,
    Observation,
    Probe,
    Report,
    RowMap,
    Steps,
    Submission,
    TicketRef,
    WireItem,
)
from ._adapter.kinds import Kind, find_kind, write_fields
from ._adapter.plain import encode_json, plain_json
from ._adapter_class import Adapter
from ._declared import declared
from ._http.transport import Transport
from ._http.words import describe_page

__all__ = [
    "NOT_JSON",
    "NO_OPTIONS",
    "Accepted",
    "Account",
    "Adapter",
    "Attempt",
    "Budget",
    "Capabilities",
    "Credentials",
    "FilePart",
    "Form",
    "ItemReport",
    "JSONMapping",
    "Kind",
    "Multipart",
    "Observation",
    "Probe",
    "Report",
    "RowMap",
    "Steps",
    "Submission",
    "TicketRef",
    "Transport",
    "WireItem",
    "declared",
    "decode_fields",
    "decode_object",
    "describe_page",
    "encode_json",
    "find_kind",
    "flag",
    "header_secret",
    "identity",
    "one_line",
    "plain_json",
    "read_fields",
    "repair_text",
    "secret",
    "whole_number",
    "write_fields",
]

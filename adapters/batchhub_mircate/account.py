"""One merchant at Mircate: its keys, and a setting for all that the vendor does not publish."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeGuard

from attrs import Attribute, Converter, Factory, field, frozen

from batchhub.adapter import Account, Budget, flag, header_secret, whole_number
from batchhub.errors import SettingsError
from batchhub.models import BatchState

from .paths import STATUS_PATHS, SUBMIT_PATHS, check_paths

BASE_URL: Final = "https://api.b2b.retter.io"
"""Where Mircate answers. Source: page "Check Batch Status", request."""

ITEMS_FIELD: Final = "products"
"""The array of the items in a batch's body. Assumed: after the `failedProducts` of the answers."""

BATCH_ID_KEYS: Final = ("batchId", "batchIds", "id")
"""
Where the answer to a batch has its ids.

Source: page "Check Batch Status" (both receive calls return batchIds). Assumed: the keys.
"""

ITEM_KEYS: Final = ("sku", "barcode", "code")
"""
What names a product, the best first; `id` is not among them, since an item's id is our own.

Source: page "Upsert Product" (sku, code). Assumed: barcode, and that failures carry one of them.
"""

NUMBER_FIELDS: Final = ("price", "listPrice", "salePrice", "stock", "quantity")
"""Fields that hold numbers. Assumed: the names."""

GRACE_S: Final = 60.0
"""Seconds for which late counts, or a batch not visible yet, are waited for. Assumed."""

REQUESTS_PER_MINUTE: Final = 120
"""Requests an account may make. Assumed: no page gives a limit; "Errors" only says that 429 is."""

MAX_REQUEST_BYTES: Final = 5 * 1024 * 1024
"""Bytes in one request. Assumed: below the 6 MB of the functions the platform runs on."""

FREQUENCY_FIELD: Final = "frequency"
BULK_ID_FIELD: Final = "bulkOperationId"
"""The other fields of a batch's body. Source: page "Receive Price", body."""

_MAX_DIGITS: Final = 18
_MAX_ID: Final = 64
_OUTSIDE_IDS: Final = frozenset("!#%/")

_VENDOR_STATES: Final = (
    BatchState.QUEUED,
    BatchState.IN_PROGRESS,
    BatchState.COMPLETED,
    BatchState.FAILED,
    BatchState.CANCELLED,
)
"""What a vendor's word may mean; the other states are batchhub's own to find."""

_SETTINGS_TEXT: Final = """\
# Required. The project's id, as in the vendor's URLs.
project_id = ""
# Required. The merchant's own project id.
merchant_project_id = ""
# Required. The API key that reads the status of batches.
api_key = { env = "MIRCATE_API_KEY" }
# The API key that sends batches. Default: api_key.
#submit_api_key = { env = "MIRCATE_SUBMIT_API_KEY" }
# Scheme and host of the API.
#base_url = "https://api.b2b.retter.io"
# Where batches are sent, by operation; {project_id} and {merchant_project_id} are filled in.
# Operations left out keep their defaults.
#paths = {}
# Where the status of batches is read, by operation: "GET /..." or "POST /..."; {batch_id} is
# filled in as well. Operations left out keep their defaults.
#status_paths = {}
# The array of items in the body of a batch.
#items_field = "products"
# Fields of the answer to a batch that may hold its ids, best first.
#batch_id_keys = ["batchId", "batchIds", "id"]
# What the vendor's words for a batch mean, such as { RUNNING = "in_progress" }. Words left out keep
# their meaning.
#states = {}
# Fields that identify a product, best first.
#item_keys = ["sku", "barcode", "code"]
# Fields that must be numbers if an item has them.
#number_fields = ["price", "listPrice", "salePrice", "stock", "quantity"]
# Seconds for which the state and the counts of a batch may disagree.
#count_grace_s = 60.0
# Seconds for which the vendor may not know a new batch yet.
#visibility_grace_s = 60.0
# Send a batch again if no answer came, although the vendor may then have it twice.
#resend_unconfirmed = false
# Requests a minute.
#requests_per_minute = 120
# Maximum size of a request body, in bytes.
#max_request_bytes = 5242880
"""
"""What `batchhub init` writes."""


def _to_text(value: Any) -> Any:
    """Write a whole number as text: an id of digits needs no quotes."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _to_seconds(value: Any) -> Any:
    """Make a number of seconds a float; digits may come as text."""
    is_digits = isinstance(value, str) and value.isascii() and value.isdigit()
    number = int(value) if is_digits and len(value) <= _MAX_DIGITS else value
    is_whole = isinstance(number, int) and not isinstance(number, bool)
    return float(number) if is_whole and abs(number) < 10**_MAX_DIGITS else number


def _to_tuple(value: Any) -> Any:
    """Make a list a tuple."""
    return tuple(value) if isinstance(value, list) else value


def _to_states(value: Any) -> Mapping[str, BatchState]:
    """
    Read a table of words and state names; the words come out case-folded.

    Raises:
        SettingsError: A word is empty or comes twice, or a state is not known.
    """
    if not isinstance(value, Mapping):
        raise SettingsError("states must be a table: word = state", key="states")
    states: dict[str, BatchState] = {}
    for word, name in value.items():
        if not _is_text(word):
            raise SettingsError(f"states: {word!r} is not a word", key="states")
        folded = word.strip().casefold()
        if folded in states:
            message = f"states has {word!r} twice; case does not matter"
            raise SettingsError(message, key="states")
        states[folded] = _to_state(word, name)
    return states


def _check_id(_: object, attribute: Attribute[str], value: object) -> None:
    """Refuse what is not a valid id. Source: the platform's documents, instance ids."""
    key = attribute.name
    if not _is_text(value) or not value.isprintable() or " " in value:
        raise SettingsError(f"{key} must be text without spaces that is not empty", key=key)
    if len(value) > _MAX_ID or _OUTSIDE_IDS.intersection(value) or not value.strip("."):
        message = f"{key} must be at most {_MAX_ID} characters, none of them ! # % or /"
        raise SettingsError(message, key=key)


def _check_seconds(_: object, attribute: Attribute[float], value: object) -> None:
    """Refuse anything but a number of seconds."""
    key = attribute.name
    if not isinstance(value, float) or not math.isfinite(value) or value < 0:
        raise SettingsError(f"{key} must be a number of seconds, 0 or more", key=key)


def _check_name(_: object, attribute: Attribute[str], value: object) -> None:
    """Refuse what can't be the name of a field."""
    key = attribute.name
    if not _is_name(value):
        raise SettingsError(f"{key} must be the name of a field", key=key)


def _check_names(_: object, attribute: Attribute[tuple[str, ...]], value: object) -> None:
    """Refuse anything but a list of different names."""
    key = attribute.name
    if not isinstance(value, tuple) or not all(_is_name(name) for name in value):
        raise SettingsError(f"{key} must be a list of names of fields", key=key)
    if len(set(value)) != len(value):
        raise SettingsError(f"{key} has a name twice", key=key)


def _check_some_names(_: object, attribute: Attribute[tuple[str, ...]], value: object) -> None:
    """Refuse anything but a list of at least one name."""
    _check_names(_, attribute, value)
    if not value:
        raise SettingsError(f"{attribute.name} must not be empty", key=attribute.name)


def _is_name(value: object) -> TypeGuard[str]:
    """Return whether a value can be the name of a field in JSON."""
    return _is_text(value) and value.isprintable() and value == value.strip()


def _to_state(word: str, name: object) -> BatchState:
    try:
        state = BatchState(name.strip().lower()) if isinstance(name, str) else None
    except ValueError:
        state = None
    if state not in _VENDOR_STATES:
        known = ", ".join(_VENDOR_STATES)
        message = f"states: {word!r} can't mean {name!r}; a state is one of {known}"
        raise SettingsError(message, key="states")
    return state


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _check_not_taken(_: object, attribute: Attribute[str], value: str) -> None:
    key = attribute.name
    if value in {FREQUENCY_FIELD, BULK_ID_FIELD}:
        raise SettingsError(f"{key} can't be {value}, which is the name of another field", key=key)


def _own_or_api_key(value: str | None, account: Any) -> Any:
    return account.api_key if value is None else value


def _to_submit_paths(value: Mapping[str, str]) -> Mapping[str, str]:
    return check_paths("paths", value, SUBMIT_PATHS)


def _to_status_paths(value: Mapping[str, str]) -> Mapping[str, str]:
    return check_paths("status_paths", value, STATUS_PATHS)


@frozen(kw_only=True)
class MircateAccount(Account):
    """
    One merchant in one Mircate project.

    All but the first three settings have defaults; what each is for, and how to find its right
    value from a first real answer, is in ``docs/mircate.md``.

    Attributes:
        project_id: The project, as in the vendor's addresses; digits may come as a number.
        merchant_project_id: The merchant's own project id; digits may come as a number.
        api_key: The key that asks about batches.
        submit_api_key: The key that sends batches; by default `api_key`.
        base_url: Where the vendor answers: scheme and host.
        paths: Where batches are sent, per operation; `{project_id}` and `{merchant_project_id}`
            are filled in. What is given is laid over the defaults.
        status_paths: Where batches are asked about, per operation, as ``GET /...`` or
            ``POST /...``; `{batch_id}` is filled in as well.
        items_field: The array of the items in a batch's body.
        batch_id_keys: Fields of the answer to a batch that may hold its ids, the best first.
        states: What words for a batch mean, laid over the known ones; in any case.
        item_keys: Fields that name a product, the best first.
        number_fields: Fields that must be numbers where an item has them.
        count_grace_s: Seconds for which a batch's word and counts may disagree.
        visibility_grace_s: Seconds for which a fresh batch may be unknown to the vendor.
        resend_unconfirmed: Whether a batch that was sent and never answered is sent again,
            although the vendor may then have it twice.
        requests_per_minute: How many requests a minute the account may make.
        max_request_bytes: The most bytes in the body of one request.
    """

    adapter: ClassVar[str] = "mircate"
    settings_text: ClassVar[str] = _SETTINGS_TEXT

    project_id: str = field(converter=_to_text, validator=_check_id)
    merchant_project_id: str = field(converter=_to_text, validator=_check_id)
    api_key: str = header_secret()
    submit_api_key: str = header_secret(
        default=None, converter=Converter(_own_or_api_key, takes_self=True)
    )
    base_url: str = BASE_URL
    paths: Mapping[str, str] = field(factory=dict, converter=_to_submit_paths, hash=False)
    status_paths: Mapping[str, str] = field(factory=dict, converter=_to_status_paths, hash=False)
    items_field: str = field(default=ITEMS_FIELD, validator=[_check_name, _check_not_taken])
    batch_id_keys: tuple[str, ...] = field(
        default=BATCH_ID_KEYS, converter=_to_tuple, validator=_check_some_names
    )
    states: Mapping[str, BatchState] = field(
        default=Factory(dict), converter=_to_states, hash=False
    )
    item_keys: tuple[str, ...] = field(
        default=ITEM_KEYS, converter=_to_tuple, validator=_check_some_names
    )
    number_fields: tuple[str, ...] = field(
        default=NUMBER_FIELDS, converter=_to_tuple, validator=_check_names
    )
    count_grace_s: float = field(default=GRACE_S, converter=_to_seconds, validator=_check_seconds)
    visibility_grace_s: float = field(
        default=GRACE_S, converter=_to_seconds, validator=_check_seconds
    )
    resend_unconfirmed: bool = flag(default=False)
    requests_per_minute: int = whole_number(default=REQUESTS_PER_MINUTE)
    max_request_bytes: int = whole_number(default=MAX_REQUEST_BYTES)

    @property
    def identity(self) -> str:
        """The project and the merchant in it."""
        return f"{self.project_id}/{self.merchant_project_id}"

    @property
    def budget(self) -> Budget:
        """The requests a minute the account may make, spread evenly but for five at once."""
        return Budget(requests=self.requests_per_minute, per_s=60.0, burst=5)

"""From SKUs to the products and variations that have them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, overload

import msgspec
from attrs import field, frozen

from batchhub.errors import InputError
from batchhub.models import BatchItem, ItemResult, ItemState

from .items import get

if TYPE_CHECKING:
    from batchhub import BatchHub
    from batchhub import sync as _sync

_FIELDS: Final = "items(id,sku,combinations(id,sku))"
_OPTIONS: Final = {"allow_parallel_mode": True}
_LABEL: Final = "find products by SKU"
_SHOWN: Final = 60


@frozen(kw_only=True)
class ProductId:
    """
    What has a SKU: a product, or one of its variations.

    Attributes:
        product_id: The product's id.
        combination_id: The variation's id, unique in its product; `None` for the product itself.
    """

    product_id: int
    combination_id: int | None = None

    @property
    def path(self) -> str:
        """The path for items: ``/products/7``, or ``/products/7/combinations/701``."""
        path = f"/products/{self.product_id}"
        if self.combination_id is None:
            return path
        return f"{path}/combinations/{self.combination_id}"


@frozen(kw_only=True, eq=False, repr=False)
class FoundProducts(Mapping[str, ProductId]):
    """
    What each SKU is the SKU of; a mapping of those for which the shop has exactly one answer.

    Every SKU that was asked for is either a key of the mapping or in one of the other three.

    Attributes:
        missing: SKUs that nothing in the shop has, with the reason.
        ambiguous: SKUs that several products or variations have, with all of these.
        unanswered: SKUs the shop gave no usable answer for, with the reason. They may exist.
        job_id: The id of the job that asked; `None` if there was no SKU to ask for.
    """

    _found: Mapping[str, ProductId] = field(factory=dict, alias="found")
    missing: Mapping[str, str] = field(factory=dict)
    ambiguous: Mapping[str, tuple[ProductId, ...]] = field(factory=dict)
    unanswered: Mapping[str, str] = field(factory=dict)
    job_id: str | None = None

    def __repr__(self) -> str:
        """Return how many there are of each, in one line: they may be thousands."""
        rest = ("missing", "ambiguous", "unanswered")
        counts = ", ".join(f"{len(getattr(self, name))} {name}" for name in rest)
        return f"<FoundProducts: {len(self)} found, {counts}>"

    def __getitem__(self, sku: str) -> ProductId:
        """Return what has a SKU; a `KeyError` with the reason if it is not known."""
        try:
            return self._found[sku]
        except KeyError:
            raise KeyError(self.why_not(sku)) from None

    def __contains__(self, sku: object) -> bool:
        """Whether exactly one product or variation has that SKU."""
        return sku in self._found

    def __iter__(self) -> Iterator[str]:
        """Iterate over the SKUs that were found, in the order they were given."""
        return iter(self._found)

    def __len__(self) -> int:
        """Return how many SKUs were found."""
        return len(self._found)

    def why_not(self, sku: str) -> str:
        """Return why a SKU was not found, in a sentence for people; empty if it was."""
        if sku in self._found:
            return ""
        if sku in self.ambiguous:
            several = self.ambiguous[sku]
            paths = ", ".join(each.path for each in several[:5])
            return f"{len(several)} have the SKU {_show(sku)}: {paths}"
        reason = self.missing.get(sku) or self.unanswered.get(sku)
        return reason or f"the SKU {_show(sku)} was not asked for"


class _Variation(msgspec.Struct):
    id: int
    sku: str | None = None


class _Product(msgspec.Struct):
    id: int
    sku: str | None = None
    combinations: list[_Variation] | None = None


class _Page(msgspec.Struct):
    items: list[_Product]


@overload
def find_product_ids(
    hub: BatchHub,
    account: str,
    skus: Iterable[str | None],
    *,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Coroutine[Any, Any, FoundProducts]: ...


@overload
def find_product_ids(
    hub: _sync.BatchHub,
    account: str,
    skus: Iterable[str | None],
    *,
    key: str | None = None,
    timeout_s: float | None = None,
) -> FoundProducts: ...


def find_product_ids(
    hub: BatchHub | _sync.BatchHub,
    account: str,
    skus: Iterable[str | None],
    *,
    key: str | None = None,
    timeout_s: float | None = None,
) -> Coroutine[Any, Any, FoundProducts] | FoundProducts:
    """
    Find the products and variations that have some SKUs, with one job of searches.

    Await it with a `BatchHub`; a hub of `batchhub.sync` returns the answer itself. Each SKU is
    asked for once, however often it is given; empty ones are never asked for. Only what has a SKU
    character by character counts: one that differs in case or by a space is missing, with what the
    shop has instead in the reason.

    Source: the vendor's document "Products" of 2020, search products: `sku` is the SKU of a
    product or a variation, found if it is an exact match; its Order page, `responseFields`; the
    vendor's pages on batch requests, allowParallelMode (reading has no order to keep). Assumed:
    whether an exact match minds the case is not said, so an answer is compared again here.

    Args:
        hub: The hub, async or sync.
        account: The name of the account of the shop.
        skus: The SKUs. `None` and NaN, as tables have them for an empty cell, are empty.
        key: An idempotency key, so that the same call after a crash joins the job that is under
            way or has ended. The same key later gives the same answers: take another one to look
            again.
        timeout_s: Seconds to wait at most; `None` for no limit.

    Returns:
        A mapping from SKU to `ProductId`, which names the SKUs that were not found, too.

    Raises:
        InputError: A SKU is not text.
        KeyConflictError: The key belongs to a job with other SKUs.
        WaitTimeoutError: The time is up; the job goes on.
        CredentialsError: The vendor refused the credentials.
    """
    wanted = _read_skus(skus)
    arguments: dict[str, Any] = {"key": key, "label": _LABEL, "options": _OPTIONS}
    if inspect.iscoroutinefunction(hub.submit):
        return _find(hub, account, wanted, arguments, timeout_s)
    return _find_blocking(hub, account, wanted, arguments, timeout_s)


async def _find(
    hub: Any, account: str, wanted: list[str], arguments: dict[str, Any], timeout_s: float | None
) -> FoundProducts:
    answers = _Answers(wanted)
    if not answers.asked:
        return answers.close(None)
    job = await hub.submit(account, _make_searches(answers.asked), **arguments)
    await job.wait(timeout_s=timeout_s)
    async for result in job.results():
        answers.add(result)
    return answers.close(job.id)


def _find_blocking(
    hub: Any, account: str, wanted: list[str], arguments: dict[str, Any], timeout_s: float | None
) -> FoundProducts:
    answers = _Answers(wanted)
    if not answers.asked:
        return answers.close(None)
    job = hub.submit(account, _make_searches(answers.asked), **arguments)
    job.wait(timeout_s=timeout_s)
    for result in job.results():
        answers.add(result)
    return answers.close(job.id)


class _Answers:
    """Sorts the answers, one for each SKU that was asked for."""

    def __init__(self, wanted: list[str]) -> None:
        self._wanted = wanted
        self.asked = [sku for sku in wanted if sku.strip()]
        self._found: dict[str, ProductId] = {}
        self._missing = {sku: "the SKU is empty" for sku in wanted if not sku.strip()}
        self._ambiguous: dict[str, tuple[ProductId, ...]] = {}
        self._unanswered: dict[str, str] = {}

    def add(self, result: ItemResult) -> None:
        """Take the answer to a search; its item is named by the SKU."""
        sku = result.id
        if result.state is not ItemState.SUCCEEDED:
            self._unanswered[sku] = result.message or f"the search is {result.state.value}"
            return
        try:
            page = result.as_(_Page)
        except ValueError as error:
            self._unanswered[sku] = f"the answer is no page of products: {error}"
            return
        have = [(mine, place) for each in page.items for mine, place in _skus_of(each)]
        exact = tuple(place for mine, place in have if mine == sku)
        if len(exact) == 1:
            self._found[sku] = exact[0]
        elif exact:
            self._ambiguous[sku] = exact
        else:
            self._missing[sku] = _why_missing(sku, have)

    def close(self, job_id: str | None) -> FoundProducts:
        """Return what was found; each mapping in the order of the SKUs."""
        for sku in self.asked:
            if not any(sku in part for part in (self._found, self._missing, self._ambiguous)):
                self._unanswered.setdefault(sku, "the search has no result yet")
        return FoundProducts(
            found=self._found,
            missing={sku: self._missing[sku] for sku in self._wanted if sku in self._missing},
            ambiguous=self._ambiguous,
            unanswered={s: self._unanswered[s] for s in self._wanted if s in self._unanswered},
            job_id=job_id,
        )


def _read_skus(skus: Iterable[str | None]) -> list[str]:
    """Check the SKUs; return each once, in their order."""
    if isinstance(skus, str):
        raise InputError("skus is one text; hand over a list of SKUs")
    if skus is None or hasattr(skus, "columns"):  # a frame would give the names of its columns
        what = "None" if skus is None else "a frame"
        raise InputError(f"skus is {what}; hand over a list of SKUs, or one column")
    wanted: dict[str, None] = {}
    for sku in skus:
        if _is_nothing(sku):
            wanted[""] = None
        elif isinstance(sku, str):
            wanted[str(sku)] = None
        else:
            raise InputError(
                f"the SKU {str(sku)[:_SHOWN]} is {_name_type(sku)}, not text; read the column as "
                "text so that leading zeros are kept"
            )
    return list(wanted)


def _name_type(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _is_nothing(value: object) -> bool:
    """Whether it is what a table or a frame has for an empty cell."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or type(value).__name__ == "NAType"  # pandas, which is not imported here


def _make_searches(skus: list[str]) -> Iterator[BatchItem]:
    for sku in skus:
        yield get("/products", params={"sku": sku, "responseFields": _FIELDS}, id=sku)


def _skus_of(product: _Product) -> Iterator[tuple[str, ProductId]]:
    """Yield the SKUs of a product and its variations."""
    if product.sku is not None:
        yield product.sku, ProductId(product_id=product.id)
    for each in product.combinations or ():
        if each.sku is not None:
            yield each.sku, ProductId(product_id=product.id, combination_id=each.id)


def _why_missing(sku: str, have: list[tuple[str, ProductId]]) -> str:
    reason = f"nothing in the shop has the SKU {_show(sku)}"
    alike = [(mine, at) for mine, at in have if _plain(mine) == _plain(sku)]
    if alike:
        mine, at = alike[0]
        return f"{reason}; it has {_show(mine)} ({at.path})"
    if sku != sku.strip():
        return f"{reason}; it begins or ends with a space"
    return reason


def _plain(sku: str) -> str:
    return sku.strip().casefold()


def _show(sku: str) -> str:
    return repr(sku[:_SHOWN])

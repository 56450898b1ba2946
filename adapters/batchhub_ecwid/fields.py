"""What the fields of an Ecwid item take: of a product, of a variation, of an order and so on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from attrs import field, frozen

from batchhub.adapter import Kind

Kinds: TypeAlias = Mapping[str, Kind]
"""What fields take, by their dotted names in an item."""

_Fields: TypeAlias = Mapping[Kind, str]


def _join(*tables: _Fields, **held: _Fields) -> Mapping[Kind, str]:
    """Return fields of several tables as one; those of `held` are in the field of that name."""
    joined = {kind: " ".join(table.get(kind, "") for table in tables) for kind in Kind}
    for holder, table in held.items():
        for kind, names in table.items():
            joined[kind] += "".join(f" {holder}.{name}" for name in names.split())
    return joined


@frozen
class Thing:
    """
    What an item may be about.

    Attributes:
        body: What the fields of its body take.
        item: What those of the item take, with ``body`` before the names of those of its body.

    Source: older page "Create batch request", BatchRequest (texts beside the body).
    """

    body: Kinds
    item: Kinds = field(init=False)

    @item.default
    def _make_item(self) -> Kinds:
        inside = {f"body.{name}": kind for name, kind in self.body.items()}
        return MappingProxyType({**dict.fromkeys(("id", "method", "path"), Kind.TEXT), **inside})


def _make(fields: _Fields) -> Thing:
    return Thing(
        MappingProxyType({name: kind for kind, names in fields.items() for name in names.split()})
    )


ANYTHING: Final = Thing(MappingProxyType({}))
"""What nobody knows more of."""

_PERSON: Final[_Fields] = {
    Kind.TEXT: "name firstName lastName companyName street city countryCode countryName postalCode "
    "stateOrProvinceCode stateOrProvinceName phone",
}
_SIZES: Final[_Fields] = {Kind.NUMBER: "length width height"}
_NAMED_TAX: Final[_Fields] = {Kind.NUMBER: "value total", Kind.TEXT: "name taxType"}
_ATTRIBUTE: Final[_Fields] = {
    Kind.INTEGER: "id",
    Kind.TEXT: "alias name type value valueTranslated show",
}
_TIER: Final[_Fields] = {Kind.INTEGER: "quantity", Kind.NUMBER: "price"}
_CHARGE: Final[_Fields] = {
    Kind.INTEGER: "recurringIntervalCount",
    Kind.NUMBER: "subscriptionPriceWithSignUpFee signUpFee",
    Kind.TEXT: "recurringInterval",
}
_SUBSCRIPTION: Final = _join(
    {Kind.FLAG: "subscriptionAllowed oneTimePurchaseAllowed", Kind.NUMBER: "oneTimePurchasePrice"},
    recurringChargeSettings=_CHARGE,
)
_LOWEST: Final[_Fields] = {Kind.FLAG: "lowestPriceEnabled", Kind.NUMBER: "manualLowestPrice"}

_SOLD: Final = _join(
    {
        Kind.NUMBER: "price costPrice compareToPrice lowestPrice weight volume",
        Kind.INTEGER: "quantity warningLimit minPurchaseQuantity maxPurchaseQuantity",
        Kind.FLAG: "unlimited inStock isShippingRequired",
        Kind.TEXT: "sku externalReferenceId customsHsTariffCode outOfStockVisibilityBehaviour alt",
    },
    wholesalePrices=_TIER,
    dimensions=_SIZES,
    attributes=_ATTRIBUTE,
    lowestPriceSettings=_LOWEST,
    subscriptionSettings=_SUBSCRIPTION,
)

VARIATION: Final = _make(
    _join(_SOLD, options={Kind.TEXT: "name nameTranslated value valueTranslated"})
)
"""
What a variation's fields take.

Source: newer page "Update product variation" (docs.ecwid.com, read 2026-11-30). Assumed: that its
numbers are whole where the vendor's own client has an Int, and the fields that only the client has
(UpdatedVariation.kt of Ecwid/ecwid-java-api-client at b0eeb74).
"""

_OPTION: Final = _join(
    {
        Kind.TEXT: "name nameTranslated type",
        Kind.FLAG: "required useImageAsSwatchSelector",
        Kind.INTEGER: "defaultChoice",
    },
    choices={
        Kind.TEXT: "text textTranslated priceModifierType hexCodes imageId",
        Kind.NUMBER: "priceModifier",
    },
)
PRODUCT: Final = _make(
    _join(
        _SOLD,
        {
            Kind.TEXT: "name nameTranslated description descriptionTranslated shortDescription "
            "shortDescriptionTranslated subtitle subtitleTranslated customSlug url seoTitle "
            "seoTitleTranslated seoDescription seoDescriptionTranslated googleItemCondition "
            "productCondition ribbonTranslated type volumeUnit",
            Kind.INTEGER: "defaultCategoryId showOnFrontpage productClassId priceDefaultTier "
            "googleProductCategory",
            Kind.FLAG: "enabled discountsAllowed nameYourPriceEnabled isSampleProduct "
            "showDeliveryTimeInStorefront reviewsCollectingAllowed batteryIncluded",
        },
        options=_OPTION,
        ribbon={Kind.TEXT: "text color"},
        tax={Kind.FLAG: "taxable", Kind.TEXT: "taxClassCode"},
        customPriceTiers={Kind.NUMBER: "value"},
        shipping={
            Kind.NUMBER: "methodMarkup flatRate",
            Kind.TEXT: "type disabledMethods enabledMethods",
        },
        relatedProducts={
            Kind.TEXT: "productSkus",
            Kind.FLAG: "relatedCategory.enabled",
            Kind.INTEGER: "relatedCategory.categoryId relatedCategory.productCount",
        },
        shippingPreparationTime={
            Kind.TEXT: "shippingPreparationTimeForInStockItemDays "
            "shippingPreparationTimeForOutOfStockItemDays",
            Kind.INTEGER: "pickupPreparationTimeForInStockItemInMinutes "
            "localDeliveryPreparationTimeForInStockItemInMinutes",
        },
    )
)
"""
What a product's fields take.

Source: newer page "Update product" (docs.ecwid.com, read 2026-11-30). Assumed: as at `VARIATION`,
with UpdatedProduct.kt; the texts that neither has.
"""

STOCK: Final = _make({Kind.INTEGER: "quantityDelta"})
"""
What an adjustment of a stock takes. Assumed: its name, and that it is whole, as in the vendor's own
client, ProductInventoryUpdateRequest.kt.
"""

_DISCOUNT: Final[_Fields] = {Kind.NUMBER: "value orderTotal", Kind.TEXT: "type base description"}
_COUPON: Final[_Fields] = {
    Kind.TEXT: "name code discountType status usesLimit applicationLimit",
    Kind.NUMBER: "discount totalLimit",
    Kind.INTEGER: "orderCount",
    Kind.FLAG: "repeatCustomerOnly",
}
_LINE: Final = _join(
    {
        Kind.NUMBER: "price priceWithoutTax productPrice costPrice weight tax shipping "
        "fixedShippingRate couponAmount selectedPrice.value",
        Kind.INTEGER: "id productId subscriptionId categoryId combinationId quantity "
        "quantityInStock",
        Kind.FLAG: "isShippingRequired trackQuantity fixedShippingRateOnly digital couponApplied "
        "giftCard taxable discountsAllowed isCustomerSetPrice isPreorder",
        Kind.TEXT: "sku name nameTranslated shortDescription shortDescriptionTranslated imageUrl "
        "externalReferenceId taxClassCode",
    },
    dimensions=_SIZES,
    recurringChargeSettings=_CHARGE,
    selectedOptions={
        Kind.TEXT: "name nameTranslated type value valueTranslated valuesArray "
        "valuesArrayTranslated selections.selectionTitle selections.selectionModifierType",
        Kind.NUMBER: "selections.selectionModifier",
    },
    taxes=_join(
        _NAMED_TAX,
        {
            Kind.NUMBER: "taxOnDiscountedSubtotal taxOnShipping taxOnHandlingFee",
            Kind.INTEGER: "sourceTaxRateId",
            Kind.FLAG: "includeInPrice",
            Kind.TEXT: "sourceTaxRateType taxClassCode taxClassName",
        },
    ),
    discounts=_join({Kind.NUMBER: "total"}, discountInfo=_DISCOUNT),
)
_EXTRA: Final[_Fields] = {
    Kind.TEXT: "id value title customerInputType orderDetailsDisplaySection orderBy",
    Kind.FLAG: "showInNotifications showInInvoice",
}
_REDEEMED: Final[_Fields] = {
    Kind.NUMBER: "earned balance refund redemption.amount",
    Kind.TEXT: "redemption.id",
    Kind.FLAG: "redemption.cancelled",
}
ORDER: Final = _make(
    _join(
        {
            Kind.NUMBER: "total subtotal totalWithoutTax subtotalWithoutTax tax refundedAmount "
            "giftCardRedemption totalBeforeGiftCardRedemption couponDiscount volumeDiscount "
            "membershipBasedDiscount totalAndMembershipBasedDiscount discount usdTotal",
            Kind.INTEGER: "customerId customerGroupId orderNumber giftCardId",
            Kind.FLAG: "giftCardDoubleSpending customerTaxExempt customerTaxIdValid "
            "reversedTaxApplied customerRequestedInvoice hidden acceptMarketing pricesIncludeTax "
            "disableAllCustomerNotifications externalFulfillment shippingLabelAvailableForShipment",
            Kind.TEXT: "id email paymentMethod paymentModule customerTaxId b2b_b2c "
            "customerFiscalCode electronicInvoicePecEmail electronicInvoiceSdiCode ipAddress "
            "paymentStatus fulfillmentStatus vendorOrderNumber refererUrl orderComments "
            "globalReferer customerGroup paymentParams additionalInfo trackingNumber trackingUrl "
            "paymentMessage externalTransactionId externalTransactionUrl affiliateId refererId "
            "privateAdminNotes pickupTime extraFields externalOrderId lang creditCardStatus "
            "giftCardCode giftCardUuid referenceTransactionId ebayId paymentReference utmData",
        },
        items=_LINE,
        billingPerson=_PERSON,
        shippingPerson=_PERSON,
        discountInfo=_DISCOUNT,
        discountCoupon=_COUPON,
        taxesOnShipping=_NAMED_TAX,
        customSurcharges=_join(
            {
                Kind.NUMBER: "value total totalWithoutTax",
                Kind.TEXT: "id type description descriptionTranslated",
                Kind.FLAG: "taxable",
            },
            taxes=_NAMED_TAX,
        ),
        handlingFee=_join(
            {Kind.NUMBER: "value valueWithoutTax", Kind.TEXT: "name description"},
            taxes=_NAMED_TAX,
        ),
        shippingOption={
            Kind.NUMBER: "shippingRate shippingRateWithoutTax",
            Kind.FLAG: "isPickup",
            Kind.TEXT: "shippingCarrierName shippingMethodId shippingMethodName locationId "
            "estimatedTransitTime pickupInstruction fulfillmentType",
        },
        externalOrderData={
            Kind.FLAG: "externalFulfillment",
            Kind.TEXT: "externalOrderId refererId refererChannel platformSpecificFields",
        },
        orderExtraFields=_EXTRA,
        loyalty=_REDEEMED,
        storeCredit=_REDEEMED,
    )
)
"""
What an order's fields take.

Source: the Order page; newer page "Update order" (docs.ecwid.com, read 2026-11-30). Assumed: that
what a page calls an id, a quantity or a count is whole; the fields that only UpdatedOrder.kt of the
vendor's client has; the undocumented texts of real orders.
"""

EXTRA_FIELD: Final = _make(_EXTRA)
"""What an order's extra field takes. Source: newer page "Update order extra field"."""

COUPON: Final = _make(_COUPON)
"""
What a coupon's fields take. Source: the Order page, DiscountCouponInfo. Assumed: also where it is
the thing itself, as in UpdatedCoupon.kt.
"""

CUSTOMER: Final = _make(
    _join(
        {
            Kind.TEXT: "email password taxId b2b_b2c fiscalCode electronicInvoicePecEmail "
            "electronicInvoiceSdiCode lang privateAdminNotes primaryPhone name customerGroupName "
            "externalReferenceId",
            Kind.INTEGER: "customerGroupId",
            Kind.FLAG: "taxIdValid taxExempt acceptMarketing",
        },
        billingPerson=_PERSON,
        shippingAddresses=_join(
            _PERSON,
            {Kind.INTEGER: "id orderBy", Kind.TEXT: "note", Kind.FLAG: "defaultAddress"},
        ),
        contacts={
            Kind.INTEGER: "id orderBy",
            Kind.TEXT: "contact handle note type",
            Kind.FLAG: "default",
        },
        extrafields={Kind.TEXT: "key title value type"},
    )
)
"""
What a customer's fields take.

Source: newer page "Update customer" (docs.ecwid.com, read 2026-11-30). Assumed: as at `VARIATION`,
with UpdatedCustomer.kt; the full names of a person, which orders have.
"""

GROUP: Final = _make({Kind.TEXT: "name"})
"""What a group of customers takes. Assumed: as in UpdatedCustomerGroup.kt."""

CATEGORY: Final = _make(
    {
        Kind.TEXT: "name nameTranslated description descriptionTranslated seoTitle customSlug "
        "seoTitleTranslated seoDescription seoDescriptionTranslated externalReferenceId alt",
        Kind.INTEGER: "parentId orderBy",
        Kind.FLAG: "enabled isSampleCategory",
    }
)
"""
What a category's fields take.

Source: newer page "Update category" (docs.ecwid.com, read 2026-11-30). Assumed: as at `VARIATION`,
with UpdatedCategory.kt.
"""

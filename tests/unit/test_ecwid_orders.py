"""Ecwid's typed orders: what real payloads hold, in every form they were seen in."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from msgspec import Struct, structs
from rich.pretty import pretty_repr
from support.orders import exact, has_time, recorded
from support.reports import entries_of

import batchhub_ecwid
from batchhub.errors import BodyError
from batchhub.models import ItemResult, ItemState
from batchhub.wire import converter, dumps
from batchhub_ecwid import (
    ExternalOrderData,
    HandlingFeeInfo,
    HandlingFeeTax,
    Order,
    OrderCreated,
    OrderDeleted,
    OrderItem,
    OrderSearch,
    OrderUpdated,
    PersonInfo,
    PredictedPackage,
    Shipment,
    UtmData,
    UtmDataSet,
    orders,
)
from batchhub_ecwid.report import make_report
from batchhub_ecwid.wire import read_answer


def read(**members: Any) -> Order:
    """Read an order with these fields, by the vendor's names."""
    return converter.structure(dumps(members), Order)


def types_below(kind: Any) -> set[type[Any]]:
    """Return the structs in a type, itself too."""
    found: set[type[Any]] = set()
    if isinstance(kind, type) and issubclass(kind, Struct):
        found = {kind}.union(*(types_below(each.type) for each in structs.fields(kind)))
    return found.union(*(types_below(part) for part in get_args(kind)))


ALL = types_below(OrderSearch) | {OrderCreated, OrderUpdated, OrderDeleted}


def test_a_real_order_is_typed() -> None:
    """Money is exact, times can be had aware, and what is in an order has its own types."""
    order = converter.structure(recorded("order_get_K8XTQ_2025"), Order)

    assert order.usd_total == Decimal("11.067309160854485")
    assert order.total == 10
    assert isinstance(order.total, Decimal)
    assert order.create_date == "2024-09-04 07:22:09 +0000"
    assert order.create_date_time == datetime(2024, 9, 4, 7, 22, 9, tzinfo=UTC)
    assert order.b2b_b2c == "b2c"
    assert order.items is not None
    assert order.items[0].sku == "123123"
    assert order.items[0].dimensions is not None
    assert order.items[0].dimensions.length == 0
    assert order.billing_person is not None
    assert order.billing_person.first_name == "Support"
    assert order.shipping_person is None
    assert order.additional_info == {"google_customer_id": "1904890913.1707375888"}


def test_a_time_keeps_its_offset() -> None:
    """Orders of 2014 have times with the store's offset."""
    order = converter.structure(recorded("order_get_real_2014_rubygem"), Order)

    assert order.create_date_time is not None
    assert order.create_date_time.utcoffset() == timedelta(hours=-8)
    assert order.id is None
    assert order.vendor_order_number == "35"


@pytest.mark.parametrize("kind", sorted(ALL, key=str), ids=lambda kind: kind.__name__)
def test_every_date_has_its_time_beside_it(kind: Any) -> None:
    """The property's name is the field's with ``_time``; a text without an offset is left alone."""
    dates = {each.name for each in structs.fields(kind) if has_time(kind, each.name)}
    made = kind(**dict.fromkeys(dates, "Dec 12, 2017 8:00:00 PM"))

    assert {name.removesuffix("_time") for name in vars(kind) if name.endswith("_time")} - {
        "estimated_transit",
        "pickup",
    } == dates
    assert {each for each in kind.__struct_fields__ if each.endswith("_date")} <= dates
    for name in dates:
        assert getattr(made, name) == "Dec 12, 2017 8:00:00 PM"
        with pytest.raises(ValueError, match=r"Expected a time, got 'Dec 12, 2017 8:00:00 PM'"):
            getattr(made, f"{name}_time")
        assert getattr(kind(), f"{name}_time") is None


PACKAGE = PredictedPackage(weight=Decimal(1))
OUTSIDE = ExternalOrderData(referer_id="Amazon")


@pytest.mark.parametrize(
    ("wire", "value", "name", "expected"),
    [
        ("predictedPackage", [{"weight": 1}], "predicted_package", (PACKAGE,)),
        ("predictedPackage", {"weight": 1}, "predicted_package", PACKAGE),
        ("predictedPackages", {"weight": 1}, "predicted_packages", PACKAGE),
        ("shipments", [{"id": "a"}], "shipments", (Shipment(id="a"),)),
        ("shipments", {"id": "a"}, "shipments", Shipment(id="a")),
        ("handlingFee", {}, "handling_fee", HandlingFeeInfo()),
        ("externalOrderData", {"refererId": "Amazon"}, "external_order_data", OUTSIDE),
        ("externalOrderData", [{"refererId": "Amazon"}], "external_order_data", (OUTSIDE,)),
        ("utmData", {"source": "mail"}, "utm_data", UtmData(source="mail")),
        ("utmData", [], "utm_data", ()),
        ("utmDataSets", [{"timestamp": 17}], "utm_data_sets", (UtmDataSet(timestamp=17),)),
        ("utmDataSets", [{"timestamp": "17"}], "utm_data_sets", (UtmDataSet(timestamp="17"),)),
        ("b2b_b2c", "B2C", "b2b_b2c", "B2C"),
        ("paymentStatus", "PAID_IN_SHELLS", "payment_status", "PAID_IN_SHELLS"),
        ("total", "12.50", "total", Decimal("12.50")),
        ("extraFields", {"a": "b", "c": 7}, "extra_fields", {"a": "b", "c": 7}),
        ("extraFields", {"a": Decimal("1.10")}, "extra_fields", {"a": Decimal("1.10")}),
        ("createDate", "2024-09-04T07:22:09+00:00", "create_date", "2024-09-04T07:22:09+00:00"),
        ("createDate", "", "create_date", ""),
        ("customDiscount", [], "custom_discount", ()),
    ],
)
def test_every_form_is_read(wire: str, value: Any, name: str, expected: object) -> None:
    """The page's form and the real ones are both read, and what is written is read alike."""
    order = converter.structure(dumps({wire: value}), Order)

    assert getattr(order, name) == expected
    assert converter.structure(dumps(order), Order) == order


def test_taxes_of_a_handling_fee_are_one_or_a_list() -> None:
    """The page has one object where real orders have a list."""
    one, many = (read(handlingFee={"taxes": taxes}) for taxes in ({"total": 1}, [{"total": 1}]))
    tax = HandlingFeeTax(total=Decimal(1))

    assert one == Order(handling_fee=HandlingFeeInfo(taxes=tax))
    assert many == Order(handling_fee=HandlingFeeInfo(taxes=(tax,)))


def test_unknown_fields_stay_in_the_body() -> None:
    """A field that a type does not name is no error, and is where the whole answer is."""
    raw = b'{"id":"A","new":1,"items":[{"id":1,"odd":null}]}'
    result = ItemResult(id="1", state=ItemState.SUCCEEDED, raw=raw)

    assert result.as_(Order) == Order(id="A", items=(OrderItem(id=1),))
    assert result.body["new"] == 1


def test_an_order_of_ones_own_has_what_was_said() -> None:
    """Only the fields that are set are written: an update leaves the rest alone."""
    order = Order(payment_status="PAID", total=Decimal("10.10"), items=(), b2b_b2c="b2c")

    assert dumps(order) == (b'{"total":10.10,"b2b_b2c":"b2c","paymentStatus":"PAID","items":[]}')


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))]
)
def test_a_copy_is_the_same_order(again: Any) -> None:
    """A copied or pickled order equals it and writes the same."""
    order = read(id="A", email=None, total=1.10, items=[{"id": 1, "price": 2}])
    copied = again(order)

    assert copied == order
    assert dumps(copied) == dumps(order)


def test_no_secret_is_shown() -> None:
    """Links that open without a password, and gift card codes, are in no `repr`."""
    order = read(
        giftCardCode="SECRET-1",
        items=[{"files": [{"adminUrl": "https://x/?token=SECRET-2", "customerUrl": "SECRET-3"}]}],
        invoices=[{"link": "SECRET-4"}],
        shipments=[{"shippingLabel": {"label_url": "SECRET-5"}}],
    )

    assert "SECRET" not in repr(order)
    assert "SECRET" not in pretty_repr(order)
    assert order.gift_card_code == "SECRET-1"
    assert repr(Order(id="A", billing_person=PersonInfo(name="N"))) == (
        "Order(id='A', billing_person=PersonInfo(name='N'))"
    )


def test_a_search_is_read_with_and_without_its_envelope() -> None:
    """With `responseFields` the list has only `total` and the fields that were asked for."""
    whole = converter.structure(recorded("orders_search_EBJFT_2025"), OrderSearch)
    some = converter.structure(recorded("orders_search_responseFields_2025"), OrderSearch)

    assert (whole.total, whole.count, whole.offset, whole.limit) == (23, 1, 0, 1)
    assert (some.total, some.count) == (3, None)
    assert some.items is not None
    assert [(order.id, order.total, order.tax) for order in some.items] == [
        ("K8XTQ", 10, None),
        ("1HOTQ", 101, None),
        ("CYQLB", Decimal("109.1"), None),
    ]


def test_the_answers_of_changes_are_typed() -> None:
    """A create gives an id, an update and a delete say how many."""
    assert converter.structure(b'{"id":20,"orderid":"J7"}', OrderCreated) == OrderCreated(
        id=20, orderid="J7"
    )
    assert converter.structure(b'{"updateCount":1}', OrderUpdated).update_count == 1
    assert converter.structure(b'{"deleteCount":0}', OrderDeleted).delete_count == 0


@pytest.mark.parametrize("form", ["httpBody", "escapedHttpBody"])
def test_one_broken_order_touches_no_other(form: str) -> None:
    """The broken one says which fields at which paths; the rest are orders."""
    bodies = [{"id": "A"}, {"id": 7, "items": [{}, {"price": "dear"}]}, {"id": "C"}]
    responses = [
        {
            "id": str(number),
            "status": "COMPLETED",
            "httpStatusCode": 200,
            form: json.dumps(body) if form == "escapedHttpBody" else body,
        }
        for number, body in enumerate(bodies)
    ]
    answer = read_answer(json.dumps({"status": "COMPLETED", "responses": responses}).encode())
    results = [
        ItemResult(id=item.id or "", state=item.state, raw=item.raw)
        for item in entries_of(make_report(answer, 3))
    ]

    assert [results[0].as_(Order).id, results[2].as_(Order).id] == ["A", "C"]
    assert results[1].body == bodies[1]
    with pytest.raises(BodyError) as caught:
        results[1].as_(Order)
    assert caught.value.item_id == "1"
    assert sorted(caught.value.problems) == [
        "Expected `str | null`, got `int` @ $.id",
        "Invalid decimal string @ $.items[1].price",
    ]
    assert str(caught.value).startswith("item '1' can't be read as Order: ")


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b'{"additionalInfo":[]}', "Expected `object | null`, got `array` @ $.additionalInfo"),
        (b'{"items":"abc"}', "Expected `array | null`, got `str` @ $.items"),
        (b'{"items":[5]}', "Expected `object`, got `int` @ $.items[0]"),
        (b'{"utmDataSets":[{"timestamp":true}]}', "got `bool` @ $.utmDataSets[0].timestamp"),
        (b'{"createDate":1704067200}', "got `int` @ $.createDate"),
        (b'{"items":[{"selectedOptions":[{"valuesArray":{"a":1}}]}]}', ".valuesArray"),
        (b'{"orderNumber":28.5}', "Expected `int | null`, got `float` @ $.orderNumber"),
    ],
)
def test_a_wrong_field_is_told_in_words(raw: bytes, problem: str) -> None:
    """The error says what was expected and what came, at the path in the vendor's names."""
    with pytest.raises(BodyError) as caught:
        ItemResult(id="1", state=ItemState.SUCCEEDED, raw=raw).as_(Order)

    assert len(caught.value.problems) == 1
    assert problem in caught.value.problems[0]


def test_a_body_is_bytes_of_its_own() -> None:
    """A kept result keeps nothing of the others alive."""
    answer = read_answer(
        b'{"status":"COMPLETED","responses":[{"id":"1","status":"COMPLETED","httpStatusCode":200,'
        b'"httpBody":{"id":"A"}}]}'
    )

    assert type(entries_of(make_report(answer, 1))[0].raw) is bytes


@pytest.mark.parametrize("kind", sorted(ALL, key=str), ids=lambda kind: kind.__name__)
def test_a_type_is_a_frozen_struct(kind: Any) -> None:
    """Each type is exported, can't be changed, and is replaced, compared and hashed."""
    made = kind()
    name = kind.__struct_fields__[0]

    assert getattr(batchhub_ecwid, kind.__name__) is getattr(orders, kind.__name__) is kind
    assert kind.__doc__
    assert "Source:" in kind.__doc__ or "Assumed:" in kind.__doc__
    assert not hasattr(made, "__dict__")
    assert structs.replace(made) == made
    assert hash(structs.replace(made)) == hash(made)
    with pytest.raises(AttributeError):
        setattr(made, name, None)
    with pytest.raises(TypeError):
        kind(None)


def test_field_names_are_the_vendors() -> None:
    """The names for `responseFields` can be asked for, odd ones too."""
    names = {each.name: each.encode_name for each in structs.fields(Order)}
    item = {each.name: each.encode_name for each in structs.fields(OrderItem)}

    assert (names["b2b_b2c"], item["product_id"]) == ("b2b_b2c", "productId")
    assert [each.encode_name for each in structs.fields(orders.Tracking)] == [
        *("tracking_number", "tracking_url", "estimatedDays"),
    ]


def test_an_escaped_order_is_exact_too() -> None:
    """A body that came as a text in a text gives the same order."""
    raw = json.dumps('{"id":"A","total":1.10}').encode()
    order = ItemResult(id="1", state=ItemState.SUCCEEDED, raw=raw).as_(Order)

    assert exact(dumps(order)) == {"id": "A", "total": Decimal("1.10")}

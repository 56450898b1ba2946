"""
A server that behaves like a WooCommerce shop's product batches, for tests and demonstrations.

``Source:`` names what it rests on: the documents are the REST API's (woocommerce-rest-api-docs,
v3, of 2024-03-15), the code is the plugin's own (github.com/woocommerce/woocommerce, read
2026-11-29): `WC_REST_Controller::batch_items`, the controllers of products and variations, and
`WC_REST_Authentication`. ``Assumed:`` marks what neither says; what an adapter may notice of that
is a switch.
"""

from .server import WooCommerceSandbox
from .switches import WooCommerceSwitches

__all__ = ["WooCommerceSandbox", "WooCommerceSwitches"]

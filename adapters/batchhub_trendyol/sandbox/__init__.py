"""
A server that behaves like Trendyol's price and stock update, for tests and demonstrations.

``Source:`` names the page of developers.trendyol.com it rests on, and when the vendor last changed
that: "Stok ve Fiyat Güncelleme (updatePriceAndInventory)" (2026-08-07) and its reference with the
OpenAPI definition (2026-06-09), "Toplu İşlem Kontrolü (getBatchRequestResult)" (2026-08-14),
"2. Authorization" (2026-04-27), "1. Servis Limitleri" (2026-08-25), and the international
"Stock and Price Update" (v3.0, read 2026-11-29). ``Assumed:`` marks what no page says; what an
adapter may notice of that is a switch.
"""

from .server import TrendyolSandbox
from .switches import TrendyolSwitches

__all__ = ["TrendyolSandbox", "TrendyolSwitches"]

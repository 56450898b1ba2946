"""
A server that behaves like Amazon's SP-API for feeds of listings, for tests and demonstrations.

It was written from the vendor's documents, read on 2026-11-29: the model of the Feeds
API 2021-06-30 (github.com/amzn/selling-partner-api-models, at 061b6a1), the developer
documentation (developer-docs.amazon.com/sp-api) and the threads of both repositories,
where users show what they were answered. ``Source:`` says which; what is ``Assumed:``
is a switch wherever it makes a difference to an adapter.
"""

from .server import AmazonSandbox
from .switches import AmazonSwitches

__all__ = ["AmazonSandbox", "AmazonSwitches"]

"""Distributions for tests, installed by nothing but a folder on `sys.path`."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import uuid4

ADAPTER: Final = """
from attrs import frozen
from batchhub.adapter import Account, Adapter, Budget, Capabilities

@frozen(kw_only=True)
class PluginAccount(Account):
    adapter = {name!r}
    base_url: str = "http://127.0.0.1:9"

    @property
    def identity(self):
        return "one"

    @property
    def budget(self):
        return Budget(requests=1000, per_s=1.0)

class PluginAdapter(Adapter):
    name = {name!r}
    account_type = PluginAccount
    operations = {{"work": Capabilities(max_items=10)}}
    states = {{}}

    def encode(self, operation, item, options):
        return b"{{}}"

    async def submit(self, submission, steps):
        raise NotImplementedError

    async def poll(self, tickets):
        raise NotImplementedError

    async def fetch_results(self, ticket, items):
        raise NotImplementedError
"""
"""The source of a module whose `PluginAdapter` loads; format it with the adapter's `name`."""


def write_plugin(
    folder: Path,
    name: str,
    source: str | None = ADAPTER,
    *,
    distribution: str | None = None,
    version: str = "1.0",
    attribute: str = "PluginAdapter",
    group: str = "batchhub.adapters.v1",
) -> str:
    """
    Write a distribution whose entry point is an adapter of the name.

    Args:
        folder: Where; put it on `sys.path`.
        name: The adapter's name, put in place of ``{name!r}`` in the source.
        source: The module's source; `None` writes no module.
        distribution: Its name; by default made of the adapter's.
        version: Its version.
        attribute: What in the module the entry point names.
        group: The group of the entry point.

    Returns:
        The name of its module, which no other plug-in has.
    """
    distribution = distribution or f"batchhub-{name}"
    module = f"plugin_{uuid4().hex}"
    if source is not None:
        (folder / f"{module}.py").write_text(source.format(name=name))
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    )
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{attribute}\n")
    return module

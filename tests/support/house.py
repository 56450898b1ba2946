"""
The map of the house: which part of batchhub may import which.

A part is a module or a folder directly below `batchhub`. Each line names what a part may import
besides itself; type-checking imports count like all others. `docs/architecture.md` shows it.
"""

from __future__ import annotations

from typing import Final

_ADAPTER = {"_adapter", "polling", "models", "_wire", "_base", "errors"}
_SEAM = {"_adapter_class", "_http", *_ADAPTER}
_DOOR = {"adapter", "_declared", *_SEAM}
_ENGINE = {"_engine", "_exchanges", "_store", "_settings", *_DOOR}
_HUB = {"hub", "job", "_tables", *_ENGINE}
_DOORS = {
    "adapter",
    "cluster",
    "errors",
    "hub",
    "job",
    "models",
    "polling",
    "settings",
    "sync",
    "tables",
    "transport",
    "wire",
}

MAY_IMPORT: Final[dict[str, set[str]]] = {
    "errors": set(),
    "_base": {"errors"},
    "_wire": {"_base", "errors"},
    "models": {"_wire", "_base", "errors"},
    "polling": {"_base", "errors"},
    "_adapter": {"models", "polling", "_wire", "_base", "errors"},
    "_http": _ADAPTER,
    "_store": _ADAPTER,
    "_adapter_class": {"_http", *_ADAPTER},
    "_declared": _SEAM,
    "adapter": {"_declared", *_SEAM},
    "_settings": {"adapter", "_declared", "polling", "models", "_base", "errors"},
    "_tables": {"adapter", "_adapter", "models", "_wire", "_base", "errors"},
    "_exchanges": {"_http", *_ADAPTER},
    "_copying": {"_store", *_ADAPTER},
    "_engine": {"_exchanges", "_store", "_settings", *_DOOR},
    "job": {"_tables", *_ENGINE},
    "hub": {"job", "_tables", *_ENGINE},
    "_alerts": {*_HUB, "settings"},
    "_sync": _HUB,
    "sync": {"_sync", *_HUB},
    "transport": {"_http", *_ADAPTER},
    "wire": {"_wire", "models", "_base", "errors"},
    "settings": {"_settings", "adapter", "models", "_base", "errors"},
    "tables": {"_tables", "_base", *_DOOR},
    "__init__": _DOORS,
    "sandbox": {*_DOORS, "_base"},
    "testing": {*_DOORS, "sandbox", "_base"},
    "conformance": {*_DOORS, "sandbox", "testing", "_base"},
    "_metrics": {*_HUB, "settings"},
    "_worker": {"_alerts", "_metrics", "_cluster", "cluster", "settings", *_HUB},
    "_cluster": _HUB,
    "cluster": {"_cluster", *_HUB},
    "_web": {"hub", "_alerts", *_HUB},
    "cli": {
        *(*_DOORS, "__init__", "sandbox", "testing"),
        *("_alerts", "_exchanges", "_settings", "_tables", "_base", "_web", "_worker", "_cluster"),
        "_copying",
    },
    "__main__": {"cli"},
}
"""What each part of the core may import, from the lowest to the highest."""

FOR_ADAPTERS: Final = {*_DOORS, "__init__", "sandbox", "testing"}
"""What an adapter may import of the core: public names only."""

"""
Adapters that are declared: a TOML file *is* the adapter, without any Python.

`load` makes one of a file, for accounts whose setting is ``adapter = "file:acme.toml"``;
`declared` (public as `batchhub.adapter.declared`) does the same for a file inside a package.

A file is read by the grammar (`grammar`, `reading`), then checked as a whole (`checks`); all
mistakes are said at once. What is left becomes a `description.Description`, by which
`adapter.DeclaredAdapter` speaks. Begin with `load`, and with `grammar` for a new key.

What is in here may import the parts below `batchhub.adapter`, and is imported by that door and by
the settings.
"""

from __future__ import annotations

from .load import declared, load

__all__ = ["declared", "load"]

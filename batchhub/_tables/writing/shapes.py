"""
Types by which msgspec prepares JSON for Arrow's reader.

They pass over a body without making objects of what they don't need.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

_JSON: Final = msgspec.Raw


class JsonText:
    """The shape of a part that may be anything: its JSON becomes a text."""


def make_shape(parts: list[tuple[str, Any]]) -> type[msgspec.Struct]:
    """
    Make a type that reads an object and is written with JSON in texts where columns are texts.

    Everything else passes through it unread.

    Args:
        parts: The names in JSON, and the shape of each.
    """
    names = {f"f{n}": name for n, (name, _) in enumerate(parts)}
    fields: list[tuple[str, Any, Any]] = []
    texts: list[str] = []
    for (_, shape), name in zip(parts, names, strict=True):
        if shape is JsonText:
            texts.append(name)
        kind = _JSON if shape in {JsonText, _JSON} else shape | None
        fields.append((name, kind, None))

    def write_texts(self: Any) -> None:
        for name in texts:
            raw = getattr(self, name)
            if raw is not None:
                data = bytes(raw)
                text = None if data == b"null" else data.decode()
                if text is not None and text.startswith('"'):
                    text = msgspec.json.decode(data)  # a text is there as it is
                setattr(self, name, text)

    return msgspec.defstruct(
        "Shape",
        fields,
        rename=names,
        omit_defaults=True,
        namespace={"__post_init__": write_texts} if texts else None,
    )


def make_check(parts: list[tuple[str, Any]]) -> Any:
    """
    Make a type as which only objects are read whose exact numbers their columns can hold.

    Args:
        parts: The names in JSON, and the check of each.

    Returns:
        The type, which may be null, too; `None` if there is nothing to check.
    """
    checks = [(name, check) for name, check in parts if check is not None]
    if not checks:
        return None
    made: Any = msgspec.defstruct(
        "Check",
        [(f"f{n}", check | None, None) for n, (_, check) in enumerate(checks)],
        rename={f"f{n}": name for n, (name, _) in enumerate(checks)},
    )
    return made | None

"""A place in the settings: what is read there, such as spans of time and secrets kept elsewhere."""

from __future__ import annotations

import difflib
import os
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from batchhub._base.secrets import remember
from batchhub.errors import SettingsError

from .keyring import find_in_keyring
from .secret_file import read_secret

_SPAN: Final = re.compile(r"(\d{1,6})\s*(s|m|min|h|d|w)")
_UNITS_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_S: Final = 3650 * 86_400
_FORMS: Final = '{ env = "NAME" }, { file = "PATH" } or { keyring = "service/name" }'


@frozen(kw_only=True)
class Place:
    """
    A place in the settings: what messages about it begin with.

    Attributes:
        path: The file; `None` if there is none.
        key: The key, from the top.
        environ: The environment that references lead to.
        look_up: Returns the secret of an entry of the keyring, or raises `LookupError`.
    """

    path: str | None
    key: str = "alerts"
    environ: Mapping[str, str] = os.environ
    look_up: Callable[[str], str] = find_in_keyring

    def below(self, key: str) -> Place:
        """Return the place of a key in this table."""
        shown = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else repr(key)
        return Place(
            path=self.path, key=f"{self.key}.{shown}", environ=self.environ, look_up=self.look_up
        )

    def wrong(self, why: str) -> SettingsError:
        """Return an error that begins with file and key; `why` goes on after it."""
        where = self.path or "the settings"
        return SettingsError(f"{where}: {self.key} {why}", key=self.key, path=self.path)

    def unknown(self, key: str, known: Collection[str], what: str = "setting") -> SettingsError:
        """Return the error for a key or word that is none of those known."""
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        return self.wrong(f"has an unknown {what} {key!r}; {hint}")

    def table(self, value: Any) -> Mapping[str, Any]:
        """
        Return a value that must be a table.

        Raises:
            SettingsError: It is none.
        """
        if not isinstance(value, Mapping):
            raise self.wrong(f"must be a table, not {value!r}")
        return value

    def check_keys(self, table: Mapping[str, Any], known: Collection[str]) -> None:
        """
        Check the keys of a table.

        Raises:
            SettingsError: One is unknown.
        """
        for key in table:
            if key not in known:
                raise self.unknown(key, known)

    def span_s(self, value: Any, *, least_s: float = 0.0) -> float:
        """
        Read a span of time; return it in seconds.

        Raises:
            SettingsError: It is none, or too short or long.
        """
        found = _SPAN.fullmatch(value.strip()) if isinstance(value, str) else None
        span_s = -1 if found is None else int(found[1]) * _UNITS_S[found[2]]
        if not least_s <= span_s <= _LONGEST_S:
            least = f" of at least {least_s:.0f} s" if least_s > 1 else ""
            raise self.wrong(f'must be a time span{least} such as "30min", "2h" or "3d", as text')
        return float(span_s)

    def secret(self, value: Any) -> str:
        """
        Return the secret that a value refers to, or is; it is shown nowhere from then on.

        Raises:
            SettingsError: There is none where it refers to.
        """
        if isinstance(value, str) and value:
            remember([value])
            self.warn_of_literal(f"the secret {self.key}")
            found = value
        else:
            found = self.follow(value)
        if not found.isascii() or not found.isprintable() or " " in found:
            raise self.wrong("has characters that can't be in it, such as spaces or line breaks")
        remember([found])
        return found

    def warn_of_literal(self, what: str) -> None:
        """Warn, once, that something secret is written here itself."""
        self._warn(f"{what} is written in {self.path or 'the settings'} itself; put {_FORMS} there")

    def follow(self, value: Any) -> str:
        """
        Return what is where a reference leads: ``{ env = … }``, ``{ file = … }`` or the keyring.

        Raises:
            SettingsError: It is no reference, or leads nowhere.
        """
        kind, name = "", None
        if isinstance(value, Mapping) and len(value) == 1:
            kind, name = next(iter(value.items()))
        if not isinstance(name, str) or not name:
            kind = ""
        match kind:
            case "env":
                if not (found := self.environ.get(str(name))):
                    raise self.wrong(
                        f"comes from the environment variable {name}, which is not set"
                    )
                return found
            case "file":
                folder = Path() if self.path is None else Path(self.path).parent
                try:
                    read = read_secret(str(name), folder, self.environ)
                except LookupError as error:
                    raise self.wrong(f"comes from the file {error.args[0]}") from None
                if read.is_open:
                    self._warn(
                        f"the secret {self.key} comes from {read.path}, which others on this "
                        "machine can read"
                    )
                return read.text
            case "keyring":
                try:
                    return self.look_up(str(name))
                except LookupError as error:
                    raise self.wrong(f"comes from the keyring, but {error.args[0]}") from None
        raise self.wrong(f"must be {_FORMS}")

    def _warn(self, text: str) -> None:
        mark = (self.path, self.key, text)
        if mark not in _warned:
            _warned.add(mark)
            warnings.warn(text, stacklevel=4)


_warned: Final[set[tuple[str | None, str, str]]] = set()

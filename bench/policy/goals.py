"""What is to be reached, and whether it is."""

from __future__ import annotations

from attrs import Factory, define


@define
class Goals:
    """A list of figures, each with its bound."""

    _lines: list[tuple[str, str, bool]] = Factory(list)

    def at_most(self, what: str, found: float, most: float) -> None:
        """Add a figure that should be small."""
        self._lines.append((what, f"{found:8.3f}   <= {most:g}", found <= most))

    def at_least(self, what: str, found: float, least: float) -> None:
        """Add a figure that should be large."""
        self._lines.append((what, f"{found:8.3f}   >= {least:g}", found >= least))

    def show(self) -> None:
        """Print them."""
        print("\nto reach")
        for what, text, is_reached in self._lines:
            print(f"  {what:<54}{text:<20}{'yes' if is_reached else 'NO'}")

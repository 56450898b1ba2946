"""What a table was measured with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version


def find_version(package: str) -> str | None:
    """Return the version that is installed, or `None`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def show_versions(*packages: str) -> None:
    """Print the versions of Python and of packages that are installed."""
    found = {package: find_version(package) for package in packages}
    shown = ", ".join(f"{package} {number}" for package, number in found.items() if number)
    print(f"Python {platform.python_version()}, {shown}")

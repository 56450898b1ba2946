"""The source of batchhub as data: its modules, and what each imports when it runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen


@frozen(kw_only=True)
class Module:
    """
    One module.

    Attributes:
        name: Its dotted name.
        path: Its file.
        tree: Its source, parsed.
    """

    name: str
    path: Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether it is a package's own file."""
        return self.path.name == "__init__.py"

    def imports(self, *, when_run: bool = True) -> Iterator[tuple[str, str | None]]:
        """
        Yield what it imports: a module, and the name taken out of it, if one is.

        Args:
            when_run: Leave out what only type checkers import.
        """
        for node in _walk(self.tree, skip_typing=when_run):
            if isinstance(node, ast.Import):
                yield from ((alias.name, None) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._resolve(node)
                yield from ((base, alias.name) for alias in node.names)

    def _resolve(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        parts = parts[: len(parts) - node.level + self.is_package]
        return ".".join([*parts, *filter(None, [node.module])])


def _walk(tree: ast.AST, *, skip_typing: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if skip_typing and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for other in node.orelse:
                yield from _walk(other, skip_typing=True)
            continue
        yield node
        yield from _walk(node, skip_typing=skip_typing)


def folder_of(package: str) -> Path:
    """Return the folder an installed package is in."""
    spec = find_spec(package)
    assert spec is not None, package
    assert spec.origin is not None, package
    return Path(spec.origin).parent


def read_package(package: str) -> dict[str, Module]:
    """Read every module of an installed package, by name."""
    folder = folder_of(package)
    modules = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [package, *path.relative_to(folder).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        modules[name] = Module(name=name, path=path, tree=tree)
    return modules


def target(module: str, name: str | None, modules: dict[str, Module]) -> str:
    """Return the module an import reaches: `name` may be one itself."""
    inner = f"{module}.{name}"
    return inner if name and inner in modules else module


def is_standard(module: str) -> bool:
    """Whether a module comes with Python."""
    return module.partition(".")[0] in sys.stdlib_module_names

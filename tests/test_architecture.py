"""The file name is the layer: a module not named in SHELL is pure and may import neither I/O nor the shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHELL = {
    "admin", "api", "apps", "checks", "executors", "exports", "forms", "importers", "management", "middleware", "migrations",
    "models", "pagers", "queries", "services", "sources", "tasks", "urls", "views",
}  # fmt: skip
OUTSIDE = {"celery", "django", "httpx", "prometheus_api_client", "requests", "socket", "subprocess"}
PACKAGES = ("incidents", "sloengine")
OWNERS_TOP_LEVEL = {
    "manage.py", "pyproject.toml", "README.md", "observability", "incidents", "sloengine", "probes", "dashboards", "tests",
    "Makefile", "LICENSE", "CHANGELOG.md", "docs", "deploy", "constraints.txt",
}  # fmt: skip


def imported_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def impure_imports(source: str) -> set[str]:
    """The parts of a pure module's imports that it may not have.

    >>> impure_imports("from sloengine.catalog.models import Service")
    {'models'}
    """
    parts = {part for name in imported_names(source) for part in name.split(".")}
    return parts & (SHELL | OUTSIDE)


PURE = [
    path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if not SHELL & {path.stem, *path.relative_to(ROOT).parts}
]


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_modules_import_no_input_output_and_no_shell(path: Path) -> None:
    assert impure_imports(path.read_text(encoding="utf-8")) == set()


def test_a_planted_import_is_found() -> None:
    assert impure_imports("import httpx\nfrom sloengine.budgets import services") == {"httpx", "services"}


def test_pure_modules_exist_in_both_packages() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in PURE} == set(PACKAGES)


def test_the_top_level_holds_only_what_the_owner_named() -> None:
    found = {
        path.name for path in ROOT.iterdir() if not path.name.startswith(".") and not path.name.endswith(".egg-info")
    }
    assert found - OWNERS_TOP_LEVEL - {"build", "__pycache__"} == set()


@pytest.mark.parametrize("package", ["observability", "incidents", "sloengine", "probes", "dashboards"])
def test_every_package_is_its_own_map(package: str) -> None:
    without = [
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("__init__.py")
        if "migrations" not in path.parts and "management" not in path.parts
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert without == []

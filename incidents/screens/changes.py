"""A change in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SILENT = {"config_hash"}


def describe(*, kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """('deploy', {'version': 'v7.1'}, {'version': 'v7.2'}) -> 'deploy, version v7.1 to v7.2'."""
    fields = [name for name in {**before, **after} if before.get(name) != after.get(name) and name not in SILENT]
    parts = [
        f"{name.replace('_', ' ')} {before.get(name, 'nothing')} to {after.get(name, 'nothing')}" for name in fields
    ]
    if not parts and before.get("config_hash") != after.get("config_hash"):
        if kind == "config":
            return "configuration changed"
        parts = ["configuration only"]
    return ", ".join([kind.replace("config", "configuration"), *parts])

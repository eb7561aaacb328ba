"""Reads the actions document node by node into plain values; every problem knows its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from incidents.actions.kinds import KINDS
from incidents.diagnosis.conditions import BadConditionError, parse_test
from observability.core.documents import NodeReader

#: kind of executor -> keys that it needs, keys that it may have, keys that name a secret
EXECUTORS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "webhook": (("url", "secret"), ("repeatable",), ("secret",)),
    "kubernetes": (("server", "namespace", "token"), ("certificate", "deployment", "pod"), ("token", "certificate")),
    "github": (("repository", "workflow", "token"), ("ref", "url", "inputs"), ("token",)),
    "probe": (("url", "secret", "command"), ("arguments",), ("secret",)),
}
#: What an executor can do at all. A cluster knows nothing of tags, checkpoints' verdicts or vendors.
CAN: Mapping[str, tuple[str, ...]] = {"kubernetes": ("warm_restart", "scale_out", "rollback", "drain")}
BINDING = (
    "service", "action", "executor", "parameters", "approvals", "propose", "rehearse", "capacity", "blast_radius", "cool_down",
    "at_most", "only_if", "completion", "verify", "undo_after",
)  # fmt: skip
PLACES = frozenset({"service", "action", "replica", "region", "version", "tag", "incident"})
_PLACE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,62}$")
_PERCENT = re.compile(r"^(\d{1,3}) ?%$")
#: Signals that hold now against before: after an action, "before" is the fault.
COMPARES = ("_factor", "_growth", "_growth_share", "_fall", "_gap")


class DocumentReader(NodeReader):
    """`document` gives executors, bindings, floors, declared and the lines of the bindings."""

    def document(self, node: yaml.Node) -> dict[str, Any]:
        top = self.mapping(node, "", ("executors", "bindings", "floors", "declared"))
        executors = {
            name: self.executor(name, value, path)
            for name, value, path in self.entries(top.get("executors"), "executors")
        }
        floors = {
            tag: self.whole(value, path, low=1, high=64)
            for tag, value, path in self.entries(top.get("floors"), "floors")
        }
        declared = {
            service: self.texts(value, path) for service, value, path in self.entries(top.get("declared"), "declared")
        }
        bindings, lines, seen = [], [], set()
        for value, path in self.items(top.get("bindings"), "bindings"):
            found = self.binding(value, path, executors, floors)
            key = found.get("service"), found.get("action")
            if key in seen:
                self.refuse(value, path, "each action of a service once", f"{key[1]} of {key[0]} again")
            seen.add(key)
            bindings.append(found)
            lines.append(value.start_mark.line + 1)
        return {"executors": executors, "bindings": bindings, "floors": floors, "declared": declared, "lines": lines}

    def executor(self, name: str, node: yaml.Node, path: str) -> dict[str, Any]:
        if not _NAME.match(name):
            self.refuse(node, path, "a name of lower case letters, digits, . - and _", repr(name))
        kind = next((str(v.value) for k, v in getattr(node, "value", ()) if getattr(k, "value", "") == "kind"), "")
        if kind not in EXECUTORS:
            self.refuse(node, f"{path}.kind", f"one of {', '.join(EXECUTORS)}", repr(kind))
            return {"name": name, "kind": kind, "settings": {}, "secrets": {}}
        needs, may, secret = EXECUTORS[kind]
        found = self.mapping(node, path, ("kind", *needs, *may))
        for key in needs:
            if key not in found:
                self.refuse(node, path, f"a {key}", "none")
        settings = {key: self.setting(key, value, f"{path}.{key}") for key, value in found.items()}
        return {
            "name": name,
            "kind": kind,
            "settings": {key: value for key, value in settings.items() if key not in ("kind", *secret)},
            "secrets": {key: value for key, value in settings.items() if key in secret},
            "line": node.start_mark.line + 1,
        }

    def setting(self, key: str, node: yaml.Node, path: str) -> Any:
        if key == "repeatable":
            return self.truth(node, path)
        if key in ("inputs", "arguments"):
            return {name: self.template(value, at) for name, value, at in self.entries(node, path)}
        text = self.template(node, path)
        if key in ("url", "server") and text and not text.startswith(("https://", "http://")):
            self.refuse(node, path, "an address that starts with https:// or http://")
        return text

    def template(self, node: yaml.Node, path: str) -> str:
        """A text in which {service}, {replica} and the like may stand."""
        text = self.text(node, path)
        for place in _PLACE.findall(text):
            if place not in PLACES:
                self.refuse(node, path, f"one of {', '.join(sorted(PLACES))} in braces", f"{{{place}}}")
        return text

    def binding(
        self, node: yaml.Node, path: str, executors: Mapping[str, Any], floors: Mapping[str, int]
    ) -> dict[str, Any]:
        found = self.mapping(node, path, BINDING)
        for key in ("service", "action", "executor"):
            if key not in found:
                self.refuse(node, path, f"a {key}", "none")
                return {}
        given: dict[str, Any] = {"service": self.text(found["service"], f"{path}.service")}
        action = given["action"] = self.text(found["action"], f"{path}.action")
        if action not in KINDS or KINDS[action].advice:
            can = ", ".join(name for name, kind in KINDS.items() if not kind.advice)
            self.refuse(found["action"], f"{path}.action", f"one of {can}")
            return given
        given["executor"] = self.chosen(found["executor"], f"{path}.executor", action, executors)
        given["parameters"] = self.parameters(found.get("parameters"), node, f"{path}.parameters", action, floors)
        for key, value in found.items():
            if key in _READ:
                given |= _READ[key](self, value, f"{path}.{key}")
        if action == "warm_restart" and "completion" not in found:
            self.refuse(node, path, "a completion: a restart is done when one has come back", "none")
        if action == "warm_restart" and "capacity" not in found:
            self.refuse(node, path, "a capacity, by which the survivors' headroom is judged", "none")
        return given

    def chosen(self, node: yaml.Node, path: str, action: str, executors: Mapping[str, Any]) -> str:
        name = self.text(node, path)
        if name not in executors:
            self.refuse(node, path, f"one of {', '.join(executors) or 'the executors above'}")
        elif action not in CAN.get(executors[name]["kind"], (action,)):
            self.refuse(
                node, path, f"an executor that can {action}", f"{name}, of kind {executors[name]['kind']}, which cannot"
            )
        return name

    def parameters(
        self, node: yaml.Node | None, binding: yaml.Node, path: str, action: str, floors: Mapping[str, int]
    ) -> dict[str, Any]:
        kind = KINDS[action]
        found = self.mapping(node, path, (*kind.needs, *kind.may)) if node is not None else {}
        for key in kind.needs:
            if key not in found:
                self.refuse(node or binding, path, f"a {key}", "none")
        read = {key: self.parameter(key, value, f"{path}.{key}") for key, value in found.items()}
        bits, tag = read.get("bits"), read.get("tag")
        if bits is not None and bits < floors.get(str(tag), 0):
            self.refuse(
                found["bits"], f"{path}.bits", f"at least {floors[str(tag)]}, the floor of {tag}", f"{bits} bits"
            )
        return read

    def parameter(self, key: str, node: yaml.Node, path: str) -> Any:
        if key == "limits":
            limits = {tag: self.whole(value, at, low=0, high=1_000_000) for tag, value, at in self.entries(node, path)}
            if not limits:
                self.refuse(node, path, "{tag: how many requests at once}")
            return limits
        if key == "bits":
            return self.whole(node, path, low=1, high=64)
        text = self.text(node, path)
        if key == "replicas" and not re.fullmatch(r"\+?[1-9]\d{0,2}", text):
            self.refuse(node, path, "a number of replicas, or how many more, such as +2")
        return text

    def share(self, node: yaml.Node, path: str) -> float:
        match = _PERCENT.match(str(node.value)) if isinstance(node, yaml.ScalarNode) else None
        if match is None or not 1 <= int(match[1]) <= 100:
            self.refuse(node, path, "a share such as 25 %")
            return 0.0
        return int(match[1]) / 100

    def conditions(self, node: yaml.Node, path: str, *, levels: bool = False) -> tuple[str, ...]:
        texts = []
        for value, at in self.items(node, path):
            text = self.text(value, at, "a condition such as ttft_p95 < 250 ms")
            try:
                signal = parse_test(text).signal if text else ""
            except BadConditionError as error:
                self.refuse(value, at, error.expected, error.found)
                continue
            if levels and signal.endswith(COMPARES):
                self.refuse(value, at, "a level: after an action, what was before is the fault", signal)
            texts.append(text)
        if not texts and not self.problems:
            self.refuse(node, path, "at least one condition")
        return tuple(texts)

    def at_most(self, node: yaml.Node, path: str) -> dict[str, Any]:
        found = self.mapping(node, path, ("runs", "in"))
        if set(found) != {"runs", "in"}:
            self.refuse(node, path, "{runs: 3, in: 1h}")
            return {}
        return {
            "most_runs": self.whole(found["runs"], f"{path}.runs", low=1, high=1000),
            "most_in_seconds": int(self.span(found["in"], f"{path}.in").total_seconds()),
        }

    def completion(self, node: yaml.Node, path: str) -> dict[str, Any]:
        found = self.mapping(node, path, ("url", "model", "within"))
        if not {"url", "model"} <= set(found):
            self.refuse(node, path, "url and model of an OpenAI-compatible endpoint")
            return {}
        read: dict[str, Any] = {
            "url": self.setting("url", found["url"], f"{path}.url"),
            "model": self.text(found["model"], f"{path}.model"),
        }
        return {"completion": read | self.within(found, path)}

    def verify(self, node: yaml.Node, path: str) -> dict[str, Any]:
        found = self.mapping(node, path, ("expect", "within", "otherwise"))
        if "expect" not in found:
            self.refuse(node, path, "expect: conditions", "none")
            return {}
        read: dict[str, Any] = {"expect": self.conditions(found["expect"], f"{path}.expect", levels=True)}
        if "otherwise" in found:
            read["otherwise"] = self.one_of(("tell", "undo"))(found["otherwise"], f"{path}.otherwise")
        return {"verify": read | self.within(found, path, low=150)}

    def within(self, found: Mapping[str, yaml.Node], path: str, *, low: int = 60) -> dict[str, int]:
        if "within" not in found:
            return {}
        seconds = int(self.span(found["within"], f"{path}.within").total_seconds())
        if seconds < low:
            self.refuse(found["within"], f"{path}.within", f"at least {low}s")
        return {"within_seconds": seconds}


def _seconds(name: str) -> Any:
    return lambda reader, node, path: {name: int(reader.span(node, path).total_seconds())}


_READ: Mapping[str, Any] = {
    "approvals": lambda reader, node, path: {"approvals": reader.whole(node, path, low=1, high=2)},
    "propose": lambda reader, node, path: {"propose": reader.one_of(("by_hand", "by_itself"))(node, path)},
    "rehearse": lambda reader, node, path: {"rehearse": reader.truth(node, path)},
    "capacity": lambda reader, node, path: {"capacity": reader.whole(node, path, low=1, high=100_000)},
    "blast_radius": lambda reader, node, path: {"blast_radius": reader.share(node, path)},
    "cool_down": _seconds("cool_down_seconds"),
    "at_most": lambda reader, node, path: reader.at_most(node, path),
    "only_if": lambda reader, node, path: {"only_if": reader.conditions(node, path)},
    "completion": lambda reader, node, path: reader.completion(node, path),
    "verify": lambda reader, node, path: reader.verify(node, path),
    "undo_after": _seconds("undo_after_seconds"),
}

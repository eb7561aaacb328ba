"""The configuration that a replica runs: each field with its source, or "cannot tell"; by hash; never a secret. Pure.

Sources, the first that tells a field counts: the engine's server info, its command line in /proc, /v1/models, the info families of
its metrics page, the probe's own configuration. Driver, CUDA and GPU model come from NVML and belong to the machine: they are
shown and are not in the hash, nor is what an engine measured for itself. Equal configurations have equal hashes everywhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from probes.config import Target
from probes.dialects import Dialect
from probes.dialects.translate import UNKNOWN
from probes.exposition import Samples, Series
from probes.replica import target_labels
from probes.signals import PREFIX, REPLICA

CANNOT_TELL = "cannot tell"
#: What is asked of every replica; whatever else a source tells is shown too.
WANTED = (
    "engine", "engine_version", "image", "checkpoint", "model_revision", "quantisation", "context_length", "tensor_parallel",
    "pipeline_parallel", "data_parallel", "driver", "cuda", "gpu_model", "placement", "region", "environment",
)  # fmt: skip
#: Of the machine, not of the configuration.
OF_MACHINE = frozenset({"driver", "cuda", "gpu_model", "placement", "region", "environment"})
#: What sizes an engine to the memory it finds; it differs between replicas that were configured alike.
MEASURED = frozenset({"engine", "kv_cache_max_concurrency", "kv_cache_size_tokens", "num_gpu_blocks"})
LONGEST = 200
_ARGUMENTS = {
    "model": "checkpoint", "model_path": "checkpoint", "revision": "model_revision",
    "quantization": "quantisation", "max_model_len": "context_length", "context_length": "context_length",
    "ctx_size": "context_length", "tensor_parallel_size": "tensor_parallel", "tp": "tensor_parallel",
    "tp_size": "tensor_parallel", "pipeline_parallel_size": "pipeline_parallel", "pp": "pipeline_parallel",
    "pp_size": "pipeline_parallel", "data_parallel_size": "data_parallel", "dp": "data_parallel", "dp_size": "data_parallel",
}  # fmt: skip
#: Where a replica listens and what it calls itself is not how it is configured.
_OF_PLACE = frozenset(
    {"host", "port", "uds", "root_path", "served_model_name", "download_dir", "nccl_port", "dist_init_addr"}
)
_SECRET = re.compile(r"key|token|secret|passw|credential|auth|header|cookie|cert|dsn", re.IGNORECASE)
_USER_INFO = re.compile(r"://[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Fact:
    value: str
    source: str


Facts = Mapping[str, Fact]


def fields(samples: Mapping[Series, float], dialects: Sequence[Dialect]) -> dict[str, str]:
    """Fields of the info metrics that the dialects name: {"block_size": "128", ...}; a value "None" is left out."""
    wanted = {name: set(labels) for dialect in dialects for name, labels in dialect.config}
    found: dict[str, str] = {}
    for raw in samples:
        if raw.name in wanted:
            chosen = wanted[raw.name]
            found |= {
                key: value for key, value in raw.labels if (not chosen or key in chosen) and value not in ("", "None")
            }
    return {key: found[key] for key in sorted(found) if key not in MEASURED}


def of_arguments(words: Sequence[str], *, source: str = "/proc") -> dict[str, Fact]:
    """`["vllm", "serve", "llama", "--max-model-len", "8192", "--api-key=x"]` tells checkpoint and context_length, and no key."""
    found: dict[str, Fact] = {}
    rest = list(words)
    if "serve" in rest[:-1] and not (model := rest[rest.index("serve") + 1]).startswith("-"):
        found["checkpoint"] = Fact(_short(model), source)
    for at, word in enumerate(rest):
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-") or len(name) < 2 or name[0].isdigit():
            continue  # a single letter is the interpreter's as often as the engine's
        name = name.replace("-", "_").replace(".", "_").lower()
        if not equals:
            following = rest[at + 1] if at + 1 < len(rest) else "-"
            value = "true" if following.startswith("-") and not following[1:2].isdigit() else following
        if _SECRET.search(name) or _SECRET.search(value) or _USER_INFO.search(value) or name in _OF_PLACE:
            continue
        found[_ARGUMENTS.get(name, f"argument_{name}")] = Fact(_short(value), source)
    return found


def of_models(body: bytes, *, model: str) -> dict[str, Fact]:
    """GET /v1/models: the card of the model, or the only one. An adapter's card names its parent and is not the engine's."""
    cards = [card for card in _list(_json(body).get("data")) if isinstance(card, dict) and not card.get("parent")]
    chosen = [card for card in cards if card.get("id") == model] or (cards if len(cards) == 1 else [])
    return _named(chosen[0] if chosen else {}, {"root": "checkpoint", "max_model_len": "context_length"}, "/v1/models")


def of_server_info(body: bytes) -> dict[str, Fact]:
    """SGLang's /get_server_info and vLLM's /version. Only the fields that are named here: the document carries API keys too."""
    names = {
        "model_path": "checkpoint", "revision": "model_revision", "quantization": "quantisation", "context_length": "context_length",
        "tp_size": "tensor_parallel", "pp_size": "pipeline_parallel", "dp_size": "data_parallel", "version": "engine_version",
        "kv_cache_dtype": "kv_cache_dtype", "dtype": "dtype",
    }  # fmt: skip
    return _named(_json(body), names, "server info")


def of_target(target: Target) -> dict[str, Fact]:
    own = {
        "region": target.region,
        "model_version": target.version,
        "environment": target.environment,
        "image": target.image,
    }
    return {name: Fact(value, "configuration") for name, value in own.items() if value not in ("", UNKNOWN)}


def of_machine(facts: Mapping[str, str], *, gpus: Sequence[str], node: str) -> dict[str, Fact]:
    """`facts`: of probes.gpu.Machine; `gpus`: the UUIDs that the replica runs on, none where nothing joins it to any."""
    found = {name: Fact(facts[name], "NVML") for name in ("driver", "cuda") if gpus and name in facts}
    models = sorted({facts[uuid.partition("/")[0]] for uuid in gpus if uuid.partition("/")[0] in facts})
    if models:
        found["gpu_model"] = Fact(_short(f"{len(gpus)} x {', '.join(models)}"), "NVML")
        found["placement"] = Fact(_short(f"{node}: {', '.join(sorted(gpus))}"), "NVML")
    return found


def merged(*sources: Facts) -> dict[str, Fact]:
    """The first that tells a field counts; what is wanted and nobody tells is "cannot tell"."""
    told = {name: fact for source in reversed(sources) for name, fact in source.items()}
    for name in WANTED:
        told.setdefault(name, Fact(CANNOT_TELL, ""))
    return {name: told[name] for name in sorted(told)}


def hashed(facts: Facts) -> dict[str, str]:
    """What the hash is over: all that was told of the configuration itself."""
    return {
        name: fact.value
        for name, fact in facts.items()
        if fact.source and fact.source != "configuration" and name not in OF_MACHINE and name not in MEASURED
    }


def config_hash(target: Target, fields: Mapping[str, str]) -> str:
    """Twelve hexadecimal digits over model, version and fields; equal configurations have equal hashes everywhere."""
    text = "\n".join(
        [f"model={target.model}", f"version={target.version}", *(f"{key}={fields[key]}" for key in sorted(fields))]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def canonical(target: Target, fields: Mapping[str, str]) -> Samples:
    """What every reader needs: the hash, and the fields that it is over."""
    labels = target_labels(target, REPLICA)
    out: Samples = {Series(f"{PREFIX}config_info", _with(labels, config_hash=config_hash(target, fields))): 1.0}
    for key, value in fields.items():
        out[Series(f"{PREFIX}config_field_info", _with(labels, field=key, value=value))] = 1.0
    return out


def shown(target: Target, facts: Facts) -> Samples:
    """Every field with its source, as the page shows them."""
    labels = target_labels(target, REPLICA)
    return {
        Series(
            f"{PREFIX}config_source_info", _with(labels, field=name, value=fact.value, source=fact.source or "nobody")
        ): 1.0
        for name, fact in facts.items()
    }


def document(found: Iterable[tuple[Target, Facts]]) -> str:
    """/inventory.json: a list of replicas, each field as {"value", "source"}; source null where nobody can tell."""
    replicas = [
        {
            **dict(target_labels(target, REPLICA)),
            "config_hash": config_hash(target, hashed(facts)),
            "fields": {name: {"value": fact.value, "source": fact.source or None} for name, fact in facts.items()},
        }
        for target, facts in found
    ]
    return json.dumps({"replicas": replicas}, indent=1, ensure_ascii=False) + "\n"


def _named(found: Mapping[str, object], names: Mapping[str, str], source: str) -> dict[str, Fact]:
    """Two names of one field: the first counts."""
    told: dict[str, Fact] = {}
    for key, name in names.items():
        value = found.get(key)
        if (
            isinstance(value, (str, int, float))
            and str(value) not in ("", "None")
            and not _USER_INFO.search(str(value))
        ):
            told.setdefault(name, Fact(_short(str(value)), source))
    return told


def _json(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _list(found: object) -> list[object]:
    return found if isinstance(found, list) else []


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _with(labels: tuple[tuple[str, str], ...], **more: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((*labels, *more.items())))

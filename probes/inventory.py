"""The configuration a replica shows on its metrics page, by field and by hash. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from probes.config import Target
from probes.dialects import Dialect
from probes.exposition import Samples, Series
from probes.replica import target_labels
from probes.signals import PREFIX, REPLICA

#: What sizes an engine to the memory it finds; it differs between replicas that were configured alike.
MEASURED = frozenset({"engine", "kv_cache_max_concurrency", "kv_cache_size_tokens", "num_gpu_blocks"})


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


def config_hash(target: Target, fields: Mapping[str, str]) -> str:
    """Twelve hexadecimal digits over model, version and fields; equal configurations have equal hashes everywhere."""
    text = "\n".join(
        [f"model={target.model}", f"version={target.version}", *(f"{key}={fields[key]}" for key in sorted(fields))]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def canonical(target: Target, fields: Mapping[str, str]) -> Samples:
    labels = target_labels(target, REPLICA)
    out: Samples = {Series(f"{PREFIX}config_info", _with(labels, config_hash=config_hash(target, fields))): 1.0}
    for key, value in fields.items():
        out[Series(f"{PREFIX}config_field_info", _with(labels, field=key, value=value))] = 1.0
    return out


def _with(labels: tuple[tuple[str, str], ...], **more: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((*labels, *more.items())))

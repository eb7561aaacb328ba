"""What `check` and `signals` print. Pure but for the transport they are given."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence

from probes import dialects, explain, gpu, join
from probes.agent import ScrapeFailed, Transport
from probes.attribution import Attributor
from probes.config import Canary, ProbeConfig, Target
from probes.exposition import MalformedExposition, Samples
from probes.replica import Translator
from probes.requests import BY_LOGS, BY_SPANS
from probes.roster import TargetFinder
from probes.signals import PREFIX, SIGNALS

_GIVEN = {
    "engine": "Given by engines",
    "gateway": "Given by gateways, clients and the probe's own receivers",
    "gpu": "Given by GPU exporters and NVML",
}


def signals() -> str:
    """The vocabulary (name, kind, unit, meaning), then who gives what: one table for each kind of page."""
    rows = [("signal", "kind", "unit", "meaning")]
    for signal in SIGNALS.values():
        first, *rest = textwrap.wrap(signal.meaning, 80)
        rows += [(signal.family, signal.kind, signal.unit, first), *(("", "", "", line) for line in rest)]
    parts = [table(rows)]
    shipped = dialects.shipped()
    for kind, title in _GIVEN.items():
        kinds = ("gateway", "client") if kind == "gateway" else (kind,)
        givers = {one.name: frozenset(one.gives()) for one in shipped if one.kind in kinds}
        if kind == "gpu":
            givers |= {one.name: frozenset(one.gives()) for one in shipped if one.name == "triton"}
            givers["nvml"] = frozenset(gpu.BY_NVML)
        if kind == "gateway":
            givers["spans"], givers["logs"] = frozenset(BY_SPANS), frozenset(BY_LOGS)
        parts.append(f"\n{title}:\n\n" + _matrix(givers, only="gpu_" if kind == "gpu" else ""))
    given = {name for one in shipped for name in one.gives()} | set(gpu.BY_NVML) | set(BY_SPANS)
    own = [name for name in SIGNALS if name not in given]
    parts.append("\nMeasured by the probe itself:\n\n" + textwrap.fill(", ".join(own), 118) + "\n")
    known = [(one.name, one.kind, one.title, one.source) for one in shipped]
    parts.append("\nDialects:\n\n" + table([("name", "kind", "speaks", "names written down at"), *known]))
    return "".join(parts)


def _matrix(givers: Mapping[str, Collection[str]], *, only: str) -> str:
    rows = [("signal", *givers)]
    rows += [
        (name, *("x" if name in gives else "." for gives in givers.values()))
        for name in SIGNALS
        if name.startswith(only) and any(name in gives for gives in givers.values())
    ]
    return table(rows)


def check(
    config: ProbeConfig,
    transport: Transport,
    *,
    machine: gpu.Machine | None,
    finder: TargetFinder | None = None,
    listeners: Collection[int] = (),
) -> tuple[str, bool]:
    """Each target and canary tried once: the table, and whether all answered."""
    targets = config.targets
    notes: list[str] = []
    good = True
    if config.targets_url is not None:
        try:
            targets += tuple(transport.discover(config.targets_url))
        except ScrapeFailed as problem:
            good = False
            notes.append(f"targets_url {config.targets_url}: {problem}")
    for source in config.discovery:
        try:
            found = tuple(finder.find(source)) if finder is not None else ()
            targets += found
            notes.append(f"{source.kind} {source.at}: {len(found)} targets")
        except ScrapeFailed as problem:
            good = False
            notes.append(f"{source.kind} {source.at}: {problem}")
    rows: list[Sequence[str]] = [("target", "answer", "dialect", "signals found", "missing")]
    for target in targets:
        row, fine = _target(target, transport, Attributor(config.attribution))
        rows.append(row)
        good &= fine
    for canary in config.canaries:
        completion = transport.complete(canary, canary.prompts[0])
        good &= completion.outcome == "ok"
        first = f", first token after {completion.token_seconds[0]:.3f} s" if completion.token_seconds else ""
        notes.append(
            f"canary {canary.service} ({canary.url}): {completion.outcome}, {len(completion.token_seconds)} tokens{first}"
            + (f": {completion.detail}" if completion.detail else "")
        )
        notes.append(f"  references: {_references(canary)}")
    if config.kubelet_socket and finder is not None:
        said, told = _kubelet(config.kubelet_socket, finder, targets)
        good &= told
        notes += said
    if machine is not None:
        notes += explain.machine(machine, listeners=listeners)
        good &= config.gpu != "on" or bool(machine.gpus)
    notes += explain.page(host=config.host, tls=config.tls is not None, auth=config.auth is not None)
    return table(rows) + "".join(f"{note}\n" for note in notes), good


def _kubelet(socket: str, finder: TargetFinder, targets: Sequence[Target]) -> tuple[list[str], bool]:
    """Which pod holds which GPU, and which of our replicas that is."""
    try:
        held = finder.held()
    except ScrapeFailed as problem:
        return [f"kubelet {socket}: {problem}"], False
    replicas = join.replicas(targets, by_pod=held, by_process={})
    lines = [f"kubelet {socket}: {len(held)} GPUs are held by pods"]
    return lines + [
        f"  {gpu}: {pod}, {f'replica {replicas[gpu]}' if gpu in replicas else 'no target of ours'}"
        for gpu, pod in sorted(held.items())
    ], True


def _references(canary: Canary) -> str:
    """What answers of this canary are compared with, and whether that judges."""
    found = canary.reference_set
    if not found.baselines:
        return "no calibrated set: answers are shown, nothing is judged (python -m probes references record)"
    serving = canary.version or found.model_version
    state = found.state(embedder=found.embedder, serving=serving)
    signed = f"signed by {found.signed.by}" if found.signed else "not signed"
    return f"version {found.version} by {found.embedder}, {signed}, {state}"


def _target(target: Target, transport: Transport, attributor: Attributor) -> tuple[tuple[str, ...], bool]:
    try:
        raw = transport.scrape(target)
    except ScrapeFailed as problem:
        return (target.name, str(problem), "", "", ""), False
    except MalformedExposition as problem:
        return (target.name, f"malformed: {problem}", "", "", ""), False
    translator = Translator(target, attributor=attributor)
    found = _names(translator.canonical(raw))
    expected = [name for dialect in translator.dialects for name in dialect.gives()]
    missing = [name for name in dict.fromkeys(expected) if name not in found]
    named = ", ".join(dialect.name for dialect in translator.dialects)
    return (
        target.name,
        f"{len(raw)} series",
        named or "none known",
        f"{len(found)}: {', '.join(sorted(found))}" if found else "none",
        ", ".join(missing) or ("-" if named else "all"),
    ), bool(named)


def _names(samples: Samples) -> set[str]:
    found = set()
    for one in samples:
        name = one.name.removeprefix(PREFIX)
        for part in ("_bucket", "_sum", "_count"):
            if name not in SIGNALS:
                name = name.removesuffix(part)
        found.add(name)
    return found


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns by two spaces; the last is not padded."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "".join(_line(row, widths) for row in rows)


def _line(row: Iterable[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"

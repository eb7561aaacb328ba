"""`python -m probes references ...` on files: which ones are read and written, and what is printed. An edge.

record --into DIR     ask every prompt, write DIR/<service>-v<N>.yaml, one version after the last there
compare OLD NEW       the differences of two versions
sign FILE --by NAME   a person has read it; only then it judges
declare FILE --model-version V --because TEXT --by NAME      the model changes on purpose
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from probes import embedders, recording, references, sandbox
from probes.agent import Transport
from probes.config import ProbeConfig
from probes.embed import Embedder, EmbedderFailed, HashedNgrams
from probes.judging import Judge
from probes.references import ReferenceSet


def judge(config: ProbeConfig) -> Judge:
    return Judge(embedder=embedders.build(config.embedder), run=sandbox.run if config.run_code else None)


def record(config: ProbeConfig, transport: Transport, *, into: Path, times: int, now: float) -> int:
    into.mkdir(parents=True, exist_ok=True)
    services = {canary.service for canary in config.canaries}
    before = {service: max((n for n, _ in _versions(into, service)), default=0) for service in services}
    sets, problems = recording.record(config, transport, judge(config), times=times, at=_at(now), before=before)
    for one in sets:
        if not one.references:
            continue
        file = into / f"{one.service}-v{one.version}.yaml"
        with file.open("x", encoding="utf-8") as new:  # a version is never overwritten
            new.write(references.dump(one))
        sys.stdout.write(f"{recording.shown(one)}written to {file}; sign it: references sign {file} --by YOU\n")
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


def compare(old: Path, new: Path, embedder: Embedder) -> int:
    sys.stdout.write(recording.compared(_read(old), _read(new), embedder))
    return 0


def sign(file: Path, *, by: str, now: float) -> int:
    one = _read(file)
    if not one.baselines:
        sys.stderr.write(f"{file}: it has no baselines to sign; record it with at least two answers a prompt\n")
        return 1
    _write(file, recording.sign(one, by=by, at=_at(now)))
    sys.stdout.write(f"{recording.shown(one)}signed by {by}\n")
    return 0


def declare(file: Path, *, version: str, because: str, by: str, now: float) -> int:
    _write(file, recording.declare(_read(file), version=version, because=because, by=by, at=_at(now)))
    sys.stdout.write(f"while {version} answers, {file} judges assertions alone; record and sign a new set then\n")
    return 0


def main(options: argparse.Namespace, config: ProbeConfig | None, transport: Transport | None, *, now: float) -> int:
    """`config` and `transport` only for what asks or embeds."""
    try:
        if options.action == "record" and config is not None and transport is not None:
            return record(config, transport, into=Path(options.into), times=options.times, now=now)
        if options.action == "compare":
            embedder = embedders.build(config.embedder) if config is not None else HashedNgrams()
            return compare(Path(options.old), Path(options.new), embedder)
        if options.action == "sign":
            return sign(Path(options.file), by=options.by, now=now)
        return declare(
            Path(options.file), version=options.model_version, because=options.because, by=options.by, now=now
        )
    except (OSError, EmbedderFailed) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2


def _versions(folder: Path, service: str) -> list[tuple[int, Path]]:
    name = re.compile(re.escape(service) + r"-v(\d+)\.yaml")
    return [(int(found[1]), file) for file in folder.iterdir() if (found := name.fullmatch(file.name))]


def _read(file: Path) -> ReferenceSet:
    return references.load(file.read_text("utf-8"), file=str(file))


def _write(file: Path, one: ReferenceSet) -> None:
    """Whole or not at all: a probe may read it at this moment."""
    new = file.with_suffix(".new")
    new.write_text(references.dump(one), encoding="utf-8")
    new.replace(file)


def _at(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")

"""Histories written straight into a Prometheus's blocks, so that no test waits for scrapes; and a fleet that wrote one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from probes.exposition import Series
from probes.simfleet.fleet import Fleet, TargetDown, default_config
from sloengine.sources.base import Reading
from tests import servers

PORTS = {"engine": "8000", "gateway": "4000", "gpu": "9400", "client": "8080"}


def blocks(readings: Iterable[Reading], folder: Path) -> Path:
    """The readings as blocks of a Prometheus."""
    by_series: dict[Series, list[str]] = {}
    for reading in readings:
        second = int(reading.at.timestamp())
        for one, value in reading.samples.items():
            by_series.setdefault(one, []).append(f" {value!r} {second}\n")
    return blocks_of_lines(by_series, folder)


def blocks_of_lines(by_series: Mapping[Series, list[str]], folder: Path) -> Path:
    """The same from " value second" lines a series."""
    folder.mkdir(exist_ok=True)
    with (folder / "history.om").open("w") as file:
        for one in sorted(by_series):
            labels = ",".join(f'{name}="{text}"' for name, text in one.labels)
            head = f"{one.name}{{{labels}}}"
            file.writelines(head + tail for tail in by_series[one])
        file.write("# EOF\n")
    command = [
        str(servers.required_program("promtool")),
        "tsdb",
        "create-blocks-from",
        "--max-block-duration=720h",
        "openmetrics",
        "-q",
    ]
    subprocess.run([*command, str(folder / "history.om"), str(folder / "blocks")], check=True, capture_output=True)
    return folder / "blocks"


def scraped_fleet(
    *, start: datetime, end: datetime, step: timedelta, faults: Mapping[datetime, tuple[str, bool]] | None = None
) -> Iterator[Reading]:
    """What a Prometheus that scrapes the simulated fleet's own pages would hold: raw engine series, job, instance, pod and `up`.

    `faults`: at an instant one begins (True) or ends (False)."""
    fleet = Fleet(default_config(), seed=4, start=(start - timedelta(minutes=5)).timestamp())
    pending = sorted((faults or {}).items())
    at = start
    while at <= end:
        while pending and pending[0][0] <= at:
            _, (name, begins) = pending.pop(0)
            (fleet.start_fault if begins else fleet.stop_fault)(name)
        fleet.advance(at.timestamp())
        samples: dict[Series, float] = {}
        for target in fleet.targets:
            own = {"job": f"{target.service}-{target.kind}", "instance": f"{target.name}:{PORTS[target.kind]}", "service": target.service,
                   "version": target.version, "region": target.region, "pod": target.replica or target.name}  # fmt: skip
            up = Series("up", tuple(sorted(own.items())))
            samples[up] = 0.0
            with suppress(TargetDown):
                for one, value in fleet.scrape(target.name).items():
                    labels = {**dict(one.labels), **own}
                    samples[Series(one.name, tuple(sorted(labels.items())))] = value
                samples[up] = 1.0
        yield Reading(at, samples)
        at += step
